package deploy_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/internal/cases"
	"permissions-boundary-macro/internal/corpus"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// pbm check and the macro must agree about every template that lists the macro:
// what the one reports is what the other does.

// sampleARN is the boundary of every environment. No template has it.
const sampleARN = "arn:aws:iam::aws:policy/pbm-check"

// sampleStore has every environment, or only one: under a pin check has no store
// that knows others.
type sampleStore struct{ only string }

func (s sampleStore) Effective(_ context.Context, key boundary.Key) (boundary.Record, error) {
	if s.only != "" && key.Environment != s.only {
		return boundary.Record{}, boundary.ErrUnknown
	}
	return boundary.Record{Key: key.Own(), Text: sampleARN, Version: 1}, nil
}

func (sampleStore) Location(key boundary.Key) string { return key.String() }

func (sampleStore) Correction(boundary.Key) string { return "" }

// settings are those of a macro, and the flags of pbm check for them.
type settings struct {
	transform.Options
	flags []string
}

// everySetting is every combination of settings that decides about roles.
func everySetting() []settings {
	var all []settings
	for _, existing := range []rules.Existing{rules.Replace, rules.Keep, rules.Reject} {
		for _, blind := range []struct {
			transform.BlindSpots
			accept bool
		}{{transform.Warn, false}, {transform.RejectBlindSpots, false}, {transform.RejectBlindSpots, true}} {
			for _, users := range []bool{false, true} {
				for _, fallback := range []string{"", "dev", "pinned"} {
					s := settings{Options: transform.Options{
						Existing: existing, BlindSpots: blind.BlindSpots, AcceptBlindSpots: blind.accept, BoundUsers: users,
						DefaultEnvironment: fallback, PinEnvironment: fallback == "pinned",
						EnvironmentParameters: strings.Split(transform.DefaultEnvironmentParameters, ","),
					}}
					s.flags = []string{
						"--existing-boundary", string(existing), "--blind-spots", string(blind.BlindSpots), fmt.Sprintf("--accept-blind-spots=%t", blind.accept), fmt.Sprintf("--bound-users=%t", users),
						"--default-environment", fallback, fmt.Sprintf("--pin-environment=%t", s.PinEnvironment),
					}
					all = append(all, s)
				}
			}
		}
	}
	return all
}

// errUnreadable is of a file that no parser takes, which the macro may all the
// same be handed.
var errUnreadable = errors.New("check cannot read the template")

// agree checks a template that calls the macro with some parameters, and
// returns how the two differ.
func agree(fragment []byte, params string, s settings) error {
	report := respond(fragment, params, s)
	got, code, err := checkedAs(fragment, params, s)
	if err != nil {
		return err
	}
	if got.Unreadable != "" {
		return errUnreadable
	}
	if refusal, ok := errors.AsType[*rules.Refusal](report.Err); ok {
		return got.refuses(refusal, code)
	}
	certain := errors.Is(report.Err, transform.ErrMisspelt) || errors.Is(report.Err, transform.ErrPinned)
	if certain && len(got.Roles) > 0 && code != 1 {
		return fmt.Errorf("every deployment is refused, and check exits with %d: %w", code, report.Err)
	}
	if report.Err != nil {
		if got.EnvironmentProblem == "" && len(got.Roles) > 0 {
			return fmt.Errorf("the macro fails, and check has no warning: %w", report.Err)
		}
		return nil
	}
	if code != 0 {
		return fmt.Errorf("the macro succeeds, and check exits with %d: %+v", code, got)
	}
	want := map[string]int{}
	for _, c := range report.Changes {
		want[c.LogicalID+" "+statusAfter[c.Action]]++
	}
	have := map[string]int{}
	for _, r := range got.Roles {
		have[r.LogicalID+" "+r.Status]++
	}
	if fmt.Sprint(want) != fmt.Sprint(have) {
		return fmt.Errorf("the macro does %v, and check reports %v", want, have)
	}
	return nil
}

var statusAfter = map[rules.Action]string{
	rules.Added: "bound by the macro", rules.Filled: "bound by the macro",
	rules.Replaced: "replaced by the macro", rules.Kept: "bound already",
}

func respond(fragment []byte, params string, s settings) transform.Report {
	m := transform.Macro{Options: s.Options}
	m.Store = sampleStore{}
	if s.PinEnvironment {
		m.Store = sampleStore{only: s.DefaultEnvironment}
	}
	event := fmt.Sprintf(`{"region":"us-east-1","accountId":"123456789012","transformId":"123456789012::PermissionsBoundaryMacro","requestId":"r","params":%s,"templateParameterValues":%s,"fragment":%s}`,
		params, defaultsOf(fragment), fragment)
	_, report := m.Respond(context.Background(), []byte(event))
	return report
}

