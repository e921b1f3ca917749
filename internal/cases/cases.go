// Package cases reads the cases of tests: directories of txtar archives, whose first
// lines say why they exist. Only tests import it.
package cases

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Case is a case with its files.
type Case struct {
	Name  string // of the archive, without .txtar
	Path  string
	Files []txtar.File

	why []byte
}

// Read returns the cases of a directory, apart from subdirectories with other things.
// Whatever else is there, and a case that does not say why it exists, fails the test.
func Read(tb testing.TB, dir string, except ...string) []Case {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(tb, err)
	var all []Case
	for _, entry := range entries {
		if !entry.IsDir() || !slices.Contains(except, entry.Name()) {
			all = append(all, ReadFile(tb, filepath.Join(dir, entry.Name())))
		}
	}
	require.NotEmpty(tb, all)
	return all
}

// ReadFile returns the case at a path. One that does not say why it exists fails the
// test.
func ReadFile(tb testing.TB, path string) Case {
	tb.Helper()
	name, isCase := strings.CutSuffix(filepath.Base(path), ".txtar")
	require.True(tb, isCase, "%s is not a case", path)
	archive, err := txtar.ParseFile(path)
	require.NoError(tb, err)
	why, _, _ := strings.Cut(string(archive.Comment), "\n")
	require.NotEmpty(tb, strings.Trim(why, "# "), "%s does not say why it exists", path)
	return Case{Name: name, Path: path, Files: archive.Files, why: archive.Comment}
}

// Run runs a subtest for each case of a directory.
func Run(t *testing.T, dir string, test func(*testing.T, Case)) {
	t.Helper()
	for _, c := range Read(t, dir) {
		t.Run(c.Name, func(t *testing.T) { test(t, c) })
	}
}

// Has reports whether there is a file.
func (c Case) Has(name string) bool { return len(c.texts([]string{name})) > 0 }

// Text returns the content of a file, empty if there is none.
func (c Case) Text(name string) string { return c.texts([]string{name})[name] }

// texts are the files of these names that there are.
func (c Case) texts(names []string) map[string]string {
	all := map[string]string{}
	for _, file := range c.Files {
		if slices.Contains(names, file.Name) {
			all[file.Name] = string(file.Data)
		}
	}
	return all
}

// Option returns what follows a word in the file options, empty if it is not there.
func (c Case) Option(word string) string {
	for line := range strings.Lines(c.Text("options")) {
		if first, value, _ := strings.Cut(strings.TrimSpace(line), " "); first == word {
			return value
		}
	}
	return ""
}

// Check compares what came of a case with the files that say what should: those of
// the names that there are. With update it rewrites them instead, in this order.
func (c Case) Check(tb testing.TB, names []string, got map[string]string, update bool) {
	tb.Helper()
	require.Subset(tb, names, slices.Collect(maps.Keys(got)))
	if !update {
		assert.Equal(tb, c.texts(names), got)
		return
	}
	files := slices.DeleteFunc(slices.Clone(c.Files), func(f txtar.File) bool { return slices.Contains(names, f.Name) })
	for _, name := range names {
		if text, is := got[name]; is {
			files = append(files, txtar.File{Name: name, Data: []byte(text)})
		}
	}
	require.NoError(tb, os.WriteFile(c.Path, txtar.Format(&txtar.Archive{Comment: c.why, Files: files}), 0o644))
}
