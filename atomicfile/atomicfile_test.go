package atomicfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/atomicfile"
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

// A link stays what it is: the file that it leads to has the new content, and
// its own mode and owner.
func TestWriteLink(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "real"), 0o755))
	target := filepath.Join(dir, "real", "f")
	require.NoError(t, os.WriteFile(target, []byte("one"), 0o640))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(target, 12345, 23456))
	}
	before, err := os.Stat(target)
	require.NoError(t, err)
	require.NoError(t, os.Symlink("real", filepath.Join(dir, "folder")))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("folder/f", link))
	require.NoError(t, atomicfile.Write(link, []byte("two")))

	leads, err := os.Readlink(link)
	require.NoError(t, err)
	assert.Equal(t, "folder/f", leads)
	after, err := os.Lstat(target)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), after.Mode())
	owners := func(info os.FileInfo) [2]uint32 {
		stat := info.Sys().(*syscall.Stat_t)
		return [2]uint32{stat.Uid, stat.Gid}
	}
	assert.Equal(t, owners(before), owners(after))
	got, err := os.ReadFile(target)
	require.NoError(t, err)
	assert.Equal(t, "two", string(got))
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

// A pipe is written, and stays a pipe.
func TestWritePipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	read := make(chan string)
	go func() {
		text, _ := os.ReadFile(pipe)
		read <- string(text)
	}()
	require.NoError(t, atomicfile.Write(pipe, []byte("text")))
	assert.Equal(t, "text", <-read)
	info, err := os.Lstat(pipe)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeNamedPipe)
}

// Errors name the file that was meant.
func TestWriteError(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing", "f")
	assert.EqualError(t, atomicfile.Write(missing, nil), "write "+missing+": no such file or directory")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "folder", "x"), 0o755))
	folder := filepath.Join(dir, "folder")
	assert.EqualError(t, atomicfile.Write(folder, nil), "write "+folder+": is a directory")
}
