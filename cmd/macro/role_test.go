package main_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"
)

// docs/security.md says of each role and permission of the templates who has it
// and what it allows, and nothing else.
func TestLeastPrivilege(t *testing.T) {
	var granted []string
	for _, path := range []string{"template.yaml", "deploy/spoke.yaml", "deploy/auditor.yaml", "deploy/pusher.yaml"} {
		text, err := os.ReadFile("../../" + path)
		require.NoError(t, err)
		granted = append(granted, grants(t, text)...)
	}
	require.NotEmpty(t, granted)
	text, err := os.ReadFile("../../docs/security.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "<!-- roles -->\n")
	require.True(t, found)
	table, _, found := strings.Cut(rest, "<!-- end -->\n")
	require.True(t, found)
	var told []string
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		require.Len(t, cells, 6, "role, action, on, why: %s", row)
		if strings.Contains(cells[1], "`") { // not the head
			told = append(told, strings.TrimSpace(strings.ReplaceAll(strings.Join(cells[1:4], "|"), "`", "")))
		}
	}
	slices.Sort(granted)
	slices.Sort(told)
	assert.Equal(t, granted, told)
}

type statement struct {
	Effect    string               `yaml:"Effect"`
	Principal map[string]yaml.Node `yaml:"Principal"`
	Action    yaml.Node            `yaml:"Action"`
	Resource  yaml.Node            `yaml:"Resource"`
	Condition yaml.Node            `yaml:"Condition"`
}

type policyDocument struct {
	Statement []statement `yaml:"Statement"`
}

// Properties of resources that grant nothing but what a table shows. Any other
// type or property, such as a FunctionUrlConfig or Events, might.
var harmless = map[string][]string{
	"AWS::CloudFormation::Macro": {"Name", "Description", "FunctionName"},
	"AWS::Serverless::Function":  {"Description", "CodeUri", "Handler", "Runtime", "Architectures", "MemorySize", "Timeout", "ReservedConcurrentExecutions", "Role", "LoggingConfig", "Environment"},
	"AWS::Lambda::Alias":         {"Name", "FunctionName", "FunctionVersion"},
	"AWS::Lambda::Permission":    {"Action", "FunctionName", "Principal", "PrincipalOrgID"},
	"AWS::Logs::LogGroup":        {"RetentionInDays"},
	"AWS::Logs::MetricFilter":    {"LogGroupName", "FilterPattern", "MetricTransformations"},
	"AWS::CloudWatch::Alarm": {
		"AlarmDescription", "Namespace", "MetricName", "Dimensions", "Statistic", "Period", "EvaluationPeriods", "Threshold", "ComparisonOperator",
		"TreatMissingData", "AlarmActions",
	},
	"AWS::IAM::Role": {"RoleName", "Description", "PermissionsBoundary", "AssumeRolePolicyDocument", "Policies"},
}

// grants are what the roles of a template allow, "role | action | resource".
// Whatever else could grant something is an error.
func grants(t *testing.T, text []byte) []string {
	var template struct {
		Conditions map[string]yaml.Node `yaml:"Conditions"`
		Resources  map[string]struct {
			Type       string               `yaml:"Type"`
			Condition  string               `yaml:"Condition"`
			Properties map[string]yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(text, &template))
	var granted []string
	for id, resource := range template.Resources {
		p := resource.Properties
		require.Contains(t, harmless, resource.Type, "%s may grant what this test does not see", id)
		assert.Subset(t, harmless[resource.Type], slices.Collect(maps.Keys(p)), "%s may grant what this test does not see", id)
		switch resource.Type {
		case "AWS::IAM::Role":
			assert.Contains(t, p, "PermissionsBoundary", id)
			granted = append(granted, roleGrants(t, id, p)...)
		case "AWS::Lambda::Permission":
			assert.Equal(t, "MacroAlias", p["FunctionName"].Value, "%s: of no version that an installer has not chosen", id)
			assert.Equal(t, `!Not [!Equals [!Ref OrganizationId, ""]]`, written(t, template.Conditions[resource.Condition]))
			require.Contains(t, p, "PrincipalOrgID", id)
			granted = append(granted, strings.Join([]string{id, p["Action"].Value, p["Principal"].Value + " of " + p["PrincipalOrgID"].Value + ", if " + resource.Condition}, " | "))
		case "AWS::Serverless::Function":
			assert.Contains(t, p, "Role", "%s has a role of SAM's making", id)
		}
	}
	return granted
}

// written is a node in one line.
func written(t *testing.T, node yaml.Node) string {
	text, err := yaml.Marshal(&node)
	require.NoError(t, err)
	return strings.Join(strings.Fields(string(text)), " ")
}

func roleGrants(t *testing.T, id string, properties map[string]yaml.Node) []string {
	var granted []string
	var trust policyDocument
	load(t, properties["AssumeRolePolicyDocument"], &trust)
	for _, s := range trust.Statement {
		require.Equal(t, "Allow", s.Effect)
		for _, principal := range s.Principal {
			for _, action := range texts(s.Action) {
				for _, who := range texts(principal) {
					granted = append(granted, id+" | "+action+" | "+who+conditions(t, s))
				}
			}
		}
	}
	var policies []struct {
		PolicyDocument policyDocument `yaml:"PolicyDocument"`
	}
	load(t, properties["Policies"], &policies)
	for _, policy := range policies {
		for _, s := range policy.PolicyDocument.Statement {
			require.Equal(t, "Allow", s.Effect)
			for _, action := range texts(s.Action) {
				for _, resource := range texts(s.Resource) {
					granted = append(granted, id+" | "+action+" | "+resource+conditions(t, s))
				}
			}
		}
	}
	return granted
}

func load(t *testing.T, node yaml.Node, into any) { require.NoError(t, node.Load(into)) }

// texts are the scalars of a list, or a single one. Those of short forms are
// taken as they are written.
func texts(node yaml.Node) []string {
	if node.Kind != yaml.SequenceNode {
		return []string{node.Value}
	}
	var all []string
	for _, element := range node.Content {
		all = append(all, element.Value)
	}
	return all
}

// conditions are told behind what they limit.
func conditions(t *testing.T, s statement) string {
	if s.Condition.Kind == 0 {
		return ""
	}
	return ", if " + written(t, s.Condition)
}
