package push

import (
	_ "embed"

	"permissions-boundary-macro/fleet"
)

//go:embed plan_policy.json
var planPolicy string

// PlanSession is the session of the role that a plan assumes in each account. Its
// policy allows what a plan reads and nothing else.
var PlanSession = fleet.Session{Name: "pbm-plan", Policy: planPolicy}

//go:embed run_policy.json
var runPolicy string

// RunSession is the session of the role that a run assumes in each account. For a stack
// without a service role, CloudFormation works with the permissions of the session: of
// IAM, these are the boundaries of roles and users, and nothing else that writes.
var RunSession = fleet.Session{Name: "pbm-push", Policy: runPolicy}
