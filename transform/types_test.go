package transform_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// decision is what people have decided about a resource type, after `make
// types` found that it may create roles.
type decision struct{ typ, verdict, reason string }

// decisions are those of types/decisions.tsv, a line for each type.
var decisions = sync.OnceValue(func() (all []decision) {
	file, err := os.ReadFile("../types/decisions.tsv")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(file)) {
		if columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(columns) == 3 {
			all = append(all, decision{columns[0], columns[1], columns[2]})
		}
	}
	return all
})

// The rules do with each type what is decided about it, and there is no rule
// without a decision.
func TestTypes(t *testing.T) {
	require.NotEmpty(t, decisions())
	decided := map[string]string{}
	for _, d := range decisions() {
		decided[d.typ] = d.verdict
		assert.Equal(t, d.verdict, verdict(t, strings.ReplaceAll(d.typ, "*", "Example")), d.typ)
	}
	for typ, verdict := range rules.Decisions() {
		assert.Equal(t, decided[typ], verdict, typ)
	}
	for typ, verdict := range decided {
		if strings.HasPrefix(typ, "AWS::Serverless::") && verdict == "skipped" {
			assert.Contains(t, rules.Decisions(), typ)
		}
	}
}

// verdict is what the rules do with a type: with a resource that has nothing
// but its type, or, when that is nothing, that there is a rule.
func verdict(t *testing.T, typ string) string {
	m := transform.Macro{Store: values{"dev": devARN}, Options: transform.Options{BoundUsers: true}}
	fragment := fmt.Sprintf(`{"Resources":{"R":{"Type":%q,"Properties":{}}}}`, typ)
	_, report := m.Respond(context.Background(), eventWith([]byte(fragment), `{"Environment":"dev"}`, `{}`))
	switch {
	case report.Err != nil:
		return "refused"
	case len(report.Changes) > 0:
		return "bound"
	case len(report.BlindSpots) > 0, rules.Decisions()[typ] == "reported":
		return "reported"
	}
	return "skipped"
}

// docs/evidence/types.md has all decisions. What else is in it needs the schemas: make
// types.
func TestTypesDocumented(t *testing.T) {
	document, err := os.ReadFile("../docs/evidence/types.md")
	require.NoError(t, err)
	sections := map[string]string{}
	for _, section := range strings.Split(string(document), "\n## ")[1:] {
		title, rows, _ := strings.Cut(section, "\n")
		sections[strings.ToLower(title)] = rows
	}
	decided := map[string]int{}
	for _, d := range decisions() {
		decided[d.verdict]++
		assert.Contains(t, sections[d.verdict], fmt.Sprintf("| `%s` | %s |", d.typ, d.reason))
	}
	for _, verdict := range []string{"bound", "refused", "reported", "skipped"} {
		rows := strings.Count(sections[verdict], "\n| `")
		assert.Equal(t, decided[verdict], rows, verdict)
	}
}
