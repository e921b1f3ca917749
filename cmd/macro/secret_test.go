package main_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/cases"
	"permissions-boundary-macro/paramstore/ssmtest"
	"permissions-boundary-macro/transform/rules"
)

// Parameters and parts of a template may be secrets. Whatever becomes of a
// request, neither the log nor a message has any of them, but for what they are
// made of: logical IDs, types, the ARNs of boundaries, and the name of the
// environment.
// With FAULTS every event is sent under every setting. Otherwise each setting
// gets a fourth of the events, and the next one another fourth.
func TestSecrets(t *testing.T) {
	step := 4
	if os.Getenv("FAULTS") != "" {
		step = 1
	}
	events := allEvents(t)
	for i, tc := range []struct {
		name     string
		settings []string
		ssm      ssmtest.Fault
		value    string
	}{
		{name: "defaults"},
		{name: "reject", settings: []string{"EXISTING_BOUNDARY=reject", "BLIND_SPOTS=reject", "BOUND_USERS=true"}},
		{name: "keep", settings: []string{"EXISTING_BOUNDARY=keep", "DEFAULT_ENVIRONMENT=dev"}},
		{name: "pinned", settings: []string{"PIN_ENVIRONMENT=true", "DEFAULT_ENVIRONMENT=dev"}},
		{name: "no environment", settings: []string{"ENVIRONMENT_PARAMETERS=Nothing"}},
		{name: "a wrong setting", settings: []string{"EXISTING_BOUNDARY=overwrite"}},
		{name: "a malformed value", value: "canary value"},
		{name: "SSM denies", ssm: denied},
		{name: "the answer has no parameter", ssm: answer(`{"canary":"canary"}`)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := ssmServer(t)
			if tc.value != "" {
				server.Set("/permissions-boundary/dev", tc.value)
			}
			server.Fail(tc.ssm)
			f := start(t, server.URL, tc.settings...)
			outcomes := map[string]int{}
			for j, event := range events {
				if (i+j)%step != 0 {
					continue
				}
				got := f.invoke(event.text)
				outcomes[got.Status]++
				require.NotContains(t, got.ErrorMessage, "canary", event.name)
			}
			log := f.stop()
			for line := range strings.Lines(log) {
				require.NotContains(t, line, "canary")
			}
			assert.NotEmpty(t, log)
			assert.Positive(t, outcomes["failure"])
			assert.Equal(t, tc.name == "a wrong setting", outcomes["success"] == 0)
		})
	}
}

type plantedEvent struct{ name, text string }

// allEvents are those of events/ and of the cases of package transform, each
// with canaries beside what it has, and once more in place of it.
func allEvents(t *testing.T) []plantedEvent {
	var events []plantedEvent
	planted := 0
	add := func(path string, event []byte) {
		if !json.Valid(event) {
			return
		}
		for _, inPlace := range []bool{false, true} {
			p := planter{inPlace: inPlace}
			text, err := json.Marshal(p.event(t, event))
			require.NoError(t, err)
			events = append(events, plantedEvent{fmt.Sprint(filepath.Base(path), ", in place: ", inPlace), string(text)})
			planted += p.count
		}
	}
	paths, err := filepath.Glob("../../events/*.json")
	require.NoError(t, err)
	for _, path := range paths {
		event, err := os.ReadFile(path)
		require.NoError(t, err)
		add(path, event)
	}
	for _, c := range cases.Read(t, "../../transform/testdata", "fuzz", "yaml") {
		add(c.Path, eventOf(c))
	}
	events = append(events,
		plantedEvent{"a parameter that breaks off", `{"requestId":"r","templateParameterValues":{"canary":{"canary":tru}}}`},
		plantedEvent{"a fragment that breaks off", `{"requestId":"r","fragment":{"canary":{"canary":["canary`},
		plantedEvent{"a number that is none", `{"requestId":"r","params":{"canary":01}}`})
	require.Greater(t, len(events), 400)
	require.Greater(t, planted, 5000)
	return events
}

// eventOf is the event of a case of package transform.
func eventOf(c cases.Case) []byte {
	if event := c.Text("event.json"); event != "" {
		return []byte(event)
	}
	return fmt.Appendf(nil, `{"region":"eu-west-1","accountId":"111122223333","requestId":"r","params":%s,"templateParameterValues":%s,"fragment":%s}`,
		cmp.Or(c.Option("params"), `{"Environment":"dev"}`), cmp.Or(c.Text("parameters.json"), "{}"), c.Text("fragment.json"))
}

// planter puts canaries into events.
type planter struct {
	inPlace bool // of strings, and not just beside them
	count   int
}

func (p *planter) canary() string {
	p.count++
	return fmt.Sprint("canary ", p.count)
}

func (p *planter) event(t *testing.T, text []byte) any {
	var event map[string]any
	if json.Unmarshal(text, &event) != nil {
		return json.RawMessage(text)
	}
	event["requestId"] = "r"
	for _, part := range []string{"params", "templateParameterValues"} {
		if values, ok := event[part].(map[string]any); ok {
			p.parameters(values)
			if part != "params" { // whose names are told, for most of them are wrong
				values["Password"] = p.canary()
			}
		}
	}
	if fragment, ok := event["fragment"].(map[string]any); ok {
		event["fragment"] = p.value(fragment, "")
	}
	return event
}

// parameters get canaries as values. One that names the environment gets one
// only where that is no name, for names are told.
func (p *planter) parameters(values map[string]any) {
	for name, value := range values {
		_, isText := value.(string)
		if p.inPlace && isText || !slices.Contains([]string{"environment", "environmentname", "env", "stage"}, strings.ToLower(name)) {
			values[name] = p.canary()
		}
	}
}

// told are members whose text a message may hold.
var told = []string{"Type", "Transform", "Name", "Environment"}

// ids are members whose own members are part of logical IDs: data sources of
// these kinds. Those of the macro's Metadata are told, too.
var ids = []string{"DynamoDb", "Lambda"}

func (p *planter) value(v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		isFunction := false
		for member, value := range v {
			v[member] = p.value(value, member)
			isFunction = isFunction || member == "Ref" || strings.HasPrefix(member, "Fn::")
		}
		if !isFunction && !slices.Contains(ids, name) && !strings.EqualFold(name, rules.MacroName) {
			v[p.canary()] = p.canary()
		}
		return v
	case []any:
		for i, element := range v {
			v[i] = p.value(element, "")
		}
		return v
	case string:
		return p.text(v, name)
	}
	return v
}

func (p *planter) text(text, name string) any {
	var body map[string]any
	if name == "TemplateBody" && json.Unmarshal([]byte(text), &body) == nil {
		planted, err := json.Marshal(p.value(body, ""))
		if err != nil {
			panic(err)
		}
		return string(planted)
	}
	if !p.inPlace || slices.Contains(told, name) {
		return text
	}
	return p.canary()
}
