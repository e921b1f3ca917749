package push

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"permissions-boundary-macro/internal/printable"
)

// Code says why a stack is held. Codes are stable; docs/pushing.md lists them.
type Code string

// Codes of holds, in the order in which they are checked.
const (
	StackSetInstance Code = "stackset-instance"
	ServiceCatalog   Code = "service-catalog"
	RootUnknown      Code = "root-unknown"
	StackStatus      Code = "stack-status"
	StackUnread      Code = "stack-unread"
	BodyTooLarge     Code = "body-too-large"
	Parameters       Code = "parameters"
	ForeignChangeSet Code = "foreign-change-set"
	ChangeSetFailed  Code = "change-set-failed"
	OtherChanges     Code = "other-changes"
	NoChanges        Code = "no-changes"
	KeepsChanging    Code = "keeps-changing"
	BoundaryChanged  Code = "boundary-changed"
)

// Codes returns all codes.
func Codes() []Code {
	return []Code{
		StackSetInstance, ServiceCatalog, RootUnknown, StackStatus, StackUnread, BodyTooLarge, Parameters,
		ForeignChangeSet, ChangeSetFailed, OtherChanges, NoChanges, KeepsChanging, BoundaryChanged,
	}
}

// Hold is why a stack is not deployed.
type Hold struct {
	Code     Code     `json:"code"`
	Subjects []string `json:"subjects,omitempty"` // names: a status, change sets, parameters, resources
	Said     string   `json:"-"`                  // what AWS said about it, which no journal keeps

	remedy string // in place of the code's, if it is known better
}

// held returns a hold about subjects.
func held(code Code, subjects ...string) *Hold { return &Hold{Code: code, Subjects: subjects} }

// Commands spells the commands of pbm that messages name. Each has the flags that lead
// to the accounts, values and macro of the push, so that it can be run as it is.
type Commands interface {
	// Push is pbm push of the environment, with a flag that says what it is to do, such
	// as --execute.
	Push(do string) string

	// Audit is pbm audit of the environment.
	Audit() string
}

// holdTexts are what codes mean and what to do about them, for people, for
// [Spell].
var holdTexts = map[Code]struct{ what, remedy string }{
	StackSetInstance: {
		"it is an instance of a StackSet, whose next operation would undo the push",
		"update the StackSet with its template, from the account that administers it: aws cloudformation update-stack-set",
	},
	ServiceCatalog: {
		"it is a provisioned product of Service Catalog",
		"update the provisioned product: aws servicecatalog update-provisioned-product",
	},
	RootUnknown: {
		"it is nested in a stack that cannot be found",
		"deploy the outermost stack again with its template",
	},
	StackStatus: {
		"the status of the stack does not allow an update",
		"deploy it, roll it back or delete it with its own pipeline; then run the push again",
	},
	StackUnread: {
		"the stack cannot be read",
		"correct what is said about it; then run the push again",
	},
	BodyTooLarge: {
		"the template is longer than 51,200 bytes, so it must go through a bucket",
		"pass --bucket NAME, of a bucket in the account and Region of the stack",
	},
	Parameters: {
		"its parameters are not those that its template declares, so they cannot be kept",
		"deploy the stack again with its template and its parameters",
	},
	ForeignChangeSet: {
		"the stack has other people's change sets, which the push would delete",
		"ask who made them; then execute or delete them",
	},
	ChangeSetFailed: {
		"CloudFormation cannot create the change set",
		"correct what it says; then run the push again",
	},
	OtherChanges: {
		"a deployment would change more than the boundaries of the plan",
		"review these changes and deploy the stack with its own pipeline",
	},
	NoChanges: {
		"for CloudFormation nothing has changed",
		"see why: AUDIT; if roles were changed by hand: REPAIR; if the installed macro has other settings than the defaults, pass them",
	},
	KeepsChanging: {
		"others deploy the stack at the same time",
		"run the push again when they have finished",
	},
	BoundaryChanged: {
		"the environment has another boundary than when the run began",
		"nothing was deployed here; stacks that the run deployed before carry the boundary of the plan; to deploy what is stored now: PUSH",
	},
}

// Reason says why a stack is held, in words, for all holds with the code.
func (h Hold) Reason() string { return holdTexts[h.Code].what }

// About says what the hold is about, and what AWS said.
func (h Hold) About() string {
	parts := slices.Clone(h.Subjects)
	if h.Said != "" {
		parts = append(parts, printable.Clip(h.Said, maxSaid))
	}
	return strings.Join(parts, "; ")
}

// maxSaid is how much of AWS's own text a message repeats, in bytes.
const maxSaid = 1000

// Remedy says what to do about a stack that is held, empty if it is not.
func (s Stack) Remedy(c Commands) string {
	if s.Hold == nil {
		return ""
	}
	return cmp.Or(s.Hold.remedy, s.remedyOfStatus(), s.Hold.remedyOfChangeSet(c), Spell(holdTexts[s.Hold.Code].remedy, c))
}

// Spell replaces what stands for commands in a text: AUDIT, PUSH for a new push, and
// REPAIR for one that repairs drift.
func Spell(text string, c Commands) string {
	return strings.NewReplacer("AUDIT", c.Audit(), "REPAIR", c.Push("--repair-drift"), "PUSH", c.Push("--execute")).Replace(text)
}

// remedyOfStatus is what to do about a status that does not allow an update, if that is
// more than to deploy the stack.
func (s Stack) remedyOfStatus() string {
	if s.Hold.Code != StackStatus || len(s.Hold.Subjects) != 1 {
		return ""
	}
	switch status := s.Hold.Subjects[0]; {
	case status == string(types.StackStatusUpdateRollbackFailed):
		return s.continueRollback()
	case status == string(types.StackStatusDeleteComplete):
		return "nothing: the stack was deleted"
	case strings.HasSuffix(status, "_IN_PROGRESS"):
		return "wait until its deployment ends; then run the push again"
	}
	return ""
}

// continueRollback is what to do about a stack whose rollback has failed.
func (s Stack) continueRollback() string {
	return "correct the reason, then continue the rollback before another push: " + s.AWSCommand("continue-update-rollback")
}

// remedyOfChangeSet is what to do about a change set of another push.
func (h Hold) remedyOfChangeSet(c Commands) string {
	if h.Code != ForeignChangeSet {
		return ""
	}
	for _, name := range h.Subjects {
		if run := strings.TrimPrefix(name, changeSetPrefix); IsID(run) {
			return name + " is of another push: wait for it if it is under way; if it has stopped, continue it where it was started: " + c.Push("--resume="+run) + "; if its journal is lost, delete the change set"
		}
	}
	return ""
}
