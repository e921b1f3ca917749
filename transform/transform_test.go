package transform_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/internal/cases"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

var update = flag.Bool("update", false, "rewrite what the cases want")

// TestCases runs testdata/*.txtar. The first line of a case says why it
// exists. Its files:
//
//	options          what differs from the defaults, a word and its value a line:
//	                 value, params, default, pin, also, existing, blind, accept, users,
//	                 portable; also is another environment of the store
//	parameters.json  templateParameterValues
//	fragment.json    the template, or
//	event.json       the whole event
//	want.json        the fragment that comes back, or
//	want.error       the errorMessage
//	report           what the report says, a line for each change and blind spot
func TestCases(t *testing.T) {
	for _, c := range loadCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			if c.event != nil {
				out, report := c.macro.Respond(context.Background(), c.event)
				got, err := parseResponse(out)
				require.NoError(t, err)
				c.check(t, got, report)
				return
			}
			got, report, err := checkLaws(c.macro, c.fragment, c.params, c.parameters)
			require.NoError(t, err)
			c.check(t, got, report)
		})
	}
}

type testCase struct {
	cases.Case
	macro              transform.Macro
	params, parameters string
	fragment, event    []byte
}

// wanted are the files of a case that say what comes of it.
var wanted = []string{"want.json", "want.error", "report"}

func loadCases(tb testing.TB) []testCase {
	var all []testCase
	for _, c := range cases.Read(tb, "testdata", "fuzz", "yaml") {
		all = append(all, loadCase(tb, c))
	}
	return all
}

func loadCase(tb testing.TB, from cases.Case) testCase {
	c := testCase{Case: from, params: `{"Environment":"dev"}`, parameters: `{}`}
	c.macro.Options.EnvironmentParameters = strings.Split(transform.DefaultEnvironmentParameters, ",")
	c.macro.Store = values{"dev": devARN}
	for _, file := range c.Files {
		data := strings.TrimSuffix(string(file.Data), "\n")
		switch file.Name {
		case "options":
			c.setOptions(tb, data)
		case "parameters.json":
			c.parameters = data
		case "fragment.json":
			c.fragment = []byte(data)
		case "event.json":
			c.event = []byte(data)
		default:
			require.Contains(tb, wanted, file.Name, c.Path)
		}
	}
	require.True(tb, (c.fragment == nil) != (c.event == nil), "%s needs a fragment or an event", c.Path)
	return c
}

func (c *testCase) setOptions(tb testing.TB, lines string) {
	for line := range strings.Lines(lines) {
		word, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch o := &c.macro.Options; word {
		case "value":
			c.macro.Store = values{"dev": value}
		case "params":
			c.params = value
		case "default":
			o.DefaultEnvironment = value
		case "also":
			c.macro.Store = values{"dev": devARN, value: devARN}
		case "pin":
			o.PinEnvironment = true
		case "existing":
			o.Existing = rules.Existing(value)
		case "blind":
			o.BlindSpots = transform.BlindSpots(value)
		case "accept":
			o.AcceptBlindSpots = true
		case "users":
			o.BoundUsers = true
		case "portable":
			o.Portable = true
		default:
			require.Fail(tb, "unknown option", "%s: %s", c.Path, word)
		}
	}
}

// check compares with what the case wants, or rewrites it.
func (c *testCase) check(t *testing.T, got response, report transform.Report) {
	have := map[string]string{}
	if got.Status == "success" {
		have["want.json"] = string(got.Fragment) + "\n"
	} else {
		have["want.error"] = got.ErrorMessage + "\n"
	}
	if text := reported(report); text != "" {
		have["report"] = text + "\n"
	}
	c.Check(t, wanted, have, *update)
}

func reported(r transform.Report) string {
	var lines []string
	for _, c := range r.Changes {
		lines = append(lines, fmt.Sprintf("%s %s (%s)", c.Action, c.LogicalID, c.Type))
	}
	for _, b := range r.BlindSpots {
		lines = append(lines, fmt.Sprintf("blind spot %s: %s", b, b.Remedy()))
		if b.Accepted != "" {
			lines = append(lines, "accepted: "+b.Accepted)
		}
	}
	for _, f := range r.Excuses {
		lines = append(lines, fmt.Sprintf("excuse %s: %s", f, f.Remedy()))
	}
	return strings.Join(lines, "\n")
}

// The response carries the requestId as it came, whatever kind of value it is.
func TestRequestID(t *testing.T) {
	for _, id := range []string{`"a-b"`, `43242`, `1e400`, `null`, `{"a": [1, "\u00e9"]}`, `"\ud800"`} {
		event := fmt.Sprintf(`{"requestId":%s,"fragment":[]}`, id)
		out, _ := transform.Macro{}.Respond(context.Background(), []byte(event))
		assert.Equal(t, `{"requestId":`+id+`,"status":"success","fragment":[]}`, string(out))
	}
}

