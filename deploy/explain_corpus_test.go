package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/internal/corpus"
)

// What boundaries take from the roles of real templates: nothing, if a boundary allows
// everything, and all, if it allows nothing. How much is uncertain under usual ones is
// in docs/evidence/explain.md.
func TestCorpusExplain(t *testing.T) {
	dir := t.TempDir()
	for i, c := range corpus.Lines[struct{ Fragment json.RawMessage }](t, "templates.jsonl.gz") {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.json", i)), c.Fragment, 0o600))
	}
	everything, nothing := filepath.Join(t.TempDir(), "everything.json"), filepath.Join(t.TempDir(), "nothing.json")
	require.NoError(t, os.WriteFile(everything, []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), 0o600))
	require.NoError(t, os.WriteFile(nothing, []byte(`{"Version":"2012-10-17","Statement":[]}`), 0o600))

	all := explainedGrants(t, dir, everything)
	assert.Len(t, all, 1)
	none := explainedGrants(t, dir, nothing)
	assert.Len(t, none, 1)
	assert.Equal(t, all["kept"], none["lost: not allowed"])
	assert.Greater(t, all["kept"], 10_000)
	for _, flags := range [][]string{
		{"../examples/policies/boundary.json"},
		{"testdata/boundaries/services.json"},
		{"testdata/boundaries/regions.json"},
		{"testdata/boundaries/regions.json", "--context", "aws:RequestedRegion=eu-west-1"},
	} {
		counts := explainedGrants(t, dir, flags...)
		sum := 0
		for _, n := range counts {
			sum += n
		}
		assert.Equal(t, all["kept"], sum)
		t.Log(flags, counts)
	}
}

// explainedGrants counts the grants of the templates in a directory by verdict and reason,
// without the statement that is the reason. Those of administrators, which have nearly all
// actions, would hide the others, and are left out.
func explainedGrants(t *testing.T, dir string, boundary ...string) map[string]int {
	out, in := io.Pipe()
	var stderr bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- deploy.Run(context.Background(), append([]string{"explain", dir, "--json", "--actions", "--policy"}, boundary...), nil, in, &stderr)
		_ = in.Close()
	}()
	var result struct {
		Roles []struct {
			Grants countedGrants
		}
	}
	require.NoError(t, json.NewDecoder(out).Decode(&result))
	require.NotContains(t, stderr.String(), "internal error")
	<-done // 1, as some templates are none
	counts := map[string]int{}
	for _, role := range result.Roles {
		for what, n := range role.Grants {
			counts[what] += n
		}
	}
	return counts
}

// countedGrants are grants of a role, of which there may be tens of thousands.
type countedGrants map[string]int

func (c *countedGrants) UnmarshalJSON(text []byte) error {
	var grants []struct{ Verdict, Reason string }
	if err := json.Unmarshal(text, &grants); err != nil {
		return err
	}
	*c = countedGrants{}
	if len(grants) > 10_000 {
		return nil
	}
	for _, g := range grants {
		what := g.Verdict
		if g.Reason != "" {
			what += ": " + statementOf.ReplaceAllString(g.Reason, "")
		}
		(*c)[what]++
	}
	return nil
}

var statementOf = regexp.MustCompile(`,? (in|by) statement .*`)
