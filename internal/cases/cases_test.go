package cases_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/cases"
)

// directory has files with these names and texts.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

// probe is a test that notes whether it fails.
type probe struct {
	testing.TB
	failed bool
}

func (p *probe) Helper() {}

func (p *probe) Errorf(string, ...any) { p.failed = true }

func (p *probe) FailNow() { panic(p) }

// failed reports whether a test fails.
func failed(t *testing.T, test func(testing.TB)) bool {
	t.Helper()
	p := &probe{TB: t}
	func() {
		defer func() {
			if stopped := recover(); stopped != nil {
				require.Same(t, p, stopped)
			}
		}()
		test(p)
	}()
	return p.failed
}

// Nothing in a directory of cases is passed over.
func TestRead(t *testing.T) {
	for name, tc := range map[string]struct {
		files  map[string]string
		failed bool
	}{
		"cases":            {map[string]string{"one.txtar": "# why\n", "two.txtar": "why\n-- want --\n", "fuzz/other": ""}, false},
		"nothing":          {map[string]string{"fuzz/one.txtar": "why\n"}, true},
		"another file":     {map[string]string{"one.txtar": "why\n", "two.txt": "why\n"}, true},
		"another ending":   {map[string]string{"one.txtar": "why\n", "two.txtar~": "why\n"}, true},
		"a subdirectory":   {map[string]string{"one.txtar": "why\n", "sub/two.txtar": "why\n"}, true},
		"without a reason": {map[string]string{"one.txtar": "-- want --\nwhy\n"}, true},
		"an empty reason":  {map[string]string{"one.txtar": "# \nwhy\n"}, true},
	} {
		dir := directory(t, tc.files)
		assert.Equal(t, tc.failed, failed(t, func(tb testing.TB) { cases.Read(tb, dir, "fuzz") }), name)
	}
}

// A case has the files that it wants and no others, or gets them.
func TestCheck(t *testing.T) {
	const text = "why\n-- options --\nblind\nvalue none\n-- want --\nold\n-- error --\nold\n"
	names := []string{"report", "want", "error"}
	dir := directory(t, map[string]string{"case.txtar": text})
	c := cases.Read(t, dir)[0]
	assert.Equal(t, "none", c.Option("value"))
	assert.Empty(t, c.Option("blinds"))
	c.Check(t, names, map[string]string{"want": "old\n", "error": "old\n"}, false)
	for _, got := range []map[string]string{{"want": "old\n"}, {"want": "new\n", "error": "old\n"}, {"want": "old\n", "error": "old\n", "report": ""}, {"other": ""}} {
		assert.True(t, failed(t, func(tb testing.TB) { c.Check(tb, names, got, false) }), got)
	}
	c.Check(t, names, map[string]string{"want": "new\n", "report": "r\n"}, true)
	after, err := txtar.ParseFile(c.Path)
	require.NoError(t, err)
	assert.Equal(t, "why\n-- options --\nblind\nvalue none\n-- report --\nr\n-- want --\nnew\n", string(txtar.Format(after)))
}
