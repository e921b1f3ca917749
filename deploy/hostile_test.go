package deploy_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform/hostile"
)

// Files of the worst shapes, some of which are not templates, cost pbm neither
// much memory nor much time.
func TestHostileFiles(t *testing.T) {
	if os.Getenv("FAULTS") == "" {
		t.Skip("slow: make faults")
	}
	executable, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "template")
	for _, name := range slices.Sorted(maps.Keys(hostile.Texts)) {
		for _, size := range []int{100_000, 1_000_000, 6_000_000, 18_000_000} {
			text := hostile.Texts[name](size)
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			for _, args := range [][]string{
				{"pbm", "check", path},
				{"pbm", "transform", path, "--permissions-boundary", "dev", "--account", "111122223333", "--check"},
				{"pbm", "adopt", path, "--dry-run"},
			} {
				atRest := exec.Cmd{Path: executable, Args: []string{"pbm", "version"}}
				require.NoError(t, atRest.Run())
				pbm := exec.Cmd{Path: executable, Args: args}
				begin := time.Now()
				_ = pbm.Run() // whether it takes the file is not the question
				took, peak := pbm.ProcessState.UserTime(), peakMemory(pbm.ProcessState)
				t.Logf("%-28s %4d kB %-9s %5d MB, %v of %v", name, len(text)/1000, args[1], peak>>20, took.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
				assert.Less(t, took, 10*time.Second, "%s of %d bytes, %s", name, len(text), args[1])
				if peak > 0 {
					// A process begins with the peak of the one that it is forked from.
					allowed := max(hostileMemory, peakMemory(atRest.ProcessState)+hostileMemory/2)
					assert.Less(t, peak, 10*len(text)+allowed, "%s of %d bytes, %s", name, len(text), args[1])
				}
			}
		}
	}
}

// hostileMemory is what pbm may take beside ten times the length of a file, in
// bytes. The test's own program takes more than pbm.
const hostileMemory = 100 << 20
