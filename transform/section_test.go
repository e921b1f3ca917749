package transform_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
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
		template, err := transform.ParseTemplate([]byte(tc.in))
		require.NoError(t, err)
		out, err := template.Adopt(transform.MacroName)
		require.NoError(t, err, tc.in)
		assert.Equal(t, tc.want, string(out))
		require.NoError(t, checkAdopted([]byte(tc.in), out))
	}
	for _, in := range []string{`{"Transform": "PermissionsBoundaryMacro"}`, `{"Transform": ["A", {"Name": "PermissionsBoundaryMacro"}]}`} {
		template, err := transform.ParseTemplate([]byte(in))
		require.NoError(t, err)
		out, err := template.Adopt(transform.MacroName)
		require.NoError(t, err)
		assert.Nil(t, out, in)
	}
	template, err := transform.ParseTemplate([]byte(`{"Transform": [{"Name": "PermissionsBoundaryMacro", "Parameters": {"Environment": "dev"}}, "A"]}`))
	require.NoError(t, err)
	_, err = template.Adopt(transform.MacroName)
	assert.EqualError(t, err, "it lists PermissionsBoundaryMacro with parameters before other transforms; move it to the end of the list")
}
