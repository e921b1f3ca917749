package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/internal/corpus"
	"permissions-boundary-macro/transform/template"
)

// The fragment of a YAML template is the one that another converter made.
func TestCorpusYAML(t *testing.T) {
	type source struct{ Name, Source string }
	type converted struct {
		Name     string
		Fragment json.RawMessage
	}
	fragments := map[string]json.RawMessage{}
	for _, c := range corpus.Lines[converted](t, "templates.jsonl.gz") {
		fragments[c.Name] = c.Fragment
	}
	refused, repeated := 0, 0
	sources := corpus.Lines[source](t, "yaml-sources.jsonl.gz")
	for _, s := range sources {
		got, err := template.Parse([]byte(s.Source))
		if err != nil {
			refused++
			require.ErrorContains(t, err, "the section Transform is given twice", s.Name)
			continue
		}
		if len(got.RepeatedKeys()) > 0 {
			repeated++
			continue // which of the keys the other converter took is its own affair
		}
		require.True(t, sameJSON(t, got.Fragment(), fragments[s.Name]), s.Name)
	}
	t.Logf("%d sources, %d refused, %d with keys that are given twice, all others as converted before", len(sources), refused, repeated)
}

// pbm transform prints real templates byte for byte, and writes the same in
// place: but for lines, or pieces of lines, with the boundary.
func TestCorpusText(t *testing.T) {
	type source struct{ Name, Source string }
	const arn = "arn:aws:iam::111122223333:policy/corpus-boundary"
	path := filepath.Join(t.TempDir(), "template.yaml")
	run := func(flags ...string) (string, string, int) {
		var stdout, stderr bytes.Buffer
		args := append([]string{"transform", path, "--permissions-boundary", arn, "--account", "111122223333"}, flags...)
		code := deploy.Run(context.Background(), args, nil, &stdout, &stderr)
		return stdout.String(), stderr.String(), code
	}
	counts := map[string]int{}
	for _, s := range corpus.Lines[source](t, "yaml-sources.jsonl.gz") {
		require.NoError(t, os.WriteFile(path, []byte(s.Source), 0o600))
		stdout, stderr, code := run()
		if code != 0 {
			require.NotContains(t, stderr, "internal error", s.Name)
			require.Empty(t, stdout, s.Name)
			counts["refused"]++
			continue
		}
		_, _, code = run("--in-place")
		require.Zero(t, code, s.Name)
		written, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, stdout, string(written), s.Name)
		switch {
		case stdout == s.Source:
			counts["unchanged"]++
		case strings.Contains(stderr, " replaced"):
			counts["replaced"]++ // not only lines are new
		default:
			counts["bound"]++
			counts["new lines and pieces"] += len(newLines(t, s.Name, s.Source, stdout))
		}
	}
	t.Log(counts)
}

// newLines are what a result has that its source has not, line by line.
func newLines(t *testing.T, name, source, result string) (added []string) {
	old := strings.SplitAfter(source, "\n")
	for line := range strings.SplitAfterSeq(result, "\n") {
		switch {
		case len(old) > 0 && line == old[0]:
			old = old[1:]
		case len(old) > 0 && piece.ReplaceAllString(line, "") == old[0]:
			old = old[1:]
			added = append(added, piece.FindString(line))
		default:
			require.Regexp(t, `^ +["']?(Properties|PermissionsBoundary)["']?:`, line, name)
			added = append(added, line)
		}
	}
	require.Empty(t, old, name)
	return added
}

// piece is a member in braces.
var piece = regexp.MustCompile(`(["']?Properties["']?: ?\{)?["']?PermissionsBoundary["']?: ?("[^"]*"|!Sub "[^"]*"|\{"Fn::Sub": "[^"]*"\})\}?(, ?)?`)

// sameJSON compares regardless of order and of newlines at the end of a text:
// the two converters differ about a literal block that ends with the file.
func sameJSON(t *testing.T, a, b []byte) bool {
	a, b = bytes.ReplaceAll(a, []byte(`\n"`), []byte(`"`)), bytes.ReplaceAll(b, []byte(`\n"`), []byte(`"`))
	var x, y any
	for text, value := range map[*any][]byte{&x: a, &y: b} {
		dec := json.NewDecoder(bytes.NewReader(value))
		dec.UseNumber()
		require.NoError(t, dec.Decode(text))
	}
	p, err := json.Marshal(x)
	require.NoError(t, err)
	q, err := json.Marshal(y)
	require.NoError(t, err)
	return bytes.Equal(p, q)
}
