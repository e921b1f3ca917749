package transform_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// Templates in JSON adopt the macro in place, in the style of their section.
func TestAdoptJSON(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{`{}`, `{"Transform": "PermissionsBoundaryMacro"}`},
		{`{"Resources": {}}`, `{"Transform": "PermissionsBoundaryMacro","Resources": {}}`},
		{"{\n  \"Resources\": {}\n}", "{\n  \"Transform\": \"PermissionsBoundaryMacro\",\n  \"Resources\": {}\n}"},
		{
			"{\n  \"AWSTemplateFormatVersion\": \"2010-09-09\",\n  \"Resources\": {}\n}",
			"{\n  \"AWSTemplateFormatVersion\": \"2010-09-09\",\n  \"Transform\": \"PermissionsBoundaryMacro\",\n  \"Resources\": {}\n}",
		},
		{`{"Transform": "A", "Resources": {}}`, `{"Transform": ["A", "PermissionsBoundaryMacro"], "Resources": {}}`},
		{`{"Transform": {"Name": "A"}}`, `{"Transform": [{"Name": "A"}, "PermissionsBoundaryMacro"]}`},
		{`{"Transform": []}`, `{"Transform": ["PermissionsBoundaryMacro"]}`},
		{`{"Transform": ["A"]}`, `{"Transform": ["A", "PermissionsBoundaryMacro"]}`},
		{"{\"Transform\": [\n  \"A\"\n]}", "{\"Transform\": [\n  \"A\",\n  \"PermissionsBoundaryMacro\"\n]}"},
		{`{"Transform": ["A","B"]}`, `{"Transform": ["A","B","PermissionsBoundaryMacro"]}`},
		{`{"Transform": ["PermissionsBoundaryMacro", "B"], "X": 1}`, `{"Transform": ["B", "PermissionsBoundaryMacro"], "X": 1}`},
		{`{"Transform": ["A", "PermissionsBoundaryMacro", "B"]}`, `{"Transform": ["A", "B", "PermissionsBoundaryMacro"]}`},
	} {
		doc, err := template.Parse([]byte(tc.in))
		require.NoError(t, err)
		out, err := doc.Adopt(rules.MacroName)
		require.NoError(t, err, tc.in)
		assert.Equal(t, tc.want, string(out))
		require.NoError(t, checkAdopted([]byte(tc.in), out))
	}
	for _, in := range []string{`{"Transform": "PermissionsBoundaryMacro"}`, `{"Transform": ["A", {"Name": "PermissionsBoundaryMacro"}]}`} {
		doc, err := template.Parse([]byte(in))
		require.NoError(t, err)
		out, err := doc.Adopt(rules.MacroName)
		require.NoError(t, err)
		assert.Nil(t, out, in)
	}
	doc, err := template.Parse([]byte(`{"Transform": [{"Name": "PermissionsBoundaryMacro", "Parameters": {"Environment": "dev"}}, "A"]}`))
	require.NoError(t, err)
	_, err = doc.Adopt(rules.MacroName)
	assert.EqualError(t, err, "it lists PermissionsBoundaryMacro with parameters before other transforms; move it to the end of the list")
}

// A template in JSON is rewritten in place: with its boundaries, and without
// the macro in Transform. Lines are those of the file, the section included.
func TestRewriteJSON(t *testing.T) {
	const bound = `"PermissionsBoundary":"` + devARN + `",`
	for _, tc := range []struct{ in, want string }{
		{`{"Transform": "PermissionsBoundaryMacro", "Resources": {R}}`, `{"Resources": {R}}`},
		{`{"Resources": {R}, "Transform": ["PermissionsBoundaryMacro"]}`, `{"Resources": {R}}`},
		{`{"Transform": ["PermissionsBoundaryMacro", "A"], "Resources": {R}}`, `{"Transform": ["A"], "Resources": {R}}`},
		{`{"Transform": ["A", "PermissionsBoundaryMacro"], "Resources": {R}}`, `{"Transform": ["A"], "Resources": {R}}`},
		{`{"Transform": ["A", "PermissionsBoundaryMacro", "B"], "Resources": {R}}`, `{"Transform": ["A", "B"], "Resources": {R}}`},
		{`{"Transform": ["A", "PermissionsBoundaryMacro", {"Name": "PermissionsBoundaryMacro"}], "Resources": {R}}`, `{"Transform": ["A"], "Resources": {R}}`},
		{`{"Transform": "A", "Resources": {R}}`, `{"Transform": "A", "Resources": {R}}`},
	} {
		in := strings.Replace(tc.in, "{R}", `{"R":{"Type":"AWS::IAM::Role","Properties":{"Path":"/"}}}`, 1)
		want := strings.Replace(tc.want, "{R}", `{"R":{"Type":"AWS::IAM::Role","Properties":{`+bound+`"Path":"/"}}}`, 1)
		doc, err := template.Parse([]byte(in))
		require.NoError(t, err)
		assert.Equal(t, template.JSON, doc.Syntax())
		m := transform.Macro{Store: values{"dev": devARN}}
		out, report := m.Rewrite(context.Background(), deploymentOf(doc, `{"Environment":"dev"}`, `{}`))
		require.NoError(t, report.Err, in)
		assert.Equal(t, want, string(out), in)
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]int{
		"{\n\"Transform\": [\n\"A\"\n],\n\"Resources\": {}}": 5,
		"{\n\"Resources\": {},\n\"Transform\": \"A\"}":       2,
		"Transform:\n- A\nResources: {}\n":                   3,
	} {
		doc, err := template.Parse([]byte(in))
		require.NoError(t, err)
		assert.Equal(t, want, doc.Line(bytes.Index(doc.JSON(), []byte(`{}`))), in)
	}
	doc, err := template.Parse([]byte("Resources: {}\n"))
	require.NoError(t, err)
	assert.Equal(t, template.YAML, doc.Syntax())
	assert.Equal(t, 1, doc.Line(0))
}

