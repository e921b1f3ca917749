//go:build unix

package deploy_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

// Ctrl-C: what is being deployed is waited for, a change set that is not executed is
// deleted, and nothing more is begun. The run that is resumed deploys the rest.
func TestPushInterrupted(t *testing.T) {
	for operation, live := range map[string]int{"CreateChangeSet": 0, "DescribeChangeSet": 0, "ExecuteChangeSet": 1} {
		t.Run(operation, func(t *testing.T) {
			const stacks = 4
			fake, dev := lagging(t, stacks, 2)
			var process atomic.Pointer[os.Process]
			fake.OnCall(func(c fleettest.Call) {
				if p := process.Load(); c.Operation == operation && p != nil {
					process.Store(nil)
					assert.NoError(t, p.Signal(os.Interrupt))
				}
			})
			pbm := exec.Command("pbm", "push", "dev", "--execute", "--rate", "0", "--poll", "20ms", "--yes", "--waves", "1,rest")
			var out, errs bytes.Buffer
			pbm.Stdout, pbm.Stderr = &out, &errs
			require.NoError(t, pbm.Start())
			process.Store(pbm.Process)
			require.Error(t, pbm.Wait())
			assert.Equal(t, 130, pbm.ProcessState.ExitCode(), errs.String())
			says := "deletes its change sets"
			if live > 0 {
				says = "waits for 1 deployment; Ctrl-C again leaves that to CloudFormation"
			}
			assert.Contains(t, errs.String(), "pbm: interrupted: begins nothing more; "+says+"\n")
			assert.Regexp(t, "pbm: error: interrupted\npbm: hint: to continue: pbm push dev --resume=[0-9a-f-]+ --poll 20ms --rate 0\n$", errs.String())
			assert.Equal(t, live == 1, strings.Contains(out.String(), "dev: 1 stack live, 3 not done"), out.String())
			assert.Empty(t, dev.ChangeSets(pushRegion))
			n := 0
			for i := range stacks {
				if isLive(dev, stackName(i)) {
					n++
				}
			}
			assert.Equal(t, live, n)

			result, code, stderr := pushDev(t, "--resume")
			assert.Zero(t, code, stderr)
			assert.Equal(t, map[string]int{"live": stacks}, result.tally())
			assert.Empty(t, dev.ChangeSets(pushRegion))
			onlyBoundaries(t, dev)
		})
	}
}
