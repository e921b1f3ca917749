package transform_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform/template"
)

// Resources of the types that are asked for are found wherever they are, and the
// last one of a logical ID counts.
func TestResources(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want map[string]string // Name by logical ID
	}{
		{`{}`, map[string]string{}},
		{`{"Resources":[]}`, map[string]string{}},
		{`{"Resources":{"A":{"Type":"T","Properties":{"Name":"a"}},"B":{"Type":"U"},"C":1,"D":{}}}`, map[string]string{"A": "a"}},
		{`{"Resources":{"A":{"Type":"T","Properties":{"Name":"a"}},"A":{"Properties":{"Name":"b"},"Type":"T"}}}`, map[string]string{"A": "b"}},
		{`{"Resources":{"A":{"Type":"T"},"A":{"Type":"U"}}}`, map[string]string{}},
		{`{"Resources":{"Fn::ForEach::L":["X",["1"],{"A${X}":{"Type":"T"},"Fn::ForEach::M":["Y",["2"],{"B${Y}":{"Type":"T"}}]}]}}`, map[string]string{"A${X}": "", "B${Y}": ""}},
		{"Resources:\n  A:\n    Type: T\n    Properties: {Name: a}\n", map[string]string{"A": "a"}},
	} {
		doc, err := template.Parse([]byte(tc.in))
		require.NoError(t, err)
		got := map[string]string{}
		for id, r := range doc.Resources("T") {
			got[id] = r.Properties.Get("Name").Text
		}
		assert.Equal(t, tc.want, got, tc.in)
	}
}