// Two sections Transform are an error: which of them counts is not certain.
func TestTwoSections(t *testing.T) {
	_, err := template.Parse([]byte(`{"Transform": "A", "Transform": "B"}`))
	assert.EqualError(t, err, "line 1: the section Transform is given twice; give it once")
	_, err = template.Parse([]byte("Transform: A\nResources: {}\nTransform: B\n"))
	assert.EqualError(t, err, "line 3: the section Transform is given twice; give it once")
}

// What begins as JSON does and is neither JSON nor YAML is told as JSON.
func TestBrokenJSON(t *testing.T) {
	for in, want := range map[string]string{
		"{\n\"Resources\":{\"R\":{}}":             "line 2: invalid JSON: unexpected EOF",
		"{\n\"Resources\":{\"R\":{} \"S\":{}}}\n": "line 2: invalid JSON: invalid character '\"' after object value (expecting ',' or '}')",
		"{Resources: {R: {}":                      "line 2: did not find expected ',' or '}'",
	} {
		_, err := template.Parse([]byte(in))
		assert.EqualError(t, err, want, in)
	}
}

// JSON with a comma too much is YAML, and keeps its quotes.
func TestAdoptAlmostJSON(t *testing.T) {
	doc, err := template.Parse([]byte(`{"Resources":{},}`))
	require.NoError(t, err)
	assert.Equal(t, template.YAML, doc.Syntax())
	out, err := doc.Adopt(rules.MacroName)
	require.NoError(t, err)
	assert.Equal(t, `{"Transform": "PermissionsBoundaryMacro", "Resources":{},}`, string(out))
}

// What no reader of YAML takes is told with its line: bytes that are not UTF-8,
// whatever the syntax, and control characters.
func TestForeignBytes(t *testing.T) {
	for in, want := range map[string]string{
		"a: b\nc: é\nd: \xc3\n":               "line 3: byte 0xC3, at offset 14, is not UTF-8",
		"{\"Resources\":\n\"\xff\"}":          "line 2: byte 0xFF, at offset 15, is not UTF-8",
		"\xff\xfea\x00":                       "line 1: byte 0xFF, at offset 0, is not UTF-8",
		"a: b\r\nc: \x07\r\n":                 "line 2: control character 0x07; YAML takes it only as an escape in double quotes",
		" \n\n[]":                             "line 3: it is not an object",
		"[\"Resources\", \"AWS::\", [":        "line 1: it is not an object",
		"":                                    "it is empty",
		" \n":                                 "it is empty",
		"a: [" + strings.Repeat("a,", 50_000): "longer than any template: it may have more than 130000 values",
		"a: " + strings.Repeat("a", 1<<20):    "longer than any template: 1048579 bytes of YAML, CloudFormation takes 1048576",
		`{"a":[0` + strings.Repeat(",0", 130_000) + "]}": "longer than any template: it may have more than 130000 values",
	} {
		_, err := template.Parse([]byte(in))
		assert.EqualError(t, err, want, "%.40q", in)
	}
}

// Each entry of the section Transform has a line of its own, whatever the syntax
// and the style of the section.
func TestEntries(t *testing.T) {
	type listed struct {
		Name string
		Line int
	}
	for _, tc := range []struct {
		in   string
		want []listed
	}{
		{"{}", nil},
		{"{\n\"Transform\":\n\"A\"}", []listed{{Name: "A", Line: 3}}},
		{"\n{\"Resources\": {},\n\"Transform\": [\"A\",\n{\"Name\": \"B\"},\n[\"C\"]]}", []listed{{Name: "A", Line: 3}, {Name: "B", Line: 4}, {Name: "", Line: 5}}},
		{"Resources: {}\n# why\nTransform:\n  - A\n\n  - Name: B\n    Parameters: {}\n", []listed{{Name: "A", Line: 4}, {Name: "B", Line: 6}}},
		{"Transform: A\nResources: {}\n", []listed{{Name: "A", Line: 1}}},
		{"Resources: {}\nTransform: [A,\n  B]\n", []listed{{Name: "A", Line: 2}, {Name: "B", Line: 3}}},
		{"Metadata: &list\n  - A\n  - B\nResources: {}\nTransform: *list\n", []listed{{Name: "A", Line: 5}, {Name: "B", Line: 5}}},
		{"Resources: {}\nTransform:\n", nil},
	} {
		doc, err := template.Parse([]byte(tc.in))
		require.NoError(t, err, tc.in)
		var got []listed
		for _, entry := range doc.Entries() {
			got = append(got, listed{entry.Name, entry.Line})
		}
		assert.Equal(t, tc.want, got, tc.in)
	}
}

// The section Transform of a file in JSON is no resource, whatever it looks like.
func TestSectionIsNoResource(t *testing.T) {
	for _, src := range []string{
		`{"Transform":{"Name":"X","Type":"AWS::IAM::Role"},"R":{"Type":"AWS::SNS::Topic"}}`,
		`{"Transform":{"Name":"X","Type":"A::B"},"R":{"Type":"AWS::SNS::Topic"}}`,
		`{"R":{"Type":"AWS::SNS::Topic"},"Transform":{"Name":"X","Type":"AWS::CloudFormation::Stack"}}`,
	} {
		doc, err := template.Parse([]byte(src))
		require.NoError(t, err)
		out, report := transform.Macro{Store: values{"dev": devARN}}.Rewrite(t.Context(), deploymentOf(doc, `{"Environment":"dev"}`, `{}`))
		require.NoError(t, report.Err)
		assert.Equal(t, src, string(out))
		assert.Empty(t, report.BlindSpots)
	}
}
