package push

import "os"

// CountSyncs counts how often journals are put on the disk until restore is called.
func CountSyncs() (count func() int, restore func()) {
	n := 0
	old := syncFile
	syncFile = func(f *os.File) error {
		n++
		return old(f)
	}
	return func() int { return n }, func() { syncFile = old }
}
