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
	"permissions-boundary-macro/internal/corpus"
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

// On a terminal the text has colours, and long reasons go on below their column. Who
// says no, or reads it elsewhere, gets none.
func TestCheckTerminal(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "t.yaml"), []byte(`Transform: PermissionsBoundaryMacro
Metadata: {PermissionsBoundaryMacro: {Environment: dev}}
Resources:
  Role: {Type: AWS::IAM::Role}
  Nested: {Type: AWS::CloudFormation::Stack}
  Api: {Type: AWS::Serverless::GraphQLApi}
`), 0o600))
	const want = `<bold>t.yaml<>  (environment dev)
    4  Role    <green>bound<>       by the macro
    5  Nested  <yellow>blind spot<>  is a nested stack, whose template the macro
                           does not see [nested-stack]
    hint: add PermissionsBoundaryMacro to the Transform of that template,
          too
    6  Api     <red>escape<>      has no Logging.CloudWatchLogsRoleArn, so SAM
                           creates a role that takes no boundary
                           [sam-role-missing]
    hint: list PermissionsBoundaryMacro after AWS::Serverless-2016-10-31
          in Transform
1 template, 2 roles: 1 bound by the macro, 0 bound already, 0 replaced, 0 unbound, 1 escape; 1 blind spot
pbm: error: there are roles that the macro cannot bind
`
	names := strings.NewReplacer("<bold>", "\x1b[1m", "<green>", "\x1b[32m", "<yellow>", "\x1b[33m", "<red>", "\x1b[31m", "<>", "\x1b[m")
	noNames := strings.NewReplacer("<bold>", "", "<green>", "", "<yellow>", "", "<red>", "", "<>", "")
	for _, tc := range []struct {
		env  []string
		want string
	}{
		{[]string{"TERM=xterm"}, names.Replace(want)},
		{[]string{"TERM=xterm", "NO_COLOR=1"}, noNames.Replace(want)},
		{[]string{"TERM=dumb"}, noNames.Replace(want)},
	} {
		x := onTerminalOf(t, 74, dir, tc.env, "check", "t.yaml")
		assert.Equal(t, 1, x.end())
		assert.Equal(t, tc.want, strings.TrimPrefix(x.text(), "\r\x1b[K"), tc.env)
	}
	out, _ := checked(t, "text", filepath.Join(dir, "t.yaml"))
	assert.NotContains(t, out, "\x1b")
	assert.Contains(t, out, " is a nested stack, whose template the macro does not see [nested-stack]\n")

	// The log of a CI job takes what begins a line for a command.
	x := onTerminalOf(t, 74, dir, []string{"TERM=xterm", "CI=true"}, "check", "t.yaml")
	x.end()
	assert.Contains(t, x.text(), "does not see [nested-stack]\n    hint")
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
	for _, s := range corpus.Lines[source](tb, "yaml-sources.jsonl.gz") {
		sources[s.Name] = s.Source
	}
	for i, c := range corpus.Lines[converted](tb, "templates.jsonl.gz") {
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
