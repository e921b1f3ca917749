package transform_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// An excuse may stand under the name that the macro is installed under, also in the
// template of a StackSet.
func TestExcuseUnderOtherName(t *testing.T) {
	resources := `{"N":{"Type":"AWS::CloudFormation::Stack","Metadata":{"Bound":{"Accept":{"nested-stack":"bound there"}}}},` +
		`"S":{"Type":"AWS::CloudFormation::StackSet","Properties":{"TemplateBody":"{\"Resources\":{\"N\":{\"Type\":\"AWS::CloudFormation::Stack\",\"Metadata\":{\"bound\":{\"Accept\":{\"nested-stack\":\"bound there\"}}}}}}"}}}`
	m := transform.Macro{Options: transform.Options{BlindSpots: transform.RejectBlindSpots, AcceptBlindSpots: true}}
	for _, name := range []string{"Bound", "Other"} {
		event := fmt.Sprintf(`{"transformId":"111122223333::%s","requestId":"r","params":{},"fragment":{"Resources":%s}}`, name, resources)
		_, report := m.Respond(context.Background(), []byte(event))
		require.Len(t, report.BlindSpots, 2)
		assert.Equal(t, name == "Bound", report.Err == nil, report.Err)
		assert.Len(t, report.Accepted, map[string]int{"Bound": 2}[name])
	}
}

// Without the setting nothing is accepted, so that no words of the template reach
// the log.
func TestExcusesOff(t *testing.T) {
	fragment := []byte(`{"Resources":{"N":{"Type":"AWS::CloudFormation::Stack","Metadata":{"PermissionsBoundaryMacro":{"Accept":{"nested-stack":"why"}}}}}}`)
	_, report := transform.Macro{}.Respond(context.Background(), eventWith(fragment, `{}`, `{}`))
	require.NoError(t, report.Err)
	assert.Len(t, report.BlindSpots, 1)
	assert.Empty(t, report.Accepted)
}

// Excuses are found in time linear in their number.
func TestManyExcuses(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{"Resources":{"R":{"Type":"AWS::SNS::Topic"}`)
	for i := range 40_000 {
		fmt.Fprintf(&text, `,"N%d":{"Type":"AWS::CloudFormation::Stack","Metadata":{"PermissionsBoundaryMacro":{"Accept":{"nested-stack":"why"}}}}`, i)
	}
	text.WriteString(`}}`)
	doc, err := template.FromJSON([]byte(text.String()))
	require.NoError(t, err)
	start := time.Now()
	verdict := rules.Inspect(doc, rules.Options{})
	assert.Less(t, time.Since(start), 5*time.Second)
	assert.Len(t, verdict.Accepted(), 40_000)
	assert.Empty(t, verdict.Unaccepted())
	assert.Empty(t, verdict.Excuses)
}

// A place in a literal block has its line in the file.
func TestLineInside(t *testing.T) {
	doc, err := template.Parse([]byte("Resources:\n  Set:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n      TemplateBody: |\n\n        Resources:\n          A: {Type: AWS::IAM::Role}\n          N: {Type: AWS::CloudFormation::Stack}\n  Two: {Type: AWS::SNS::Topic}\n"))
	require.NoError(t, err)
	verdict := rules.Inspect(doc, rules.Options{})
	value, err := boundary.Parse(devARN)
	require.NoError(t, err)
	b, err := rules.BoundaryOf(value, boundary.TargetOf(account, region), nil)
	require.NoError(t, err)
	_, changes, _ := verdict.Bind(b, rules.Replace)
	require.Len(t, changes, 1)
	inside := changes[0].Inside
	assert.Equal(t, 8, doc.LineInside(changes[0].Offset, inside.Template.Line(inside.Offset)))
	require.Len(t, verdict.Blind, 1)
	inside = verdict.Blind[0].Inside
	assert.Equal(t, 9, doc.LineInside(verdict.Blind[0].Offset, inside.Template.Line(inside.Offset)))
	assert.Equal(t, 5, doc.Line(verdict.Blind[0].Offset))
}
