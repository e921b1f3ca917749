package deploy

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform/template"
)

// FuzzAmplify: whatever a file holds, each value that pbm reads from it is the ARN
// that stands there under Amplify's names.
func FuzzAmplify(f *testing.F) {
	for _, text := range []string{
		`{"dev":{"awscloudformation":{"PermissionsBoundaryPolicyArn":"arn:aws:iam::111122223333:policy/p","Region":"eu-west-1","StackId":"arn:aws:cloudformation:eu-west-1:111122223333:stack/s/0"},"categories":{}}}`,
		`{"dev":{"AwsCloudFormation":{"permissionsboundarypolicyarn":"arn:aws:iam::aws:policy/p"}},"x":{"awscloudformation":{}}}`,
		`{"dev":{"awscloudformation":{"PermissionsBoundaryPolicyArn":null}},"a/b":{"awscloudformation":{"PermissionsBoundaryPolicyArn":" none "}},"c":1}`,
		`{"environments":{"dev":[{"value":"none"}]}}`, `{"dev":{"awscloudformation":null}}`, `{"dev":null}`, `null`, `[]`, `{}`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		read, isAmplify := readAmplify(text)
		if !isAmplify {
			return
		}
		var there map[string]any
		require.NoError(t, json.Unmarshal(bytes.TrimPrefix(text, []byte(template.ByteOrderMark)), &there))
		require.True(t, slices.IsSortedFunc(read.entries, func(a, b importEntry) int { return a.key.Compare(b.key) }))
		for _, e := range read.entries {
			if e.wrong != nil {
				continue
			}
			require.NoError(t, boundary.CheckEnvironment(e.key.Environment))
			require.False(t, e.value.IsNone())
			provider := there[e.key.Environment].(map[string]any)["awscloudformation"].(map[string]any)
			value, err := boundary.Parse(provider["PermissionsBoundaryPolicyArn"].(string))
			require.NoError(t, err)
			require.Equal(t, value, e.value)
		}
	})
}
