package transform_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// white are texts that may stand before and after a JSON value, and between its
// tokens.
var white = []string{"", "\n", " ", "\r\n", "\t", "\r", strings.Repeat(" ", 38), strings.Repeat("\n", 100), "\ufeff", "\ufeff\r\n  "}

// A template in JSON is bound in the right place whatever stands before and
// after it, and its lines are those of the file.
func TestWhiteSpaceAroundJSON(t *testing.T) {
	const in = `{"Transform": ["PermissionsBoundaryMacro"], "Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"Path": "/", "AssumeRolePolicyDocument": {}}}}}`
	const want = `{"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"PermissionsBoundary": "` + devARN + `","Path": "/", "AssumeRolePolicyDocument": {}}}}}`
	m := transform.Macro{Store: values{"dev": devARN}}
	for _, before := range white {
		for _, after := range white[:8] {
			doc, err := template.Parse([]byte(before + in + after))
			require.NoError(t, err)
			out, report := m.Rewrite(context.Background(), deploymentOf(doc, `{"Environment":"dev"}`, `{}`))
			require.NoError(t, report.Err, "%q", before)
			assert.Equal(t, before+want+after, string(out))
			line := 1 + strings.Count(strings.ReplaceAll(before, "\r\n", "\n"), "\n") + strings.Count(strings.ReplaceAll(before, "\r\n", ""), "\r")
			assert.Equal(t, line, doc.Line(report.Changes[0].Offset), "%q", before)
		}
	}
}

// An edit that goes to the wrong place is an internal error, and nothing comes
// back, even where the result is valid JSON.
func TestShiftedEdits(t *testing.T) {
	const in = `{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"Path":"/"}},"S":{"Type":"AWS::IAM::Role"}}}`
	m := transform.Macro{Store: values{"dev": devARN}}
	doc, err := template.Parse([]byte(in))
	require.NoError(t, err)
	d := deploymentOf(doc, `{"Environment":"dev"}`, `{}`)
	_, err = m.RewriteShifted(context.Background(), d, 0)
	require.NoError(t, err)
	for by := -40; by <= 8; by++ {
		if by == 0 {
			continue
		}
		out, err := m.RewriteShifted(context.Background(), d, by)
		require.ErrorContains(t, err, "internal error: ", by)
		assert.NotContains(t, err.Error(), "Path")
		assert.Nil(t, out)
	}
}

