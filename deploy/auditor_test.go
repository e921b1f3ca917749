package deploy_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/fleet"
)

// actionList is a list of actions in a policy, or a single one.
type actionList []string

func (l *actionList) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*l = actionList{node.Value}
		return nil
	}
	return node.Load((*[]string)(l))
}

// auditPolicy is what this file reads of a policy document. Those in JSON are YAML,
// too.
type auditPolicy struct {
	Statement []struct {
		Effect string     `yaml:"Effect"`
		Action actionList `yaml:"Action"`
	} `yaml:"Statement"`
}

// actions are what a policy allows, sorted.
func (p auditPolicy) actions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, s := range p.Statement {
		require.Equal(t, "Allow", s.Effect)
		all = append(all, s.Action...)
	}
	require.NotEmpty(t, all)
	slices.Sort(all)
	return all
}

func sessionActions(t *testing.T) []string {
	t.Helper()
	var policy auditPolicy
	require.NoError(t, yaml.Unmarshal([]byte(fleet.SessionPolicy), &policy))
	return policy.actions(t)
}

// decrypt is allowed by the session policy alone: whether an auditor may read
// boundary values of type SecureString is up to their key's owner.
const decrypt = "kms:Decrypt"

// The auditor's role allows what its sessions may do: less, and an audit would
// fail; more would be of no use.
func TestAuditorAllowsWhatSessionsMay(t *testing.T) {
	session := sessionActions(t)
	require.Contains(t, session, decrypt)
	want := slices.DeleteFunc(slices.Clone(session), func(action string) bool { return action == decrypt })
	assert.Equal(t, want, roleActions(t, "auditor.yaml", "Auditor"))
}

// roleActions are the actions that the only policy of a template's role allows.
func roleActions(t *testing.T, path, logicalID string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var template struct {
		Resources map[string]struct {
			Properties struct {
				Policies []struct {
					PolicyDocument auditPolicy `yaml:"PolicyDocument"`
				} `yaml:"Policies"`
				ManagedPolicyArns yaml.Node `yaml:"ManagedPolicyArns"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(text, &template))
	require.Contains(t, template.Resources, logicalID)
	properties := template.Resources[logicalID].Properties
	assert.True(t, properties.ManagedPolicyArns.IsZero(), "a managed policy may allow more")
	require.Len(t, properties.Policies, 1)
	return properties.Policies[0].PolicyDocument.actions(t)
}

// isRead is of actions that change nothing, by the verbs of AWS's APIs. Patterns
// could allow writes.
var isRead = regexp.MustCompile(`^(account|cloudformation|iam|ssm):(Describe|Get|List)[A-Za-z]+$`)

// A session of an audit cannot write, and STS takes its policy.
func TestSessionPolicy(t *testing.T) {
	for _, action := range sessionActions(t) {
		if action != decrypt {
			assert.Regexp(t, isRead, action)
		}
	}
	// Source: STS API, AssumeRole, Policy.
	assert.LessOrEqual(t, len(fleet.SessionPolicy), 2048)
}
