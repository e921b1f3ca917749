package awsclient_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/awsclient"
)

// TestReadLongAnswers has an answer begin while net/http is still busy with the
// request, and go on after it. When it can be read without the option, too, the
// SDK has mended what the option is for, and the option can go.
func TestReadLongAnswers(t *testing.T) {
	user := "<member><Arn>arn:aws:iam::111122223333:user/" + strings.Repeat("u", 1000) + "</Arn></member>"
	answer := `<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult><UserDetailList>` +
		strings.Repeat(user, 20) + `</UserDetailList></GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	cfg := aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient:  awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.DialContext = dialSlowly }),
	}
	read := func() (*iam.GetAccountAuthorizationDetailsOutput, error) {
		return iam.NewFromConfig(cfg).GetAccountAuthorizationDetails(t.Context(), &iam.GetAccountAuthorizationDetailsInput{})
	}

	_, err := read()
	assert.ErrorContains(t, err, "use of closed network connection")

	cfg.APIOptions = append(cfg.APIOptions, awsclient.ReadLongAnswers)
	out, err := read()
	require.NoError(t, err)
	assert.Len(t, out.UserDetailList, 20)
}

// slow is a connection whose writes end late, and which reads little at a time.
type slow struct{ net.Conn }

func dialSlowly(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return slow{c}, err
}

func (s slow) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	time.Sleep(100 * time.Millisecond)
	return n, err
}

func (s slow) Read(p []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return s.Conn.Read(p[:min(len(p), 1024)])
}
