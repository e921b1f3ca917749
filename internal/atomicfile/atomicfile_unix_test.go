//go:build unix

package atomicfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/atomicfile"
)

func ownersOf(t *testing.T, info os.FileInfo) [2]int {
	uid, gid, ok := atomicfile.Owner(info)
	require.True(t, ok)
	return [2]int{uid, gid}
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
	assert.Equal(t, ownersOf(t, before), ownersOf(t, after))
	got, err := os.ReadFile(target)
	require.NoError(t, err)
	assert.Equal(t, "two", string(got))
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

// The new content of a file that others may not read cannot be read by them
// while it is written either, wherever temporary files are.
func TestWriteMode(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", elsewhere)
	path := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	stop := make(chan struct{})
	seen := make(chan map[string]os.FileMode)
	go func() {
		modes := map[string]os.FileMode{}
		for {
			for _, where := range []string{dir, elsewhere} {
				entries, _ := os.ReadDir(where)
				for _, entry := range entries {
					if info, err := entry.Info(); err == nil {
						modes[filepath.Join(filepath.Base(where), entry.Name())] |= info.Mode().Perm()
					}
				}
			}
			select {
			case <-stop:
				seen <- modes
				return
			default:
			}
		}
	}()
	for range 50 {
		require.NoError(t, atomicfile.Write(path, make([]byte, 1<<20)))
	}
	close(stop)
	for name, mode := range <-seen {
		assert.Equal(t, os.FileMode(0o600), mode, name)
		assert.Equal(t, filepath.Base(dir), filepath.Dir(name))
		assert.Regexp(t, `^(f|\.f\.pbm-[0-9]+)$`, filepath.Base(name))
	}
}

// A file that is created has the mode that was asked for, less umask.
func TestWriteNew(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, atomicfile.Write(path, nil))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
}

// Devices, pipes and directories are not opened, and large files not read.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("/dev/zero", link))
	for _, path := range []string{pipe, link, dir, "/dev/null"} {
		_, _, err := atomicfile.Read(path, 100)
		require.ErrorIs(t, err, atomicfile.ErrNotRegular)
		assert.EqualError(t, err, "read "+path+": not a regular file")
	}
	path := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(path, make([]byte, 100), 0o600))
	content, info, err := atomicfile.Read(path, 100)
	require.NoError(t, err)
	assert.Len(t, content, 100)
	assert.Equal(t, int64(100), info.Size())
	_, _, err = atomicfile.Read(path, 99)
	require.ErrorIs(t, err, atomicfile.ErrTooLarge)
	_, _, err = atomicfile.Read(filepath.Join(dir, "missing"), 99)
	require.ErrorIs(t, err, os.ErrNotExist)
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
