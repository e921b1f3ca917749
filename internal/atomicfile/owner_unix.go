//go:build unix

package atomicfile

import (
	"io/fs"
	"syscall"
)

// Owner returns the user and the group that own a file, if the system knows
// them by number.
func Owner(info fs.FileInfo) (uid, gid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}
