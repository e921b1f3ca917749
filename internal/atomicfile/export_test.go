package atomicfile

import "time"

// SetLockTimes changes how long a lock is waited for, and returns what undoes
// it.
func SetLockTimes(patience, timeout time.Duration) (undo func()) {
	oldPatience, oldTimeout := lockPatience, lockTimeout
	lockPatience, lockTimeout = patience, timeout
	return func() { lockPatience, lockTimeout = oldPatience, oldTimeout }
}
