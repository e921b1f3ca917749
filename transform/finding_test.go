package transform_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// cell keeps text from ending a cell of a table.
var cell = strings.NewReplacer("|", `\|`)

// docs/troubleshooting.md has every code, with what it says and what to do.
// With -update the table is written.
func TestCodesPage(t *testing.T) {
	const page, begin, end = "../docs/troubleshooting.md", "<!-- findings -->\n", "<!-- end of findings -->"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(text), begin)
	have, tail, closed := strings.Cut(rest, end)
	require.True(t, found && closed, "%s has no marks of the table", page)
	var want strings.Builder
	want.WriteString("| code | the resource | what to do |\n|---|---|---|\n")
	for _, code := range rules.Codes() {
		fmt.Fprintf(&want, "| <a id=%q></a>`%s` | %s | %s |\n", code, code, cell.Replace(code.About()), cell.Replace(code.Remedy()))
	}
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(head+begin+want.String()+end+tail), 0o644))
		return
	}
	assert.Equal(t, want.String(), have, "go test ./transform -run TestCodesPage -update")
}

// Each code is found by some case.
func TestCodesAreReached(t *testing.T) {
	reached := map[rules.Code]bool{
		"template-too-deep":          true, // TestDeepTemplates
		"template-too-long":          true, // TestLongBodies
		"yaml-not-editable":          true, // TestYAMLCases
		"template-body-not-editable": true, // TestYAMLCases
	}
	for _, c := range loadCases(t) {
		event := c.event
		if event == nil {
			event = eventWith(c.fragment, c.params, c.parameters)
		}
		_, report := c.macro.Respond(t.Context(), event)
		for _, findings := range [][]rules.Finding{report.Escapes, report.Conflicts, report.BlindSpots, report.Excuses, refusedOf(report)} {
			for _, f := range findings {
				reached[f.Code] = true
			}
		}
	}
	for _, code := range rules.Codes() {
		assert.True(t, reached[code], "no case has a finding %s", code)
	}
}

func refusedOf(report transform.Report) []rules.Finding {
	if refusal, ok := report.Err.(*rules.Refusal); ok {
		return refusal.Findings
	}
	return nil
}
