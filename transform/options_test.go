package transform_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// A setting is one of its words, or empty for its default. Case counts.
func TestParseOptions(t *testing.T) {
	for text, want := range map[string]rules.Existing{
		"": rules.Replace, "replace": rules.Replace, "keep": rules.Keep, "reject": rules.Reject,
	} {
		got, err := rules.ParseExisting(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := rules.ParseExisting("Keep")
	assert.EqualError(t, err, `"Keep" is not one of replace, keep, reject`)

	for text, want := range map[string]transform.BlindSpots{
		"": transform.Warn, "warn": transform.Warn, "reject": transform.RejectBlindSpots,
	} {
		got, err := transform.ParseBlindSpots(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err = transform.ParseBlindSpots("ignore")
	assert.EqualError(t, err, `"ignore" is neither warn nor reject`)
}

// The zero options ask the usual template parameters for the environment.
func TestZeroOptions(t *testing.T) {
	m := transform.Macro{Store: values{"dev": devARN}}
	event := eventWith([]byte(`{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`), `null`, `{"Stage":"dev"}`)
	_, report := m.Respond(t.Context(), event)
	require.NoError(t, report.Err)
	assert.Equal(t, "dev", report.Environment)

	m.Options.EnvironmentParameters = []string{}
	_, report = m.Respond(t.Context(), event)
	assert.ErrorIs(t, report.Err, transform.ErrUnnamed)
}

// Pinning needs an environment, and a default environment must have a name that
// one can have.
func TestValidate(t *testing.T) {
	assert.NoError(t, transform.Options{}.Validate())
	assert.NoError(t, transform.Options{DefaultEnvironment: "dev", PinEnvironment: true}.Validate())
	assert.ErrorIs(t, transform.Options{PinEnvironment: true}.Validate(), transform.ErrNoDefault)
	assert.Error(t, transform.Options{DefaultEnvironment: "a/b"}.Validate())
}
