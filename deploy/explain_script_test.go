package deploy_test

import (
	"github.com/rogpeppe/go-internal/testscript"
)

// documentCommand is document PROFILE ARN FILE: a managed policy has a document.
func documentCommand(ts *testscript.TestScript, _ bool, args []string) {
	fakeOf(ts).Account(accounts[args[0]]).PutPolicy(args[1], ts.ReadFile(args[2]))
}
