package boundary_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
)

// FuzzParse: what is taken can be stored and taken back, and resolves to the
// ARN of a policy of the target, or is refused.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"none", "arn:aws:iam::aws:policy/X", "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/a/b-${AWS::Region}", " arn:aws-cn:iam::111122223333:policy/a\n", ""} {
		f.Add(text)
	}
	target := boundary.TargetOf("111122223333", "eu-west-1")
	f.Fuzz(func(t *testing.T, text string) {
		value, err := boundary.Parse(text)
		if err != nil {
			if long := strings.TrimSpace(text); len(long) > 8 {
				require.NotContains(t, err.Error(), long)
			}
			return
		}
		again, err := boundary.Parse(value.String())
		require.NoError(t, err)
		require.Equal(t, value, again)
		if value.IsNone() {
			return
		}
		_, err = boundary.Parse(value.Portable())
		require.NoError(t, err)
		if arn, err := value.Resolve(target); err == nil {
			require.Regexp(t, `^arn:aws:iam::(111122223333|aws):policy/[^/]`, arn)
			require.NotContains(t, arn, "$")
		}
	})
}
