package transform_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

func TestCounts(t *testing.T) {
	r := transform.Report{Changes: []rules.Change{{Action: rules.Added}, {Action: rules.Kept}, {Action: rules.Added}}}
	assert.Equal(t, map[rules.Action]int{rules.Added: 2, rules.Kept: 1}, r.Counts())
	assert.Empty(t, transform.Report{}.Counts())
}

// A verdict knows what would be done to a template that the macro refuses, and
// the report of a refusal does not say it.
func TestRefusedChanges(t *testing.T) {
	fragment := []byte(`{"Resources":{"R":{"Type":"AWS::IAM::Role"},"A":{"Type":"AWS::Serverless::GraphQLApi"}}}`)
	doc, err := template.FromJSON(fragment)
	require.NoError(t, err)
	verdict := rules.Inspect(doc, rules.Options{})
	require.NotEmpty(t, verdict.Escapes)
	_, changes, _ := verdict.Bind(rules.Boundary{}, rules.Replace)
	assert.Equal(t, []rules.Change{{LogicalID: "R", Type: "AWS::IAM::Role", Action: rules.Added, Offset: len(`{"Resources":{"R":`)}}, changes)
	_, report := transform.Macro{Store: values{"dev": devARN}}.Respond(context.Background(), eventWith(fragment, `{"Environment":"dev"}`, `{}`))
	require.Error(t, report.Err)
	assert.Empty(t, report.Changes)
}

// An error names ten findings at most, for what shows it takes one string.
func TestRefusalOfMany(t *testing.T) {
	r := &rules.Refusal{}
	for i := range 12 {
		r.Findings = append(r.Findings, rules.Finding{LogicalID: fmt.Sprint("R", i), Code: "third-party-type"})
	}
	assert.Equal(t, 10, strings.Count(r.Error(), "third-party-type"))
	assert.Regexp(t, `^R0 is a third-party type, .*; R9 is a third-party type, .*; and 2 more$`, r.Error())
}
