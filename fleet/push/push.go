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
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"permissions-boundary-macro/fleet"
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

// Template is what the stack is deployed with again, apart from its text. Values of
// parameters are not part of it: CloudFormation keeps them.
type Template struct {
	IsJSON           bool
	Size             int // in bytes
	Parameters       []string
	Capabilities     []types.Capability
	Tags             []types.Tag
	NotificationARNs []string
	Rollback         *types.RollbackConfiguration
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

func (s Stack) compare(other Stack) int {
	return slices.Compare([]string{s.Account, s.Region, s.Name}, []string{other.Account, other.Region, other.Name})
}

// Forecast is what a template says about the deployment that a push would make.
type Forecast struct {
	Parameters []string // that it declares, sorted
	IsJSON     bool

	// Processed is what the macro makes of it, empty if other transforms have a part
	// in that.
	Processed string
}

// Rules foresee and compare templates. They are those of the macro.
type Rules interface {
	// Foresee reads the template of a stack as it was submitted, for a boundary.
	Foresee(original string, s fleet.Stack, arn string) (Forecast, error)

	// Others compares two templates after all transforms. It returns the paths where
	// they differ, without the boundaries of roles and users.
	Others(before, after string) ([]string, error)

	// Reads returns the dynamic references in resources of a processed template whose
	// values CloudFormation reads when it updates the resource: those that name no
	// version.
	Reads(processed string, logicalIDs []string) ([]string, error)
}

// Reader is the part of CloudFormation that a plan needs.
type Reader interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	GetTemplate(context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error)
	ListChangeSets(context.Context, *cloudformation.ListChangeSetsInput, ...func(*cloudformation.Options)) (*cloudformation.ListChangeSetsOutput, error)
}

// maxBody is the longest template that a call takes, in bytes; a longer one goes
// through a bucket. Source: CloudFormation API, CreateChangeSet, TemplateBody.
const maxBody = 51_200

// changeSetPrefix begins the names of all change sets of pushes.
const changeSetPrefix = "pbm-"

var runID = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}-[0-9a-f]{8}$`)

// IsID reports whether a text is the ID of a run.
func IsID(text string) bool { return runID.MatchString(text) }

// NewID returns the ID of a run that begins now. It can be part of the name of a
// change set.
func NewID(now time.Time, random uint32) string {
	return fmt.Sprintf("%s-%08x", now.UTC().Format("20060102-150405"), random)
}