// defaultsOf are the values of a template's parameters that nobody gives.
func defaultsOf(fragment []byte) []byte {
	var sections struct {
		Parameters map[string]struct {
			Type    string
			Default any
		}
	}
	values := map[string]any{}
	if json.Unmarshal(fragment, &sections) == nil {
		for name, p := range sections.Parameters {
			if p.Default == nil {
				continue
			}
			text := fmt.Sprint(p.Default)
			values[name] = text
			if p.Type == "CommaDelimitedList" || strings.HasPrefix(p.Type, "List<") {
				values[name] = strings.Split(strings.ReplaceAll(text, ", ", ","), ",")
			}
		}
	}
	text, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	return text
}

type checkedTemplate struct {
	Unreadable, Environment, EnvironmentProblem string
	Roles, BlindSpots                           []struct{ LogicalID, Status string }
}

func (c checkedTemplate) refuses(refusal *rules.Refusal, code int) error {
	if code != 1 {
		return fmt.Errorf("the macro refuses, and check exits with %d: %w", code, refusal)
	}
	for _, f := range refusal.Findings {
		found := false
		for _, r := range slices.Concat(c.Roles, c.BlindSpots) {
			found = found || r.LogicalID == f.LogicalID && slices.Contains([]string{"escape", "refused", "blind spot"}, r.Status)
		}
		if !found {
			return fmt.Errorf("check does not report %v", f)
		}
	}
	return nil
}

// checkedAs is what pbm check reports of the template as a file.
func checkedAs(fragment []byte, params string, s settings) (checkedTemplate, int, error) {
	section := fmt.Sprintf(`"Transform":[{"Name":"PermissionsBoundaryMacro","Parameters":%s}]`, params)
	rest := bytes.TrimLeft(bytes.TrimLeft(fragment, " \t\r\n")[1:], " \t\r\n")
	if !bytes.HasPrefix(rest, []byte("}")) {
		section += ","
	}
	var out, messages bytes.Buffer
	args := append([]string{"check", "-", "--json"}, s.flags...)
	code := deploy.Run(context.Background(), args, strings.NewReader("{"+section+string(rest)), &out, &messages)
	var result struct{ Templates []checkedTemplate }
	if err := json.Unmarshal(out.Bytes(), &result); err != nil || len(result.Templates) != 1 {
		return checkedTemplate{}, code, fmt.Errorf("check: %v\n%s%s", err, out.Bytes(), messages.Bytes())
	}
	return result.Templates[0], code, nil
}

// isWhole reports whether a fragment is a template that another program would
// write to a file as it is: one with Resources and without Transform.
func isWhole(fragment []byte) bool {
	var sections map[string]json.RawMessage
	if json.Unmarshal(fragment, &sections) != nil {
		return false
	}
	resources, ok := sections["Resources"]
	_, listed := sections["Transform"]
	return ok && resources[0] == '{' && !listed && !bytes.Contains(fragment, []byte("Fn::Transform"))
}

// Every setting is tried on every case with FAULTS. Otherwise a case takes a
// fifth of the settings, and the next case another fifth.
func TestCheckAgrees(t *testing.T) {
	t.Parallel()
	step := 5
	if os.Getenv("FAULTS") != "" {
		step = 1
	}
	tried, unreadable := 0, 0
	for i, c := range cases.Read(t, "../transform/testdata", "fuzz", "yaml") {
		fragment, params := []byte(strings.TrimSpace(c.Text("fragment.json"))), cmp.Or(c.Option("params"), `{"Environment":"dev"}`)
		if !isWhole(fragment) {
			continue
		}
		for j, s := range everySetting() {
			if (i+j)%step != 0 {
				continue
			}
			tried++
			err := agree(fragment, params, s)
			if errors.Is(err, errUnreadable) {
				unreadable++
				continue
			}
			assert.NoError(t, err, "%s %v", c.Path, s.flags)
		}
	}
	t.Logf("%d tried, %d unreadable", tried, unreadable)
	require.Greater(t, tried, 3000/step)
	require.Less(t, unreadable, tried/50)
}

func TestCorpusCheckAgrees(t *testing.T) {
	type converted struct {
		Name     string
		Fragment json.RawMessage
	}
	t.Chdir(t.TempDir()) // local templates that one nests are not there
	for _, c := range corpus.Lines[converted](t, "templates.jsonl.gz") {
		if !isWhole(c.Fragment) {
			continue
		}
		for _, s := range everySetting() {
			if s.DefaultEnvironment != "dev" {
				continue // these templates name no environment to the macro
			}
			require.NoError(t, agree(c.Fragment, `{"Environment":"dev"}`, s), "%s %v", c.Name, s.flags)
		}
	}
}
