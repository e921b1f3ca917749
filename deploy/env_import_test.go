package deploy_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
)

// Two operators at once: an import does not replace what it has not compared.
func TestImportMeetsAnother(t *testing.T) {
	server := asDev(t)
	text := `{"environments": {"dev": [{"value": "none"}], "new": [{"value": "none"}], "old": [{"value": "none"}]}}`
	require.NoError(t, os.WriteFile("file.json", []byte(text), 0o600))
	server.Set("/permissions-boundary/dev", one)
	server.Set("/permissions-boundary/old", one)
	server.BeforeNextWrite(func() { // that of old, the last
		server.Set("/permissions-boundary/dev", two)
		server.Set("/permissions-boundary/new", two)
	})

	var stdout, stderr bytes.Buffer
	code := deploy.Run(context.Background(), []string{"env", "import", "file.json", "--yes"}, nil, &stdout, &stderr)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr.String(), `pbm: error: dev: environment "dev" was changed meanwhile: parameter /permissions-boundary/dev in eu-west-1 of account 111122223333 got version 2`)
	assert.Contains(t, stderr.String(), `pbm: error: new: environment "new" exists already: parameter /permissions-boundary/new in eu-west-1`)
	assert.Contains(t, stderr.String(), "pbm: error: 2 of 3 values failed\npbm: hint: correct that, then complete it: run the same command again\n")
	for name, want := range map[string][]string{"dev": {one, two}, "new": {two}, "old": {one, "none"}} {
		values, _ := server.Values("/permissions-boundary/" + name)
		assert.Equal(t, want, values, name)
	}
}

// On a terminal, the name of each environment that loses its boundary is typed, and
// the rest is agreed to once.
func TestPromptImport(t *testing.T) {
	text := `{"environments": {"dev": [{"value": "none"}], "new": [{"value": "` + two + `"}], "sandbox": [{"value": "none"}]}}`
	for _, tc := range []struct {
		name    string
		answers []string
		code    int
		dev     []string
		new     []string
	}{
		{"agreed", []string{"dev\r", "yes\r"}, 0, []string{one, "none"}, []string{two}},
		{"another name", []string{"new\r"}, 1, []string{one}, nil},
		{"not the rest", []string{"dev\r", "no\r"}, 1, []string{one}, nil},
		{"no answer", []string{"\x04"}, 1, []string{one}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := projectWith(t, one)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "file.json"), []byte(text), 0o600))
			x := onTerminal(t, dir, nil, "env", "import", "file.json")
			questions := []string{"type the name of the environment to remove the boundary of environment dev: ", "type yes to write 2 changes: "}
			for i, answer := range tc.answers {
				x.expect(questions[i])
				x.press(answer)
			}
			assert.Equal(t, tc.code, x.end(), x.text())
			assert.Contains(t, x.text(), "pbm: update dev: "+one+" -> none\npbm: create new: "+two+"\npbm: create sandbox: none\n")
			assert.Equal(t, tc.dev, stored(t, dir, "dev"))
			if tc.new != nil {
				assert.Equal(t, tc.new, stored(t, dir, "new"))
			}
		})
	}
}
