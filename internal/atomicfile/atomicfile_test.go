package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/atomicfile"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	require.NoError(t, atomicfile.Write(path, []byte("one")))
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, atomicfile.Write(path, []byte("two")))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "two", string(got))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// A link may lead to a file that is not there yet, from wherever it lies.
func TestWriteDanglingLink(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "deep", "real"), 0o755))
	require.NoError(t, os.Symlink(filepath.Join("deep", "real"), filepath.Join(dir, "folder")))
	require.NoError(t, os.Symlink("../f", filepath.Join(dir, "folder", "link")))
	require.NoError(t, atomicfile.Write(filepath.Join(dir, "folder", "link"), []byte("new")))
	got, err := os.ReadFile(filepath.Join(dir, "deep", "f"))
	require.NoError(t, err)
	assert.Equal(t, "new", string(got))

	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink("loop", loop))
	assert.Error(t, atomicfile.Write(loop, nil))
}
