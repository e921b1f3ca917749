package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
)

// checked is what pbm check prints, in a form.
func checked(t testing.TB, output string, paths ...string) (stdout string, code int) {
	var out, messages bytes.Buffer
	args := append([]string{"check", "--output", output}, paths...)
	code = deploy.Run(context.Background(), args, nil, &out, &messages)
	require.NotEqual(t, 2, code, messages.String())
	return out.String(), code
}

// A terminal that knows no control sequences gets none.
func TestCheckDumbTerminal(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "t.yaml"), []byte("Resources: {Topic: {Type: AWS::SNS::Topic}}\n"), 0o600))
	for kind, erases := range map[string]bool{"dumb": false, "xterm": true} {
		x := onTerminal(t, dir, []string{"TERM=" + kind}, "check", ".")
		assert.Zero(t, x.end(), x.text())
		assert.Equal(t, erases, strings.Contains(x.text(), "\x1b"), kind)
	}
}

// The corpus as a directory, as written where the source is known.
func TestCorpusCheck(t *testing.T) {
	dir := corpusDirectory(t)
	text, _ := checked(t, "json", dir)
	var result struct {
		Summary map[string]int
	}
	require.NoError(t, json.Unmarshal([]byte(text), &result))
	t.Log(result.Summary)
	assert.Greater(t, result.Summary["templates"], 3300)
	text, _ = checked(t, "sarif", dir)
	requireSARIF(t, text)
}

// corpusDirectory writes the corpus as files.
func corpusDirectory(tb testing.TB) string {
	type source struct{ Name, Source string }
	type converted struct {
		Name     string
		Fragment json.RawMessage
	}
	dir := tb.TempDir()
	write := func(i int, name, extension string, text []byte) {
		folder := filepath.Join(dir, fmt.Sprint(i/100))
		require.NoError(tb, os.MkdirAll(folder, 0o755))
		file := fmt.Sprintf("%04d-%s%s", i, strings.TrimPrefix(filepath.Base(name), "."), extension)
		require.NoError(tb, os.WriteFile(filepath.Join(folder, file), text, 0o600))
	}
	sources := map[string]string{}
	for _, s := range readLines[source](tb, "yaml-sources.jsonl.gz") {
		sources[s.Name] = s.Source
	}
	for i, c := range readLines[converted](tb, "templates.jsonl.gz") {
		if text, known := sources[c.Name]; known {
			write(i, c.Name, ".yaml", []byte(text))
		} else {
			write(i, c.Name, ".json", c.Fragment)
		}
	}
	return dir
}

// Throughput over cores: -cpu 1,2,4.
func BenchmarkCheck(b *testing.B) {
	dir := corpusDirectory(b)
	for b.Loop() {
		checked(b, "json", dir)
	}
}
