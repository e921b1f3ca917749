package push_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/push"
)

func actionsOf(t *testing.T, policy string) (all []string) {
	t.Helper()
	var p struct {
		Statement []struct {
			Effect string
			Action any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(policy), &p))
	for _, s := range p.Statement {
		require.Equal(t, "Allow", s.Effect)
		switch action := s.Action.(type) {
		case string:
			all = append(all, action)
		case []any:
			for _, a := range action {
				all = append(all, a.(string))
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

var reads = regexp.MustCompile(`^[a-z0-9]+:(Describe|Get|List)[A-Za-z]*\*?$`)

// A plan cannot write. Of IAM, a push can write boundaries and nothing else.
func TestSessions(t *testing.T) {
	plan := actionsOf(t, push.PlanSession.Policy)
	for _, action := range plan {
		assert.True(t, reads.MatchString(action) || action == "kms:Decrypt", action)
	}
	assert.Subset(t, plan, actionsOf(t, fleet.SessionPolicy), "a plan begins with an audit")
	for _, action := range actionsOf(t, push.RunSession.Policy) {
		if strings.HasPrefix(action, "iam:") && !reads.MatchString(action) {
			assert.Regexp(t, `^iam:(Put|Delete)(Role|User)PermissionsBoundary$`, action)
		}
	}
	for _, session := range []fleet.Session{push.PlanSession, push.RunSession} {
		assert.LessOrEqual(t, len(session.Policy), 2048) // Source: STS API, AssumeRole, Policy.
	}
}
