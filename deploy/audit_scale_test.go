package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/fleettest"
)

// asAuditor has this process be pbm for an operator of the account dev at a fake
// AWS, in an empty directory with an empty cache.
func asAuditor(t *testing.T) *fleettest.Server {
	t.Helper()
	server := fleettest.New()
	t.Cleanup(server.Close)
	home := t.TempDir()
	require.NoError(t, writeProfiles(context.Background(), home, server.URL, false))
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	t.Setenv("AWS_PROFILE", "dev")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	return server
}

// audited runs pbm audit.
func audited(t *testing.T, args ...string) (report fleet.Report, code int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = deploy.Run(context.Background(), append([]string{"audit", "--rate", "0", "--json"}, args...), nil, &out, &errs)
	if out.Len() > 0 {
		require.NoError(t, json.Unmarshal(out.Bytes(), &report), out.String())
	}
	return report, code, errs.String()
}

var boundaries = map[string]string{
	"dev":  "arn:aws:iam::111122223333:policy/platform/dev-boundary",
	"prod": "arn:aws:iam::111122223333:policy/platform/prod-boundary",
}

// An account with 2,000 stacks and 20,000 roles: how many calls an audit takes,
// and that the next one reads nothing twice.
func TestAuditScale(t *testing.T) {
	server := asAuditor(t)
	dev := server.Account("111122223333")
	dev.Fill(fleettest.Workload{Regions: []string{"eu-west-1"}, Stacks: 2000, Roles: 10, Boundaries: boundaries})
	store := dev.Store("eu-west-1")
	for name, arn := range boundaries {
		store.Set("/permissions-boundary/"+name, arn)
	}
	server.ForgetCalls()
	start := time.Now()
	report, code, stderr := audited(t)
	require.Zero(t, code, stderr)
	assert.Len(t, report.Roles, 20000)
	assert.Equal(t, 20000, report.Summary[fleet.Live], "%v %+v", report.Summary, report.Roles[0])
	assert.LessOrEqual(t, len(server.Calls()), 4200)
	t.Logf("cold: %d calls, %v", len(server.Calls()), time.Since(start))
	server.ForgetCalls()
	start = time.Now()
	again, code, stderr := audited(t)
	require.Zero(t, code, stderr)
	assert.Equal(t, report, again)
	assert.LessOrEqual(t, len(server.Calls()), 110)
	t.Logf("warm: %d calls, %v", len(server.Calls()), time.Since(start))
	assert.Zero(t, server.Writes())
	_ = os.Stderr
}
