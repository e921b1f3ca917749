package deploy_test

import (
	"os"
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
	text, err := os.ReadFile("pusher.yaml")
	require.NoError(t, err)
	var pusher struct {
		Resources struct {
			Pusher struct {
				Properties struct {
					Policies []struct {
						PolicyDocument auditPolicy `yaml:"PolicyDocument"`
					} `yaml:"Policies"`
					ManagedPolicyArns yaml.Node `yaml:"ManagedPolicyArns"`
				} `yaml:"Properties"`
			} `yaml:"Pusher"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(text, &pusher))
	properties := pusher.Resources.Pusher.Properties
	assert.True(t, properties.ManagedPolicyArns.IsZero(), "a managed policy may allow more")
	require.Len(t, properties.Policies, 1)
	allowed := properties.Policies[0].PolicyDocument.actions(t)
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
