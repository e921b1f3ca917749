package sam

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The embedded data decode, and are of the translator that the end-to-end tests run.
func TestEmbedded(t *testing.T) {
	data, err := read(embedded)
	require.NoError(t, err)
	requirements, err := os.ReadFile("../../e2e/requirements.txt")
	require.NoError(t, err)
	assert.Contains(t, string(requirements), "\naws-sam-translator=="+data.Version+" ", "run make catalogue with this version")
	assert.Greater(t, len(data.PolicyTemplates), 80)
	assert.Greater(t, len(data.ManagedPolicies), 1000)
	assert.Greater(t, len(data.Connectors), 5)
}

var (
	reference = regexp.MustCompile(`"Ref": ?"(\w+)"`)
	denial    = regexp.MustCompile(`"Effect": ?"Deny"`)
)

// A policy template needs the parameters that its document refers to, and no others. It
// denies nothing, so that it does not matter whether all deployments have it.
func TestPolicyTemplates(t *testing.T) {
	for name, of := range Embedded().PolicyTemplates {
		assert.NotRegexp(t, denial, string(of.Document), name)
		assert.Equal(t, of.Parameters, found(reference, string(of.Document)), name)
	}
	assert.Equal(t, []string{"QueueName"}, Embedded().PolicyTemplates["SQSPollerPolicy"].Parameters)
}

func TestManagedPolicies(t *testing.T) {
	for name, path := range Embedded().ManagedPolicies {
		assert.Regexp(t, `^([\w-]+/)?`+regexp.QuoteMeta(name)+`$`, path)
	}
	assert.Equal(t, "service-role/AWSLambdaBasicExecutionRole", Embedded().ManagedPolicies["AWSLambdaBasicExecutionRole"])
	assert.Equal(t, "AmazonS3ReadOnlyAccess", Embedded().ManagedPolicies["AmazonS3ReadOnlyAccess"])
}

var placeholder = regexp.MustCompile(`%\{([\w.]+)\}`)

// A connector whose policy is of a role refers to what is known of its ends.
func TestConnectors(t *testing.T) {
	for source, destinations := range Embedded().Connectors {
		for destination, of := range destinations {
			assert.Equal(t, of.OfSource || of.OfDestination, len(of.Access) > 0, "%s to %s", source, destination)
			for permission, access := range of.Access {
				assert.Contains(t, []string{"Read", "Write"}, permission)
				assert.NotRegexp(t, denial, string(access.Statement))
				assert.Subset(t, []string{"Source.Arn", "Destination.Arn", "Destination.Name"}, found(placeholder, string(access.Statement)), "%s to %s", source, destination)
			}
		}
	}
	assert.True(t, Embedded().Connectors["AWS::Lambda::Function"]["AWS::SQS::Queue"].OfSource)
	assert.True(t, Embedded().Connectors["AWS::SQS::Queue"]["AWS::Lambda::Function"].OfDestination)
	assert.Equal(t, "RoleArn", Embedded().Connectables["AWS::StepFunctions::StateMachine"].Role)
}

// found are what the group of an expression matches in a text, each once.
func found(expression *regexp.Regexp, text string) []string {
	var all []string
	for _, match := range expression.FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestReadRefuses(t *testing.T) {
	_, err := read([]byte("text"))
	assert.Error(t, err)
	_, err = read(embedded[:len(embedded)/2])
	assert.Error(t, err)
}
