package push

import (
	"cmp"
	"slices"
	"strings"

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

// holdTexts are what codes mean and what to do about them, for people.
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
		"wait until its deployment ends, continue its rollback, or deploy it; then run the push again",
	},
	StackUnread: {
		"the stack cannot be read",
		"correct what is said about it; then run the push again",
	},
	BodyTooLarge: {
		"the template is longer than 51,200 bytes, so it must go through a bucket",
		"pass --bucket NAME",
	},
	Parameters: {
		"not all parameters can be kept as they are",
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
		"a deployment would change more than boundaries",
		"review these changes and deploy the stack with its own pipeline",
	},
	NoChanges: {
		"for CloudFormation nothing has changed",
		"see why: pbm audit --environment ENVIRONMENT; if roles were changed by hand: pbm push ENVIRONMENT --repair-drift; if the macro has settings, pass them",
	},
	KeepsChanging: {
		"others deploy the stack at the same time",
		"run the push again when they have finished",
	},
	BoundaryChanged: {
		"the environment has another boundary than when the run began",
		"nothing was deployed here; what was deployed before has the boundary of the plan: pbm push ENVIRONMENT deploys it again",
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

// Remedy says what to do about a stack that a push of an environment holds.
func (h Hold) Remedy(environment string) string {
	if h.Code == ForeignChangeSet {
		for _, name := range h.Subjects {
			if run := strings.TrimPrefix(name, changeSetPrefix); IsID(run) {
				return name + " is of a push that is unfinished; where that was started: pbm push " + printable.Shell(environment) + " --resume=" + run
			}
		}
	}
	return cmp.Or(h.remedy, strings.ReplaceAll(holdTexts[h.Code].remedy, "ENVIRONMENT", printable.Shell(environment)))
}
