package transform

import (
	"fmt"
	"strings"

	"permissions-boundary-macro/internal/printable"
)

// Action is what was done to a role.
type Action string

// What can be done to a role.
const (
	Added    Action = "added"    // it had no boundary
	Replaced Action = "replaced" // it had another one
	Filled   Action = "filled"   // a branch of its boundary was not certain to be one
	Kept     Action = "kept"     // its boundary stays
)

// Change is what was done to one resource.
type Change struct {
	LogicalID string // a ScheduleV2 event follows its resource's ID and a dot
	Type      string // the resource type, or ScheduleV2
	Action    Action
	Offset    int // where it is in the fragment, in bytes

	// Inherited says that a function has its boundary from Globals.Function.
	Inherited bool

	Was     string // what its boundary was, such as "the boundary ARN"; empty when it had none
	Certain bool   // what it was is certain to be a boundary, whatever was done to it
}

// Finding is a resource that the macro cannot bind (an escape), cannot see
// into (a blind spot) or may not bind (a boundary that differs).
type Finding struct {
	LogicalID string // empty when the fragment does not tell
	Type      string // empty when there is none
	Reason    string
	Remedy    string
	Offset    int  // where it is in the fragment, in bytes
	Embedded  bool // it is of the template of a StackSet, whose own Transform counts
	Newer     bool // its type is one that an older SAM leaves as it is, wherever the macro is listed
}

func (f Finding) String() string { return f.Subject() + " " + f.Reason }

// remedy is what to do in a deployment. The macro cannot know whether it is listed
// after SAM already; who has the template can.
func (f Finding) remedy() string {
	if f.Newer && !f.Embedded {
		return f.Remedy + "; if it is listed there already, SAM does not know this type"
	}
	return f.Remedy
}

// Subject names the resource, fit for one line.
func (f Finding) Subject() string {
	// Logical IDs are not checked before the macro runs.
	id := "the fragment"
	if f.LogicalID != "" {
		id = clip(f.LogicalID, 4*maxID)
	}
	if f.Type == "" {
		return id
	}
	return fmt.Sprintf("%s (%s)", id, f.Type)
}

// clip makes a name from the template fit into one line of a message.
func clip(name string, length int) string { return printable.Clip(name, length) }

// maxFindings is how many findings a message names. StatusReason, where
// CloudFormation shows the message, is one string.
const maxFindings = 10

// Refusal is the error of a template that cannot pass.
type Refusal struct {
	Findings []Finding // at least one, in source order
}

func (r *Refusal) Error() string {
	var parts []string
	for _, f := range r.Findings[:min(len(r.Findings), maxFindings)] {
		parts = append(parts, f.String())
	}
	if more := len(r.Findings) - maxFindings; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

func (w *walk) escape(id []byte, typ string, at int, reason, remedy string) {
	w.escapeID(w.id(id), typ, at, reason, remedy)
}

func (w *walk) escapeID(id, typ string, at int, reason, remedy string) {
	w.plan.escapes = append(w.plan.escapes, Finding{LogicalID: id, Type: clip(typ, maxID), Reason: reason, Remedy: remedy, Offset: at})
}

// escapeNewer is escapeID of a type that SAM has not had from the beginning.
func (w *walk) escapeNewer(id, typ string, at int, reason string) {
	w.escapeID(id, typ, at, reason, afterServerless)
	w.plan.escapes[len(w.plan.escapes)-1].Newer = true
}

func (w *walk) blindSpot(id []byte, typ, reason, remedy string) {
	at := w.offset()
	if id != nil {
		at = w.current.start
	}
	w.blindSpotAt(at, id, typ, reason, remedy)
}

func (w *walk) blindSpotAt(at int, id []byte, typ, reason, remedy string) {
	w.plan.blind = append(w.plan.blind, Finding{LogicalID: w.id(id), Type: clip(typ, maxID), Reason: reason, Remedy: remedy, Offset: at})
}

// Remedies that name the macro. It may be installed under another name; see
// rename.
const (
	afterServerless         = "list " + MacroName + " after " + serverless + " in Transform"
	afterLanguageExtensions = "list " + MacroName + " after AWS::LanguageExtensions in Transform"
)

// rename has remedies name the macro as the request does.
func rename(findings []Finding, macro string) {
	for i := range findings {
		findings[i].Remedy = strings.ReplaceAll(findings[i].Remedy, MacroName, macro)
	}
}
