package fleet

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is asked for again: an answer that breaks off, but not a page in place of a
// refusal, which would come eleven times more.
func TestUnreadableAnswers(t *testing.T) {
	const whole = `{"Regions":[{"RegionName":"eu-west-1","RegionOptStatus":"ENABLED"}]}`
	for name, tc := range map[string]struct {
		status int
		first  string
		calls  int
	}{
		"breaks off":         {http.StatusOK, whole[:20], 2},
		"no such operation":  {http.StatusNotFound, "<!doctype html>", 1},
		"refused by a proxy": {http.StatusForbidden, "<!doctype html>", 1},
		"whole":              {http.StatusOK, whole, 1},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls++
				w.Header().Set("Content-Type", "application/json")
				if calls > 1 {
					_, _ = w.Write([]byte(whole))
					return
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.first))
			}))
			defer server.Close()
			cfg := aws.Config{BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{}}
			regions, err := enabledRegions(context.Background(), account.NewFromConfig(Limited(cfg, "us-east-1", 0)))
			assert.Equal(t, tc.calls, calls)
			if tc.status != http.StatusOK {
				assert.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []string{"eu-west-1"}, regions)
		})
	}
}