// The verification takes a right result and no other one.
func TestVerify(t *testing.T) {
	const bound = `PermissionsBoundary: ` + devARN
	const body = "{\\\"Resources\\\":{\\\"B\\\":{\\\"Type\\\":\\\"AWS::IAM::Role\\\",\\\"Properties\\\":{%\\\"Path\\\":\\\"/\\\"}}}}"
	inner := func(text string) string { return strings.Replace(body, "%", text, 1) }
	const innerBound = `\"PermissionsBoundary\":{\"Fn::Sub\":\"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/dev-boundary\"},`
	right := `Transform: [A]
Resources:
  Plain: {Type: AWS::IAM::Role, Properties: {` + bound + `, Path: /, MaxSessionDuration: 3600}}
  Bare: {Type: AWS::IAM::Role, Properties: {` + bound + `}}
  Null: {Type: AWS::IAM::Role, Properties: {` + bound + `}}
  Other: {Type: AWS::IAM::Role, Properties: {` + bound + `, Path: /a/}}
  Branch: {Type: AWS::IAM::Role, Properties: {PermissionsBoundary: !If [C, ` + devARN + `, "arn:aws:iam::aws:policy/X"]}}
  Topic: {Type: AWS::SNS::Topic, DependsOn: Plain, DependsOn: Bare, Properties: {DisplayName: "yes"}}
  Set: {Type: AWS::CloudFormation::StackSet, Properties: {TemplateBody: "` + inner(innerBound) + `"}}
`
	source := strings.NewReplacer(
		`Transform: [A]`, `Transform: [A, PermissionsBoundaryMacro]`,
		`{`+bound+`, Path: /, M`, `{Path: /, M`,
		`Bare: {Type: AWS::IAM::Role, Properties: {`+bound+`}}`, `Bare: {Type: AWS::IAM::Role}`,
		`Null: {Type: AWS::IAM::Role, Properties: {`+bound+`}}`, `Null: {Type: AWS::IAM::Role, Properties: null}`,
		`{`+bound+`, Path: /a/`, `{PermissionsBoundary: "arn:aws:iam::aws:policy/Other", Path: /a/`,
		`[C, `+devARN+`, "arn:aws:iam::aws:policy/X"]`, `[C, !Ref AWS::NoValue, "arn:aws:iam::aws:policy/X"]`,
		inner(innerBound), inner(""),
	).Replace(right)
	m := transform.Macro{Store: values{"dev": devARN}}
	doc, err := template.Parse([]byte(source))
	require.NoError(t, err)
	d := deploymentOf(doc, `{"Environment":"dev"}`, `{}`)
	whole := strings.Replace(right, `!If [C, `+devARN+`, "arn:aws:iam::aws:policy/X"]`, devARN, 1)
	require.NoError(t, m.Verify(context.Background(), d, []byte(whole)))
	for _, wrong := range [][2]string{
		{bound + `, Path: /, M`, `Path: /, M`},                                      // one is unbound
		{bound + `, Path: /, M`, `Permissionsboundary: ` + devARN + `, Path: /, M`}, // another name
		{bound + `, Path: /, M`, bound + "x, Path: /, M"},                           // another boundary
		{bound + `, Path: /, M`, bound + `, ` + bound + `, Path: /, M`},             // twice
		{`Path: /, M`, `M`}, // something is gone
		{`3600`, `"3600"`},  // another kind of scalar
		{`3600`, `3600.0`},  // another number
		{`"yes"`, `yes`},    // a boolean
		{`DependsOn: Plain, DependsOn: Bare`, `DependsOn: Bare, DependsOn: Plain`}, // another one is last
		{`DependsOn: Plain, `, ``},
		{`Type: AWS::SNS::Topic, `, `Type: AWS::SNS::Topic, ` + bound + `, `}, // beside Type
		{`{DisplayName`, `{` + bound + `, DisplayName`},                       // no role
		{`Bare: {Type: AWS::IAM::Role, Properties: {`, `Bare: {Type: AWS::IAM::Role, Properties: {Path: /, `},
		{`Null: {Type: AWS::IAM::Role, Properties: {`, `Null: {Type: AWS::IAM::Role, Properties: {Path: /, `},
		{`[A]`, `[A, B]`},
		{`[A]`, `[A, PermissionsBoundaryMacro]`},
		{`[A]`, `[]`},
		{`\"/\"`, `\"/x\"`},
		{`\"B\"`, `\"C\"`},
		{innerBound, ``},
		{`Resources:`, "Outputs: {}\nResources:"},
	} {
		require.Contains(t, whole, wrong[0])
		err := m.Verify(context.Background(), d, []byte(strings.Replace(whole, wrong[0], wrong[1], 1)))
		assert.ErrorContains(t, err, "internal error: ", "%q for %q", wrong[1], wrong[0])
	}

	// Only a branch may change where the rest is kept.
	m.Options.Existing = rules.Keep
	kept := strings.Replace(right, `{`+bound+`, Path: /a/`, `{PermissionsBoundary: "arn:aws:iam::aws:policy/Other", Path: /a/`, 1)
	for _, branch := range [][2]string{{bound + `, Path: /, M`, `PermissionsBoundary: "arn:aws:iam::aws:policy/Z", Path: /, M`}, {`[C, `, `[D, `}, {`, "arn:aws:iam::aws:policy/X"]`, `, "arn:aws:iam::aws:policy/Y"]`}} {
		err := m.Verify(context.Background(), d, []byte(strings.Replace(kept, branch[0], branch[1], 1)))
		assert.ErrorContains(t, err, "internal error: more than the boundaries changed")
	}
	assert.NoError(t, m.Verify(context.Background(), d, []byte(kept)))
}
