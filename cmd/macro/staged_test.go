package main_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
)

// A staged change: pbm sets the new boundary for one account, then for the whole
// environment, and then removes the override; the function follows at each step,
// in both accounts, and so does pbm transform.
func TestStagedChange(t *testing.T) {
	const (
		first  = "444455556666" // gets the change first
		second = "777788889999"
		old    = "arn:aws:iam::aws:policy/old"
		staged = "arn:aws:iam::aws:policy/new"
	)
	server := ssmServer(t)
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account><UserId>A</UserId>`+
			`<Arn>arn:aws:iam::111122223333:user/operator</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	}))
	t.Cleanup(sts.Close)
	t.Chdir(t.TempDir())
	t.Setenv("HOME", t.TempDir())
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_SSM": server.URL, "AWS_ENDPOINT_URL_STS": sts.URL, "AWS_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	pbm := func(stdin string, args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		require.Zero(t, deploy.Run(context.Background(), args, strings.NewReader(stdin), &stdout, &stderr), "%s", stderr.String())
		return stdout.String()
	}
	f := start(t, server.URL)
	check := func(account, boundary string) {
		t.Helper()
		got := f.invoke(strings.Replace(event("qa", role), `"accountId":"111122223333"`, `"accountId":"`+account+`"`, 1))
		require.Equal(t, "success", got.Status, got.ErrorMessage)
		assert.Contains(t, string(got.Fragment), `"PermissionsBoundary":"`+boundary+`"`, account)
		assert.Contains(t, pbm(`{"Resources":`+role+`}`, "transform", "-", "--environment", "qa", "--account", account), `"`+boundary+`"`, account)
	}

	pbm("", "env", "add", "qa", "--permissions-boundary", old, "--no-verify")
	check(first, old)
	check(second, old)

	pbm("", "env", "update", "qa", "--for-account", first, "--permissions-boundary", staged, "--no-verify")
	check(first, staged)
	check(second, old)

	pbm("", "env", "update", "qa", "--permissions-boundary", staged, "--no-verify")
	check(first, staged)
	check(second, staged)

	pbm("", "env", "update", "qa", "--permissions-boundary", old, "--no-verify") // the override outlives it
	check(first, staged)
	check(second, old)

	pbm("", "env", "remove", "qa", "--for-account", first, "--yes")
	check(first, old)
	check(second, old)

	pbm("", "env", "update", "qa", "--for-account", second, "--permissions-boundary", "none", "--no-verify", "--yes")
	pbm("", "env", "remove", "qa", "--yes")
	for _, account := range []string{first, second} {
		got := f.invoke(strings.Replace(event("qa", role), `"accountId":"111122223333"`, `"accountId":"`+account+`"`, 1))
		assert.Contains(t, got.ErrorMessage, `environment "qa" is unknown`)
	}
}
