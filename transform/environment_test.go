package transform_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
)

// store answers as its map says, and notes what it is asked for. Nil is a value.
type store struct {
	values
	answers map[string]error
	asked   []string
}

func (s *store) Effective(ctx context.Context, key boundary.Key) (boundary.Record, error) {
	s.asked = append(s.asked, key.Environment)
	if err := s.answers[key.Environment]; err != nil {
		return boundary.Record{}, err
	}
	return s.values.Effective(ctx, key)
}

// Under a pin the store is asked a second time only where a template parameter
// has the name of an environment for a value. It must know that environment for
// the template to be refused; where it may not tell, the pinned one counts; where
// it does not answer, nobody guesses.
func TestPinnedReads(t *testing.T) {
	denied := boundary.Problem{What: "not permitted", Kind: boundary.ErrDenied}
	broken := boundary.Problem{What: "the store cannot be reached", Remedy: "check the network"}
	for _, tc := range []struct {
		name               string
		params, parameters string
		answers            map[string]error
		asked              []string
		want               string // of the error, empty for none
	}{
		{"named by the macro's parameter", `{"Environment":"dev"}`, `{"Stage":"prod"}`, nil, []string{"dev"}, ""},
		{"not named", `{}`, `{}`, nil, []string{"dev"}, ""},
		{"no name of an environment", `{}`, `{"Stage":"a b"}`, nil, []string{"dev"}, ""},
		{"unknown", `{}`, `{"Stage":"v1"}`, nil, []string{"dev", "v1"}, ""},
		{"known", `{}`, `{"Stage":"prod"}`, nil, []string{"dev", "prod"}, `the template parameter Stage names environment "prod", but every stack here is of environment "dev" (PinEnvironment)`},
		{"denied", `{}`, `{"Stage":"prod"}`, map[string]error{"prod": denied}, []string{"dev", "prod"}, ""},
		{"unreachable", `{}`, `{"Stage":"prod"}`, map[string]error{"prod": broken}, []string{"dev", "prod"}, `cannot tell whether the template parameter Stage names another environment than "dev" (PinEnvironment): the store cannot be reached`},
		{"the pinned one is unreachable", `{}`, `{"Stage":"prod"}`, map[string]error{"dev": broken}, []string{"dev"}, "the store cannot be reached"},
		{"contradicted by the macro's parameter", `{"Environment":"prod"}`, `{}`, nil, nil, `the parameter Environment of PermissionsBoundaryMacro names environment "prod", but every stack here is of environment "dev" (PinEnvironment)`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &store{values: values{"dev": devARN, "prod": devARN}, answers: tc.answers}
			m := transform.Macro{Store: s, Options: transform.Options{
				DefaultEnvironment: "dev", PinEnvironment: true, EnvironmentParameters: []string{"Environment", "Stage"},
			}}
			out, report := m.Respond(context.Background(), eventWith([]byte(`{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`), tc.params, tc.parameters))
			assert.Equal(t, tc.asked, s.asked)
			if tc.want != "" {
				assert.EqualError(t, report.Err, tc.want)
				return
			}
			require.NoError(t, report.Err)
			assert.Contains(t, string(out), devARN)
			assert.Equal(t, "dev", report.Environment)
		})
	}
}

// With one boundary for all, nobody is asked for an environment, and nothing is
// wrong with what a template says about it.
func TestAnyEnvironment(t *testing.T) {
	m := transform.Macro{Store: values{"": devARN}, Options: transform.Options{AnyEnvironment: true, EnvironmentParameters: []string{"Stage"}}}
	fragment := `{"Metadata":{"PermissionsBoundaryMacro":"x"},"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`
	out, report := m.Respond(context.Background(), eventWith([]byte(fragment), `{"Env":"prod"}`, `{"Stage":"/a/path"}`))
	require.NoError(t, report.Err)
	assert.Contains(t, string(out), devARN)
	assert.Empty(t, report.Environment)
}

// What an event says about itself goes into messages and logs, and is cut.
func TestLongEvent(t *testing.T) {
	long := `"\u202e` + strings.Repeat("x", 1<<20) + `"`
	_, report := transform.Macro{}.Respond(context.Background(), []byte(`{"requestId":`+long+`,"accountId":`+long+`,"region":`+long+`,"fragment":{}}`))
	for _, text := range []string{report.RequestID, report.AccountID, report.Region} {
		assert.True(t, strings.HasPrefix(text, `\u202exxx`), text[:20])
		assert.Less(t, len(text), 300)
	}
}

// A template parameter without a value names the environment, unless one before
// it has a value, or the macro's own parameter names it. Case does not matter.
func TestAwaited(t *testing.T) {
	m := transform.Macro{Options: transform.Options{EnvironmentParameters: []string{"Environment", "Stage"}}}
	for _, tc := range []struct {
		params, values string
		awaited        []string
		want           string
	}{
		{`{}`, `{}`, nil, ""},
		{`{}`, `{}`, []string{"Other", "stage"}, "stage"},
		{`{}`, `{}`, []string{"Stage", "Environment"}, "Environment"},
		{`{}`, `{"Environment":"dev"}`, []string{"Stage"}, ""},
		{`{}`, `{"environment":""}`, []string{"Stage"}, "Stage"},
		{`{"ENVIRONMENT":"dev"}`, `{}`, []string{"Stage"}, ""},
	} {
		d := deploymentOf(nil, tc.params, tc.values)
		d.Awaited = tc.awaited
		assert.Equal(t, tc.want, m.Awaited(d), "%+v", tc)
	}
}
