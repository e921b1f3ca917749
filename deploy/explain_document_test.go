package deploy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/transform/template"
)

// Of a text with and without Fn::Sub, package policy sees what IAM gets, whatever
// stands beside it: an account ID only where CloudFormation puts one.
func TestTextsOfPolicies(t *testing.T) {
	parts := []struct{ source, literal, substituted string }{
		{"${AWS::AccountId}", "${AWS::AccountId}", policy.Pseudo("AWS::AccountId")},
		{"${!AWS::AccountId}", "${!AWS::AccountId}", "${AWS::AccountId}"},
		{"${!aws:username}", "${!aws:username}", "${aws:username}"},
		{"${Parameter}", "${Parameter}", policy.NotInSight},
		{"$", "$", "$"},
		{"-{a}", "-{a}", "-{a}"},
	}
	text := func(value any) string {
		source, err := json.Marshal(value)
		require.NoError(t, err)
		return documentReader{}.policyText(template.Whole(source))
	}
	for _, a := range parts {
		for _, b := range parts {
			for _, c := range parts {
				source := a.source + b.source + c.source
				assert.Equal(t, a.literal+b.literal+c.literal, text(source), source)
				if strings.Contains(source, "$$") {
					continue // what Fn::Sub makes of these is not documented
				}
				assert.Equal(t, a.substituted+b.substituted+c.substituted, text(map[string]any{"Fn::Sub": source}), source)
			}
		}
	}
	assert.Equal(t, "data-"+policy.Pseudo("AWS::Region"), text(map[string]any{"Fn::Join": []any{"-", []any{"data", map[string]any{"Ref": "AWS::Region"}}}}))
}
