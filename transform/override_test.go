package transform_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
)

// An override takes effect in its own account, whatever the environment's own
// value is, and the report says which value was used. A malformed override is
// refused: the environment's own value may be a weaker boundary.
func TestOverride(t *testing.T) {
	const (
		mine   = "dev/" + account
		others = "dev/444455556666"
		staged = "arn:aws:iam::aws:policy/Staged"
	)
	for _, tc := range []struct {
		name     string
		store    values
		used     string
		boundary string
		err      string
	}{
		{"none", values{"dev": devARN}, "dev", devARN, ""},
		{"of this account", values{"dev": devARN, mine: staged}, mine, staged, ""},
		{"of another account", values{"dev": devARN, others: staged}, "dev", devARN, ""},
		{"alone", values{mine: staged}, mine, staged, ""},
		{"explicitly none", values{"dev": devARN, mine: "none"}, mine, "none", ""},
		{"over none", values{"dev": "none", mine: devARN}, mine, devARN, ""},
		{"over a malformed value", values{"dev": "x", mine: staged}, mine, staged, ""},
		{"malformed", values{"dev": devARN, mine: "x"}, "", "", `the override of environment "dev" for account 111122223333 is malformed: value of dev/111122223333: `},
		{"empty", values{"dev": devARN, mine: ""}, "", "", `the override of environment "dev" for account 111122223333 is malformed: value of dev/111122223333: `},
		{"of a policy of another account", values{"dev": devARN, mine: "arn:aws:iam::444455556666:policy/x"}, "", "", `the override of environment "dev" for account 111122223333 cannot be used here (value of dev/111122223333): `},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, report, err := checkLaws(transform.Macro{Store: tc.store}, []byte(`{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`), `{"Environment":"dev"}`, `{}`)
			require.NoError(t, err)
			if tc.err != "" {
				assert.ErrorContains(t, report.Err, tc.err)
				assert.Empty(t, report.Changes)
				return
			}
			require.NoError(t, report.Err)
			assert.Equal(t, tc.used, report.Value.String())
			assert.Equal(t, tc.boundary, report.Boundary)
			assert.Equal(t, "dev", report.Environment)
		})
	}
}

// Under a pin, an environment that has only an override for this account exists.
func TestPinnedAgainstOverride(t *testing.T) {
	options := transform.Options{DefaultEnvironment: "dev", PinEnvironment: true, EnvironmentParameters: []string{"Stage"}}
	respond := func(store values) error {
		_, report, err := checkLaws(transform.Macro{Store: store, Options: options}, []byte(`{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`), `{}`, `{"Stage":"prod"}`)
		require.NoError(t, err)
		return report.Err
	}
	require.EqualError(t, respond(values{"dev": devARN, "prod/" + account: "none"}),
		`the template parameter Stage names environment "prod", but every stack here is of environment "dev" (PinEnvironment)`)
	require.NoError(t, respond(values{"dev": devARN, "prod/444455556666": "none"}))
}