// An event that cannot be read is answered all the same, with its requestId
// where there is one.
func TestMalformedEvents(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)
	for _, tc := range []struct{ event, id, message string }{
		{``, `null`, "not a JSON object"},
		{`[1]`, `null`, "not a JSON object"},
		{`"text"`, `null`, "not a JSON object"},
		{`{"requestId":"a"}`, `"a"`, "no fragment"},
		{`{"fragment":{},"requestId":"a"} {}`, `"a"`, "more than one JSON value"},
		{`{"fragment":{},"requestId":"a"}x`, `"a"`, "invalid character 'x'"},
		{`{"requestId":"a","fragment":{"b":`, `"a"`, "unexpected EOF"},
		{`{"fragment":{"b":tru},"requestId":"a"}`, `"a"`, "invalid"},
		{`{"transformId":"requestId","fragment":{"b" 1},"requestId" : 7}`, `7`, "invalid character '1'"},
		{`{"fragment":{},"fragment":{},"requestId":"a"}`, `"a"`, "fragment is given twice"},
		{`{"fragment":` + deep + `,"requestId":"a"}`, `"a"`, "depth"},
	} {
		out, report := transform.Macro{}.Respond(context.Background(), []byte(tc.event))
		got, err := parseResponse(out)
		require.NoError(t, err, tc.event)
		assert.Equal(t, "failure", got.Status)
		assert.Equal(t, tc.id, string(got.RequestID))
		assert.Contains(t, got.ErrorMessage, "event is malformed: ")
		assert.Contains(t, got.ErrorMessage, tc.message)
		assert.Error(t, report.Err)
	}
}

// A fragment nested as deep as the parser goes is no reason to refuse.
func TestDeepNesting(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000)
	fragment := `{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"Tags":` + deep + `}}}}`
	m := transform.Macro{Store: values{"dev": devARN}}
	out, report := m.Respond(context.Background(), eventWith([]byte(fragment), `{"Environment":"dev"}`, `{}`))
	require.NoError(t, report.Err)
	assert.Contains(t, string(out), `"Properties":{"PermissionsBoundary":"`+devARN+`","Tags":{"a":`)
}

// Lambda passes 6 MB on. A response that is longer would be lost, and people
// would see no reason.
func TestTooLong(t *testing.T) {
	m := transform.Macro{Store: values{"dev": devARN}}
	event := func(size int) []byte {
		fill := strings.Repeat("x", size)
		return eventWith([]byte(`{"Description":"`+fill+`","Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{}}}}`), `{"Environment":"dev"}`, `{}`)
	}
	out, report := m.Respond(context.Background(), event(transform.MaxResponse-1000))
	require.NoError(t, report.Err)
	assert.LessOrEqual(t, len(out), transform.MaxResponse)

	out, report = m.Respond(context.Background(), event(transform.MaxResponse))
	require.Error(t, report.Err)
	got, err := parseResponse(out)
	require.NoError(t, err)
	assert.Less(t, len(out), 1000)
	assert.Equal(t, `"9f1b-\u00e9"`, string(got.RequestID))
	// A failure leaves its fragment away when it would be too long with it.
	refused := eventWith([]byte(`{"Description":"`+strings.Repeat("x", transform.MaxResponse-200)+`","Resources":{"R":{"Type":"AWS::IAM::Role"}}}`), `{}`, `{}`)
	failed, report := m.Respond(context.Background(), refused)
	require.Error(t, report.Err)
	assert.Less(t, len(failed), transform.MaxResponse)

	assert.Regexp(t, `^the template with its boundaries has \d+ bytes, Lambda returns 6291456 at most; split the stack$`, got.ErrorMessage)
}

// Nothing is looked up for a template that needs no boundary, so that the
// macro is no reason for it to fail.
func TestNoLookup(t *testing.T) {
	for _, fragment := range []string{
		`{"Resources":{"B":{"Type":"AWS::S3::Bucket"}}}`,
		`{"Resources":{"U":{"Type":"AWS::IAM::User"}}}`,
		`{"Resources":{"N":{"Type":"AWS::CloudFormation::Stack"}}}`,
		`{"Conditions":{}}`, `"text"`, `[1, 2]`, `null`, `1e3`,
	} {
		out, report := transform.Macro{Store: nil}.Respond(context.Background(), eventWith([]byte(fragment), `{}`, `{}`))
		got, err := parseResponse(out)
		require.NoError(t, err)
		assert.Equal(t, "success", got.Status, fragment)
		assert.Equal(t, fragment, string(got.Fragment))
		assert.Empty(t, report.Environment)
	}
}

// Refuse answers whatever it is given, and finds the requestId.
func TestRefuse(t *testing.T) {
	for _, event := range []string{``, `{`, `{"requestId":"a","fragment":{}}`, `{"fragment":{"requestId":"b"},"requestId":"a"}`, `[]]`, `{"requestId":`, `"\`} {
		var got response
		require.NoError(t, json.Unmarshal(transform.Refuse([]byte(event), assert.AnError), &got), event)
		assert.Equal(t, "failure", got.Status)
		assert.Equal(t, assert.AnError.Error(), got.ErrorMessage)
		assert.Equal(t, strings.Contains(event, `"a"`), string(got.RequestID) == `"a"`, event)
	}
}

// Allocations grow with the roles, not with the bytes.
func TestAllocations(t *testing.T) {
	// A collection empties pools, and comes more often the more bytes there are.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	m := transform.Macro{Store: values{"dev": devARN}}
	allocations := func(size, roles int) float64 {
		event := workload.Event(workload.Roles(size, roles))
		least := math.Inf(1) // the race detector has pools lose some of what they keep
		for range 10 {
			least = min(least, testing.AllocsPerRun(1, func() { m.Respond(context.Background(), event) }))
		}
		return least
	}
	small := allocations(100<<10, 20)
	assert.InDelta(t, small, allocations(1<<20, 20), 5, "ten times the bytes")
	assert.Less(t, allocations(1<<20, 200)-small, 180*10.0, "180 roles more")
}
