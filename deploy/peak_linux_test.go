package deploy_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// peakMemory is the most memory that a process had, in bytes.
func peakMemory(p *os.ProcessState) int {
	usage, _ := p.SysUsage().(*syscall.Rusage)
	if usage == nil {
		return 0
	}
	return int(usage.Maxrss) << 10
}

// watchMemory returns a function for the most memory that a process has had, in
// bytes, at the last look. Unlike peakMemory it does not count what the process
// that started it had. Source: proc(5), VmHWM.
func watchMemory(p *os.Process) func() int {
	var peak atomic.Int64
	status := fmt.Sprintf("/proc/%d/status", p.Pid)
	go func() {
		for {
			text, err := os.ReadFile(status)
			_, rest, found := strings.Cut(string(text), "VmHWM:")
			if err != nil || !found {
				return // it has ended
			}
			kilobytes, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			peak.Store(kilobytes << 10)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return func() int { return int(peak.Load()) }
}
