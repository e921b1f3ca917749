package transform_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
)

// corpusTemplate is a real public template, as a macro receives it.
type corpusTemplate struct {
	Name     string          `json:"name"`
	Fragment json.RawMessage `json:"fragment"`
}

// corpus reads the templates where the variable CORPUS says that they are.
func corpus(tb testing.TB) []corpusTemplate {
	dir := os.Getenv("CORPUS")
	if dir == "" {
		tb.Skip("CORPUS does not name a folder with templates.jsonl.gz, so there are no real templates to try")
	}
	file, err := os.Open(filepath.Join(dir, "templates.jsonl.gz"))
	require.NoError(tb, err)
	defer file.Close()
	zip, err := gzip.NewReader(file)
	require.NoError(tb, err)
	var all []corpusTemplate
	lines := bufio.NewScanner(zip)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var t corpusTemplate
		require.NoError(tb, json.Unmarshal(lines.Bytes(), &t))
		all = append(all, t)
	}
	require.NoError(tb, lines.Err())
	require.NotEmpty(tb, all)
	return all
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

func TestCorpus(t *testing.T) {
	templates := corpus(t)
	for _, existing := range []transform.Existing{transform.Replace, transform.Keep, transform.Reject} {
		t.Run(string(existing), func(t *testing.T) {
			m := transform.Macro{Store: values{"dev": devARN}, Options: transform.Options{Existing: existing, BoundUsers: true}}
			counts := map[string]int{}
			for _, template := range templates {
				got, report, err := checkLaws(m, template.Fragment, `{"Environment":"dev"}`, defaults(template.Fragment))
				require.NoError(t, err, template.Name)
				counts["templates"]++
				for _, c := range report.Changes {
					counts[string(c.Action)]++
				}
				if len(report.BlindSpots) > 0 {
					counts["with blind spots"]++
				}
				for _, b := range report.BlindSpots {
					counts["blind spot "+b.Type+" "+b.Reason]++
				}
				if got.Status != "success" {
					counts["refused"]++
					refusal, ok := report.Err.(*transform.Refusal)
					require.True(t, ok, "%s: %v", template.Name, report.Err)
					for _, f := range refusal.Findings {
						counts["refused: "+f.Type+" "+f.Reason]++
					}
					if bytes.Contains(template.Fragment, []byte("Resources")) && os.Getenv("VERBOSE") != "" {
						t.Logf("%s: %s", template.Name, got.ErrorMessage)
					}
				}
			}
			for _, what := range slices.Sorted(maps.Keys(counts)) {
				t.Logf("%6d %s", counts[what], what)
			}
		})
	}
}
