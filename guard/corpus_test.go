package guard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/cases"
	"permissions-boundary-macro/internal/corpus"
	"permissions-boundary-macro/transform"
)

// Real templates pass the rule as the macro leaves them. As they came, those fail
// that have a role or user without the boundary. CORPUS names a directory with
// templates.jsonl.gz; without it, the cases of the macro are tried, which are odd.
func TestCorpus(t *testing.T) {
	cfnGuard(t)
	rule, err := platform(t).Rule()
	require.NoError(t, err)
	templates, least := caseTemplates(t), 150
	if corpus.IsThere() {
		templates, least = corpusTemplates(t), 1000
	}
	before, after := t.TempDir(), t.TempDir()
	hookedBefore, hookedAfter := t.TempDir(), t.TempDir()
	unbound := map[string]bool{} // by file
	counts := map[string]int{}
	for i, fragment := range templates {
		name := fmt.Sprint(i, ".json")
		came := principalsOf(t, fragment)
		result := transformed(t, fragment)
		if result == nil {
			counts["refused by the macro"]++
			continue
		}
		left := principalsOf(t, result)
		switch {
		case len(came) == 0:
			counts["without a role or user"]++
		case slices.ContainsFunc(left, principal.isUnseen):
			counts["malformed, or in loops that the rule does not see"]++
		case !isBound(left):
			counts["left with a boundary in another form, such as Ref"]++
		default:
			unbound[name] = !isBound(came)
			write(t, before, name, fragment)
			write(t, after, name, result)
			write(t, hookedBefore, name, hooked(t, came))
			write(t, hookedAfter, name, hooked(t, left))
		}
	}
	for what, dir := range map[string]string{"template": after, "hook": hookedAfter} {
		for name, status := range validate(t, rule, dir) {
			counts[what+", as the macro leaves it: "+status]++
			assert.Equal(t, "PASS", status, "%s %s", what, name)
		}
	}
	for what, dir := range map[string]string{"template": before, "hook": hookedBefore} {
		for name, status := range validate(t, rule, dir) {
			counts[what+", as it came: "+status]++
			assert.Equal(t, map[bool]string{true: "FAIL", false: "PASS"}[unbound[name]], status, "%s %s", what, name)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%6d %s", counts[what], what)
	}
	assert.Greater(t, len(unbound), least, "templates that were tried")
}

// corpusTemplates are real templates, as a macro receives them.
func corpusTemplates(t *testing.T) []json.RawMessage {
	t.Helper()
	var all []json.RawMessage
	for _, line := range corpus.Lines[struct{ Fragment json.RawMessage }](t, "templates.jsonl.gz") {
		all = append(all, line.Fragment)
	}
	return all
}

// caseTemplates are the templates in the cases of the macro that are valid JSON.
func caseTemplates(t *testing.T) []json.RawMessage {
	t.Helper()
	var all []json.RawMessage
	for _, c := range cases.Read(t, "../transform/testdata", "fuzz", "yaml") {
		for _, data := range c.Files {
			var template map[string]any
			if json.Unmarshal(data.Data, &template) == nil && template["Resources"] != nil {
				all = append(all, data.Data)
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

// fixed is a store with the boundary of dev.
type fixed struct{ boundary.Reader }

func (fixed) Effective(_ context.Context, key boundary.Key) (boundary.Record, error) {
	return boundary.Record{Key: key.Own(), Text: devBoundary}, nil
}

// transformed is what the macro makes of a template, nil if it refuses it.
func transformed(t *testing.T, fragment json.RawMessage) json.RawMessage {
	t.Helper()
	event, err := json.Marshal(map[string]any{
		"requestId": "r", "accountId": account, "region": "eu-west-1", "transformId": account + "::PermissionsBoundaryMacro",
		"params": map[string]string{"Environment": "dev"}, "templateParameterValues": map[string]string{}, "fragment": fragment,
	})
	require.NoError(t, err)
	m := transform.Macro{Store: fixed{}, Options: transform.Options{BoundUsers: true}}
	out, report := m.Respond(context.Background(), event)
	if report.Err != nil {
		return nil
	}
	var response struct{ Fragment json.RawMessage }
	require.NoError(t, json.Unmarshal(out, &response))
	return response.Fragment
}

// principal is a role or user of a template.
type principal struct {
	id, typ    string
	properties map[string]any
	loops      int  // around it
	malformed  bool // another resource is not an object, so CloudFormation refuses the template
}

// isUnseen reports whether the rule says nothing about a principal.
func (p principal) isUnseen() bool { return p.malformed || p.loops > 2 }

func isBound(all []principal) bool {
	return !slices.ContainsFunc(all, func(p principal) bool { return p.boundary() != "arn:aws:iam::"+account+":policy/platform/dev-boundary" })
}

// boundary is the boundary of a principal when CloudFormation provisions it, as far
// as this reader knows functions.
func (p principal) boundary() any {
	if function, is := p.properties["PermissionsBoundary"].(map[string]any); is && function["Fn::Sub"] == devBoundary {
		return "arn:aws:iam::" + account + ":policy/platform/dev-boundary"
	}
	return p.properties["PermissionsBoundary"]
}

// principalsOf finds roles and users by a reader that knows nothing of the macro's
// tables.
func principalsOf(t *testing.T, text json.RawMessage) []principal {
	t.Helper()
	var template map[string]any
	require.NoError(t, json.Unmarshal(text, &template))
	var all []principal
	malformed := false
	var collect func(resources any, loops int)
	collect = func(resources any, loops int) {
		members, _ := resources.(map[string]any)
		for id, value := range members {
			loop, isLoop := value.([]any)
			if isLoop && strings.HasPrefix(id, "Fn::ForEach::") && len(loop) == 3 {
				collect(loop[2], loops+1)
				continue
			}
			resource, isObject := value.(map[string]any)
			malformed = malformed || !isObject
			if typ, _ := resource["Type"].(string); typ == "AWS::IAM::Role" || typ == "AWS::IAM::User" {
				properties, _ := resource["Properties"].(map[string]any)
				all = append(all, principal{id: id, typ: typ, properties: properties, loops: loops})
			}
		}
	}
	collect(template["Resources"], 0)
	for i := range all {
		all[i].malformed = malformed
	}
	return all
}

// hooked is what CloudFormation shows to a hook, of all principals at once.
func hooked(t *testing.T, all []principal) []byte {
	t.Helper()
	resources := map[string]any{}
	for _, p := range all {
		properties := maps.Clone(p.properties)
		if properties != nil && p.boundary() != nil {
			properties["PermissionsBoundary"] = p.boundary()
		}
		resources[p.id] = map[string]any{"ResourceType": p.typ, "ResourceProperties": properties}
	}
	text, err := json.Marshal(map[string]any{"HookContext": map[string]any{"TargetType": "RESOURCE"}, "Resources": resources})
	require.NoError(t, err)
	return text
}

func write(t *testing.T, dir, name string, text []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
}
