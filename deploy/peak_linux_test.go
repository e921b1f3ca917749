package deploy_test

import (
	"os"
	"syscall"
)

// peakMemory is the most memory that a process had, in bytes.
func peakMemory(p *os.ProcessState) int {
	usage, _ := p.SysUsage().(*syscall.Rusage)
	if usage == nil {
		return 0
	}
	return int(usage.Maxrss) << 10
}
