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

// FuzzCheckEnvironment: a name is taken exactly when each of its 1 to 64 bytes
// is one of those that SSM takes in a parameter's name, and none is a slash.
func FuzzCheckEnvironment(f *testing.F) {
	for _, name := range []string{"dev", "Prod_1", "a.b-c", "", "a/b", "dev\n", "é", "..", strings.Repeat("x", 64), strings.Repeat("x", 65)} {
		f.Add(name)
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
	f.Fuzz(func(t *testing.T, name string) {
		want := 1 <= len(name) && len(name) <= 64
		for i := range len(name) {
			want = want && strings.IndexByte(allowed, name[i]) >= 0
		}
		err := boundary.CheckEnvironment(name)
		require.Equal(t, want, err == nil, "%q", name)
		if err != nil {
			require.ErrorIs(t, err, boundary.ErrEnvironmentName)
			require.Equal(t, boundary.ErrEnvironmentName.Error(), err.Error(), "the name, which may be a secret, is not repeated")
		}
	})
}
