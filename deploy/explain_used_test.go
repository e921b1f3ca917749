package deploy_test

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/fleet/fleettest"
)

// The calls that read the last use of roles keep to their rate, those for all roles
// together. Scripts run without it.
func TestUseRate(t *testing.T) {
	const perSecond, roles = 10, 3
	fake := asOperator(t)
	for _, name := range []string{"a", "b", "c"} {
		fake.Account(accounts["dev"]).PutRole(fleettest.Role{Name: name, Inline: []fleettest.Policy{{
			Name: "data", Document: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`,
		}}})
	}
	require.NoError(t, os.WriteFile("boundary.json", []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}`), 0o600))
	t.Cleanup(deploy.SetUseCallsPerSecond(perSecond))
	var out, errs bytes.Buffer
	begun := time.Now()
	require.Zero(t, deploy.Run(context.Background(), []string{"explain", "--live", "--policy", "boundary.json", "--used"}, nil, &out, &errs), errs.String())
	took := time.Since(begun)
	calls := fake.Count(fleettest.Call{Operation: "GenerateServiceLastAccessedDetails"}) + fake.Count(fleettest.Call{Operation: "GetServiceLastAccessedDetails"})
	require.GreaterOrEqual(t, calls, 3*roles)
	assert.GreaterOrEqual(t, took, time.Duration(calls-1)*time.Second/perSecond)
}
