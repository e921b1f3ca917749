// Package fleet says whether the boundaries of environments are live: which
// roles of which accounts carry the boundary that their stack's environment has
// now.
//
// [Audit.Run] reads accounts and returns a [Report], with a [Status] for each of
// their roles. It reads in bulk (GetAccountAuthorizationDetails, DescribeStacks,
// ListStackResources, GetTemplate) and writes nothing to AWS. What templates say
// about the macro is decided by [Rules], not here.
package fleet

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"permissions-boundary-macro/boundary"
)

// Status says whether a role carries the boundary that it should. Each role has
// exactly one.
type Status string

// Statuses of roles.
const (
	Live    Status = "live"     // carries the present boundary of its environment
	Lags    Status = "lags"     // its stack was deployed with another boundary: deploy it again
	Drifted Status = "drifted"  // its stack has the right boundary, but somebody changed the role
	Unbound Status = "unbound"  // carries none, although its stack calls the macro
	Other   Status = "other"    // carries another one, and its stack's template does not have the role
	NoMacro Status = "no-macro" // its stack does not call the macro, or not for the role
	Outside Status = "outside"  // belongs to no stack
	Exempt  Status = "exempt"   // of AWS, or exempt by name
	Unknown Status = "unknown"  // see the reason
)

// Statuses returns all statuses, in the order of reports.
func Statuses() []Status {
	return []Status{Live, Lags, Drifted, Unbound, Other, NoMacro, Outside, Exempt, Unknown}
}

// Role is a role of IAM. Fields are empty where they do not apply, or are not
// known.
type Role struct {
	Account     string `json:"account"`
	Region      string `json:"region"` // of its stack
	Name        string `json:"role"`
	ARN         string `json:"arn"`
	Stack       string `json:"stack"`     // name of its stack
	LogicalID   string `json:"logicalId"` // in its stack
	Environment string `json:"environment"`
	Boundary    string `json:"boundary"` // ARN that the role carries
	Expected    string `json:"expected"` // ARN that it should carry, or boundary.None; empty for another one of its template
	Status      Status `json:"status"`
	Reason      string `json:"reason"`

	Remedy Remedy `json:"-"`
}

// Remedy is what makes a role live.
type Remedy int

// Remedies.
const (
	NoRemedy         Remedy = iota // live, or nothing is known to help
	Redeploy                       // deploy the stack again, with its template
	SetBoundary                    // set the boundary on the role: for CloudFormation, nothing has changed
	RemoveBoundary                 // remove it from the role, for the same reason
	ChangeTemplate                 // list the macro after the transform that adds the role
	AddMacro                       // add the macro to the stack's template
	Adopt                          // create the role by a stack that calls the macro
	AddValue                       // add a boundary value for the environment
	CorrectValue                   // correct that value
	CheckSettings                  // give the settings of the installed macro
	ReadRegions                    // read all Regions
	FinishDeployment               // deploy the stack, or continue its rollback
	AuditAgain                     // run the audit again
)

// AccountResult says what was read of an account.
type AccountResult struct {
	ID      string   `json:"account"`
	Regions []string `json:"regions"` // that were read
	Error   string   `json:"error"`   // what was not, and why

	Err error `json:"-"` // the same, nil if all was read
}

// Report is the result of an audit. Roles are sorted by account, Region, stack
// and name, accounts by ID.
type Report struct {
	Roles    []Role          `json:"roles"`
	Summary  map[Status]int  `json:"summary"` // of all roles
	Accounts []AccountResult `json:"accounts"`
}

// Account is an account to read.
type Account struct {
	ID      string
	Regions []string // nil for all that the account has enabled

	// Config has the credentials of the account, and its Region is one of the
	// account's partition.
	Config aws.Config

	Err error // why there are no credentials; nothing is read then
}

// Stack is a stack of CloudFormation, as DescribeStacks tells it.
type Stack struct {
	Account, Region string
	ID, Name        string
	Status          string
	Parent          string    // ID of the stack that it is nested in, or empty
	Changed         time.Time // when its last deployment began
	Parameters      []Parameter
}

// Parameter is a template parameter with its value. CloudFormation resolves those
// of the types AWS::SSM::Parameter::Value, and hides those with NoEcho.
type Parameter struct {
	Name, Value string
	Hidden      bool
}

// Call is how a template calls the macro.
type Call struct {
	Macro       bool     `json:"macro,omitempty"`       // whether it does
	Environment string   `json:"environment,omitempty"` // that it names, or that is the macro's default
	Problem     string   `json:"problem,omitempty"`     // why the above is not known
	Own         []string `json:"own,omitempty"`         // logical IDs of roles that have a boundary in the template
	Kept        []string `json:"kept,omitempty"`        // those of them whose boundary the macro keeps
	Only        []string `json:"only,omitempty"`        // logical IDs of the resources that it is called for; nil for all
}

// covers reports whether the macro is called for a role. SAM names the role of a
// function after it. Source: AWS SAM, generated CloudFormation resources.
func (c Call) covers(role string) bool {
	return c.Only == nil || slices.ContainsFunc(c.Only, func(id string) bool {
		return role == id || strings.HasPrefix(role, id) && strings.HasSuffix(role, "Role")
	})
}

// Binding is what the processed template of a stack says about a role, compared
// with a boundary.
type Binding int

// Bindings.
const (
	Absent    Binding = iota // it does not have the role
	Same                     // it sets this boundary on the role
	Different                // it sets another one, or none
	Unclear                  // it sets what only a deployment knows
)

// Rules decide what templates say. They are those of the macro.
type Rules interface {
	// Call reads the template of a stack as it was submitted.
	Call(template string, s Stack) Call

	// Bound reads the template of a stack after all transforms. It compares the
	// boundary of each role with an ARN, by logical ID.
	Bound(template string, s Stack, arn string) (map[string]Binding, error)

	// Fingerprint differs for rules that may read the same template differently.
	Fingerprint() string
}

// Audit reads accounts.
type Audit struct {
	Rules Rules

	// Values lists the boundary values of the account and Region that a
	// configuration leads to.
	Values func(context.Context, aws.Config) ([]boundary.Record, error)

	Exempt func(path, name string) bool // whether a role is exempt by name
	Stacks func(name string) bool       // which stacks to read; nil for all, and for roles without a stack

	Cache  string        // directory of what earlier audits read; empty for none
	MaxAge time.Duration // of what is reused of it
	Rate   float64       // calls per second to each service of each account and Region; 0 for no limit

	// Progress is called when something was read, by one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far an audit is.
type Progress struct {
	Accounts, AllAccounts int
	Stacks, AllStacks     int // of the Regions that were begun
}

// compare orders roles as reports list them.
func (r Role) compare(other Role) int {
	return slices.Compare(
		[]string{r.Account, r.Region, r.Stack, r.Name},
		[]string{other.Account, other.Region, other.Stack, other.Name})
}

// isChanging reports whether a deployment of the stack is under way, so that what
// is read of it may be outdated at once.
func (s Stack) isChanging() bool { return strings.HasSuffix(s.Status, "_IN_PROGRESS") }

// hasFailed reports whether the last deployment ended halfway, so that roles and
// template need not agree.
func (s Stack) hasFailed() bool { return strings.HasSuffix(s.Status, "_FAILED") }
