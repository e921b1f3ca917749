package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// ErrLocked is what errors wrap that say that another process keeps a lock.
var ErrLocked = errors.New("another process keeps the lock")

// How long a lock is waited for: before somebody is told, and at all.
var (
	lockPatience = time.Second
	lockTimeout  = time.Minute
)

// LockSuffix is behind the name of a file in the name of its lock.
const LockSuffix = ".lock"

// Lock keeps other processes that lock the same file out until unlock is
// called. The lock is a file beside it, with the mode of the file, that is there
// while somebody has or waits for the lock. Lock waits until the context ends,
// at most a minute, and calls waiting, unless nil, when that takes more than
// a second.
func Lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	path, err = follow(path)
	if err != nil {
		return nil, err
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm() | 0o600
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout,
		fmt.Errorf("%w %s for more than %s", ErrLocked, path+LockSuffix, lockTimeout))
	defer cancel()
	type result struct {
		unlock func()
		err    error
	}
	got := make(chan result)
	go func() {
		// The system's call cannot be interrupted: it is left behind.
		unlock, err := lock(ctx, path+LockSuffix, mode)
		select {
		case got <- result{unlock, err}:
		case <-ctx.Done():
			if err == nil {
				unlock()
			}
		}
	}()
	patience := time.NewTimer(lockPatience)
	defer patience.Stop()
	for {
		select {
		case r := <-got:
			return r.unlock, r.err
		case <-patience.C:
			if waiting != nil {
				waiting()
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// lock takes the lock, however long that takes.
func lock(ctx context.Context, path string, mode fs.FileMode) (unlock func(), err error) {
	for ctx.Err() == nil {
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			return nil, &fs.PathError{Op: "lock", Path: path, Err: ErrNotRegular}
		}
		file, err := lockedfile.OpenFile(path, os.O_RDWR|os.O_CREATE, mode)
		if err != nil {
			return nil, err
		}
		if isAt(file, path) {
			return func() {
				_ = os.Remove(path) // Windows removes no file that is open, and the next one takes it
				_ = file.Close()
			}, nil
		}
		// Whoever had the lock has removed its file.
		_ = file.Close()
	}
	return nil, ctx.Err()
}

// isAt reports whether a path still leads to an open file.
func isAt(file *lockedfile.File, path string) bool {
	here, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(here, there)
}
