// Package push makes a changed boundary real: it deploys the stacks again that were
// deployed with another one.
//
// [Planner.Plan] reads, and returns a [Plan]: stacks that can be deployed, and those
// that are held, each with its [Code]. [Run.Execute] deploys them in waves, by
// change sets from the template that each stack has. [Judge] is the gate: a change
// set is executed only if it sets the boundary on roles or users and does nothing
// else. A [Journal] is written before each call that writes, so that a run that was
// killed is resumed: AWS is asked what became of each stack.
package push

import (
	"slices"

	"permissions-boundary-macro/internal/printable"
)

// Plan is what a push would do. Stacks are sorted by account, Region and name.
type Plan struct {
	Environment string  `json:"environment"`
	Stacks      []Stack `json:"stacks"`
}

// Stack is a stack to deploy again. Nested stacks are deployed with their root.
type Stack struct {
	Account    string   `json:"account"`
	Region     string   `json:"region"`
	ID         string   `json:"id"`
	Name       string   `json:"stack"`
	Boundary   string   `json:"boundary"` // ARN that its roles should carry, or boundary.None
	Roles      []Role   `json:"roles"`
	Kept       []Role   `json:"kept,omitempty"` // roles that carry the boundary already, which the deployment may set again
	HasNested  bool     `json:"hasNested"`
	Hold       *Hold    `json:"held,omitempty"`       // why it is not deployed, nil if it is
	Unforeseen []string `json:"unforeseen,omitempty"` // what else the deployment may change, as far as the template tells; the gate decides

	Template Template `json:"-"` // what its commands need; empty if it is held before that is read
}

// Role is a role that a push would change.
type Role struct {
	Stack     string `json:"stack"` // that it belongs to: the root, or a nested one
	LogicalID string `json:"logicalId"`
	Name      string `json:"role"`
	From      string `json:"from"` // ARN of its boundary, empty for none
	To        string `json:"to"`   // the same, or boundary.None
	Drifted   bool   `json:"drifted,omitempty"`
}

// Ready are the stacks that are not held.
func (p Plan) Ready() []Stack {
	return slices.DeleteFunc(slices.Clone(p.Stacks), func(s Stack) bool { return s.Hold != nil })
}

// Held are the stacks that are held.
func (p Plan) Held() []Stack {
	return slices.DeleteFunc(slices.Clone(p.Stacks), func(s Stack) bool { return s.Hold == nil })
}

// HasDrifted reports whether somebody changed a role by hand, which an ordinary
// change set does not see.
func (s Stack) HasDrifted() bool {
	return slices.ContainsFunc(s.Roles, func(r Role) bool { return r.Drifted })
}

// isPlanned reports whether the plan knows a role, of the root or a nested stack.
func (s Stack) isPlanned(stack, logicalID string) bool {
	return slices.ContainsFunc(slices.Concat(s.Roles, s.Kept), func(r Role) bool { return r.Stack == stack && r.LogicalID == logicalID })
}

// AWSCommand is the command of the AWS CLI for an operation of CloudFormation on the
// stack, such as describe-stacks. The ID of the stack keeps it from a stack with the
// same name in another account, if the credentials are not those of the push.
func (s Stack) AWSCommand(operation string) string {
	return "aws cloudformation " + operation + " --region " + printable.Shell(s.Region) + " --stack-name " + printable.Shell(s.ID)
}

func (s Stack) compare(other Stack) int {
	return slices.Compare([]string{s.Account, s.Region, s.Name}, []string{other.Account, other.Region, other.Name})
}
