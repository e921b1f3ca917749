//go:build !linux

package deploy_test

import "os"

// peakMemory is known on Linux only.
func peakMemory(*os.ProcessState) int { return 0 }

// watchMemory does not know, either.
func watchMemory(*os.Process) func() int { return func() int { return 0 } }
