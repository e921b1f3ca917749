// Package corpus reads real templates where there are some. Only tests import it.
package corpus

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// IsThere reports whether the variable CORPUS names a directory with templates.
func IsThere() bool { return os.Getenv("CORPUS") != "" }

// Lines decodes the lines of a file of the corpus: templates.jsonl.gz, as macros
// receive them, or yaml-sources.jsonl.gz. Without a corpus the test is skipped.
func Lines[T any](tb testing.TB, name string) []T {
	tb.Helper()
	if !IsThere() {
		tb.Skip("CORPUS does not name a folder with " + name + ", so there are no real templates to try")
	}
	file, err := os.Open(filepath.Join(os.Getenv("CORPUS"), name))
	require.NoError(tb, err)
	defer file.Close()
	text, err := gzip.NewReader(file)
	require.NoError(tb, err)
	var all []T
	for lines := json.NewDecoder(text); ; {
		var line T
		err := lines.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(tb, err)
		all = append(all, line)
	}
	require.NotEmpty(tb, all)
	return all
}
