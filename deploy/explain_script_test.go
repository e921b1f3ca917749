package deploy_test

import (
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"permissions-boundary-macro/fleet/fleettest"
)

// documentCommand is document PROFILE ARN FILE: a managed policy has a document.
func documentCommand(ts *testscript.TestScript, _ bool, args []string) {
	fakeOf(ts).Account(accounts[args[0]]).PutPolicy(args[1], ts.ReadFile(args[2]))
}

// grantCommand is grant PROFILE ROLE BOUNDARY [NAME=FILE | ARN]...: a role has inline and
// managed policies, and a boundary unless that is none.
func grantCommand(ts *testscript.TestScript, _ bool, args []string) {
	role := fleettest.Role{Name: args[1], Boundary: strings.TrimPrefix(args[2], "none")}
	for _, policy := range args[3:] {
		if name, file, isInline := strings.Cut(policy, "="); isInline {
			role.Inline = append(role.Inline, fleettest.Policy{Name: name, Document: ts.ReadFile(file)})
		} else {
			role.Attached = append(role.Attached, policy)
		}
	}
	fakeOf(ts).Account(accounts[args[0]]).PutRole(role)
}

// usedCommand is used PROFILE ROLE SERVICE DAYS [ACTION=DAYS]...: a role last used a service,
// and actions that IAM tracks, so many days ago, or never.
func usedCommand(ts *testscript.TestScript, _ bool, args []string) {
	ago := func(days string) time.Time {
		if days == "never" {
			return time.Time{}
		}
		n, err := strconv.Atoi(days)
		ts.Check(err)
		return time.Now().AddDate(0, 0, -n)
	}
	access := fleettest.Access{Service: args[2], Last: ago(args[3]), Actions: map[string]time.Time{}}
	for _, tracked := range args[4:] {
		action, days, _ := strings.Cut(tracked, "=")
		access.Actions[action] = ago(days)
	}
	fakeOf(ts).Account(accounts[args[0]]).AddAccess(args[1], access)
}
