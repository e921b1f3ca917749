package deploy

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
)

// The collector of a short-lived program with a small heap runs seldom. Templates
// of strangers must not take more memory than they need: it runs more often as
// the heap grows towards a limit, which has room for a few of the longest
// templates. GOGC and GOMEMLIMIT take precedence.
const (
	gcPercent     = 400
	memoryLimit   = 32 << 20 // bytes
	memoryPerCore = 16 << 20 // as many templates are read at once
)

// Main is pbm as a program: it returns the exit code.
func Main() int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit + memoryPerCore*int64(runtime.GOMAXPROCS(0)))
	}
	return Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}
