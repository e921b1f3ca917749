package deploy_test

import (
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/fleet/push"
)

// The pusher's role allows all that a plan reads and all that a run writes, and nothing
// that sessions of a run may not.
func TestPusherAllowsWhatSessionsMay(t *testing.T) {
	allowed := roleActions(t, "pusher.yaml", "Pusher")
	var plan, run auditPolicy
	require.NoError(t, yaml.Unmarshal([]byte(push.PlanSession.Policy), &plan))
	require.NoError(t, yaml.Unmarshal([]byte(push.RunSession.Policy), &run))
	isKey := func(action string) bool { matched, _ := path.Match("kms:*", action); return matched }
	assert.Subset(t, allowed, slices.DeleteFunc(plan.actions(t), isKey))
	for _, action := range allowed {
		assert.True(t, slices.ContainsFunc(run.actions(t), func(pattern string) bool {
			matched, err := path.Match(pattern, action)
			return err == nil && matched
		}), "a session of a run may not do %s", action)
	}
	for _, pattern := range slices.DeleteFunc(run.actions(t), isKey) {
		assert.True(t, slices.ContainsFunc(allowed, func(action string) bool {
			matched, err := path.Match(pattern, action)
			return err == nil && matched
		}) || pattern == "iam:List*", "the role lacks %s", pattern)
	}
}
