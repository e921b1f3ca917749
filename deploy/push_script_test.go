package deploy_test

import (
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Scripts in testdata/push have stacks that lag.
func TestPushScripts(t *testing.T) {
	runScripts(t, "push", "")
}

// writesCommand is writes [N]: since it was run last, N calls wrote. Without N it
// only begins to count.
func writesCommand(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) > 0 {
		want, err := strconv.Atoi(args[0])
		ts.Check(err)
		if got := fakeOf(ts).Writes(); got != want {
			ts.Fatalf("%d writes, not %d", got, want)
		}
	}
	fakeOf(ts).ForgetCalls()
}
