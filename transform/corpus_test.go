package transform_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/corpus"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// corpusTemplate is a real public template, as a macro receives it.
type corpusTemplate struct {
	Name     string          `json:"name"`
	Fragment json.RawMessage `json:"fragment"`
}

// defaults are the values of the template's parameters that CloudFormation
// sends when none is given.
func defaults(fragment []byte) string {
	var t struct {
		Parameters map[string]struct{ Default json.RawMessage }
	}
	values := map[string]json.RawMessage{}
	if json.Unmarshal(fragment, &t) == nil {
		for name, p := range t.Parameters {
			if p.Default != nil {
				values[name] = p.Default
			}
		}
	}
	out, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// escapes reports whether a finding names a resource that stays unbound even
// if every boundary that can be written is there.
func escapes(fragment []byte, f rules.Finding, o transform.Options, parameters string) bool {
	var t, given map[string]any
	if json.Unmarshal(fragment, &t) != nil || json.Unmarshal([]byte(parameters), &given) != nil {
		return false
	}
	id, event, isEvent := strings.Cut(f.LogicalID, ".")
	found := resourceNamed(object(t["Resources"]), id)
	if strings.HasPrefix(id, "Fn::ForEach::") {
		return isBrokenLoop(found)
	}
	r := object(found)
	switch typ, _ := r["Type"].(string); {
	case f.Type == "":
		return object(r["Type"]) != nil
	case f.Code == rules.CodeConflict, f.Code == rules.CodeGlobalConflict:
		if isEvent {
			r = object(object(object(r["Properties"])["Events"])[event])
		}
		global := object(object(t["Globals"])["Function"])["PermissionsBoundary"]
		return o.Existing == rules.Reject && (object(r["Properties"])["PermissionsBoundary"] != nil || typ == "AWS::Serverless::Function" && global != nil)
	case f.Code == "properties-not-an-object", f.Code == "properties-made":
		p := object(r["Properties"])
		return r["Properties"] != nil && (p == nil || p["Fn::If"] != nil)
	default:
		c := boundCheck{options: o, parameters: given, anyBoundary: true, globals: object(t["Globals"])}
		c.scope = scope{values: given, mappings: object(t["Mappings"]), pseudo: here()}
		return typ == f.Type && c.resource(id, r) != nil
	}
}

// resourceNamed looks in loops, too.
func resourceNamed(resources map[string]any, id string) any {
	if r, ok := resources[id]; ok {
		return r
	}
	for name, v := range resources {
		if list, ok := v.([]any); ok && strings.HasPrefix(name, "Fn::ForEach::") && len(list) == 3 {
			if r := resourceNamed(object(list[2]), id); r != nil {
				return r
			}
		}
	}
	return nil
}

func isBrokenLoop(v any) bool {
	list, _ := v.([]any)
	if len(list) != 3 {
		return true
	}
	_, isText := list[0].(string)
	return !isText || object(list[2]) == nil
}

func TestCorpus(t *testing.T) {
	templates := corpus.Lines[corpusTemplate](t, "templates.jsonl.gz")
	var counted []map[string]int
	for _, existing := range []rules.Existing{rules.Replace, rules.Keep, rules.Reject} {
		t.Run(string(existing), func(t *testing.T) {
			m := transform.Macro{Store: values{"dev": devARN}, Options: transform.Options{Existing: existing, BoundUsers: true}}
			counts := map[string]int{}
			for _, doc := range templates {
				got, report, err := checkLaws(m, doc.Fragment, `{"Environment":"dev"}`, defaults(doc.Fragment))
				require.NoError(t, err, doc.Name)
				counts["templates"]++
				for _, c := range report.Changes {
					counts[string(c.Action)]++
				}
				if len(report.BlindSpots) > 0 {
					counts["with blind spots"]++
				}
				for _, b := range report.BlindSpots {
					counts["blind spot "+b.Type+" "+string(b.Code)]++
				}
				if got.Status != "success" {
					counts["refused"]++
					refusal, ok := report.Err.(*rules.Refusal)
					require.True(t, ok, "%s: %v", doc.Name, report.Err)
					for _, f := range refusal.Findings {
						counts["refused: "+f.Type+" "+string(f.Code)]++
						require.True(t, escapes(doc.Fragment, f, m.Options, defaults(doc.Fragment)), "%s: no true escape: %s", doc.Name, f)
					}
				}
			}
			for _, what := range slices.Sorted(maps.Keys(counts)) {
				t.Logf("%6d %s", counts[what], what)
			}
			counted = append(counted, counts)
		})
	}
	if len(counted) == 3 {
		checkDocumented(t, counted)
	}
}

// checkDocumented holds the table of docs/evidence/coverage.md against what was counted,
// if it is of the same number of templates.
func checkDocumented(t *testing.T, counted []map[string]int) {
	document, err := os.ReadFile("../docs/evidence/coverage.md")
	require.NoError(t, err)
	for _, row := range []string{"templates", "added", "replaced", "filled", "kept", "refused", "with blind spots"} {
		line := "| " + row + " |"
		for _, counts := range counted {
			line += fmt.Sprintf(" %d |", counts[row])
		}
		if row == "templates" && !bytes.Contains(document, []byte(line)) {
			t.Skip("docs/evidence/coverage.md has the figures of another corpus")
		}
		require.Contains(t, string(document), line)
	}
}

// The laws on templates as people write them. Refusals are listed.
func TestCorpusYAML(t *testing.T) {
	type source struct{ Name, Source string }
	for _, existing := range []rules.Existing{rules.Replace, rules.Keep} {
		t.Run(string(existing), func(t *testing.T) {
			m := transform.Macro{Store: values{"dev": devARN}, Options: transform.Options{Existing: existing, BoundUsers: true}}
			counts := map[string]int{}
			for _, s := range corpus.Lines[source](t, "yaml-sources.jsonl.gz") {
				counts["sources"]++
				out, report, err := checkYAML(m, []byte(s.Source), `{"Environment":"dev"}`)
				require.NoError(t, err, "%s\n%s", s.Name, out)
				for _, c := range report.Changes {
					counts[string(c.Action)]++
				}
				switch refusal, ok := report.Err.(*rules.Refusal); {
				case ok:
					counts["refused"]++
					for _, f := range refusal.Findings {
						counts["refused: "+f.Type+" "+string(f.Code)]++
					}
				case report.Err != nil:
					counts["not read"]++
					counts["not read: "+report.Err.Error()]++
				case checkMeans([]byte(s.Source), Fragment(t, s.Source)) != nil:
					counts["misread by the other parser as they came"]++
				}
			}
			for _, what := range slices.Sorted(maps.Keys(counts)) {
				t.Logf("%6d %s", counts[what], what)
			}
		})
	}
}

func Fragment(t *testing.T, source string) []byte {
	doc, err := template.Parse([]byte(source))
	require.NoError(t, err)
	return doc.Fragment()
}

// Templates of the corpus adopt the macro in place.
func TestCorpusAdopt(t *testing.T) {
	type source struct{ Name, Source string }
	counts := map[string]int{}
	for _, s := range corpus.Lines[source](t, "yaml-sources.jsonl.gz") {
		doc, err := template.Parse([]byte(s.Source))
		if err != nil {
			counts["not read"]++
			continue
		}
		out, err := doc.Adopt(rules.MacroName)
		if err != nil {
			counts["refused: "+err.Error()]++
			t.Log(s.Name)
			continue
		}
		require.NoError(t, checkAdopted([]byte(s.Source), out), s.Name)
		counts["adopted"]++
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%6d %s", counts[what], what)
	}
}
