package atomicfile_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/atomicfile"
)

// One at a time has the lock, and its file goes with the last one.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	var group sync.WaitGroup
	var holders, total atomic.Int32
	for range 50 {
		group.Go(func() {
			unlock, err := atomicfile.Lock(context.Background(), path, nil)
			if !assert.NoError(t, err) {
				return
			}
			total.Add(1)
			assert.EqualValues(t, 1, holders.Add(1))
			holders.Add(-1)
			unlock()
		})
	}
	group.Wait()
	assert.EqualValues(t, 50, total.Load())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// Whoever waits is told, and waits neither for ever nor when interrupted; the
// lock can be had afterwards.
func TestLockHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	unlock, err := atomicfile.Lock(context.Background(), path, nil)
	require.NoError(t, err)
	undo := atomicfile.SetLockTimes(time.Millisecond, 50*time.Millisecond)
	told := 0
	_, err = atomicfile.Lock(context.Background(), path, func() { told++ })
	require.ErrorIs(t, err, atomicfile.ErrLocked)
	assert.EqualError(t, err, "another process keeps the lock "+path+".lock for more than 50ms")
	assert.Equal(t, 1, told)
	undo()

	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err = atomicfile.Lock(ctx, path, nil)
	require.ErrorIs(t, err, context.Canceled)

	unlock()
	unlock, err = atomicfile.Lock(context.Background(), path, nil)
	require.NoError(t, err)
	unlock()
}

// The lock of a file that others may not read is one that others may not take.
func TestLockMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	unlock, err := atomicfile.Lock(context.Background(), path, nil)
	require.NoError(t, err)
	defer unlock()
	info, err := os.Stat(path + ".lock")
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
}

// What is not a file is not a lock: a link would create a file elsewhere.
func TestLockLink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	require.NoError(t, os.Symlink("elsewhere", path+".lock"))
	_, err := atomicfile.Lock(context.Background(), path, nil)
	require.ErrorIs(t, err, atomicfile.ErrNotRegular)
	assert.NoFileExists(t, filepath.Join(dir, "elsewhere"))
}
