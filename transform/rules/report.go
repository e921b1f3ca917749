package rules

import (
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

// findings are those of one template.
type findings struct {
	within         string // the logical IDs of the StackSets that the template is in, each with a slash
	Escapes, Blind []Finding
}

// MaxID is the length of a logical ID. Source: CloudFormation quotas. Longer
// ones are refused by CloudFormation, and here they are cut, for each of many
// findings holds one.
const MaxID = 255

// id is a logical ID, behind those of the StackSets that the template is in.
// Without one it stands for the template.
func (fs *findings) id(logicalID []byte) string {
	if len(logicalID) == 0 {
		return strings.TrimSuffix(fs.within, "/")
	}
	if len(logicalID) > MaxID {
		logicalID = append(logicalID[:MaxID:MaxID], "..."...)
	}
	return fs.within + string(logicalID)
}

func (fs *findings) escape(code Code, id []byte, typ string, at int, names ...string) {
	fs.escapeID(code, fs.id(id), typ, at, names...)
}

func (fs *findings) escapeID(code Code, id, typ string, at int, names ...string) {
	fs.Escapes = append(fs.Escapes, Finding{Code: code, LogicalID: id, Type: printable.Clip(typ, MaxID), Names: names, Offset: at})
}

func (fs *findings) blindSpot(code Code, id []byte, typ string, at int, names ...string) {
	fs.Blind = append(fs.Blind, Finding{Code: code, LogicalID: fs.id(id), Type: printable.Clip(typ, MaxID), Names: names, Offset: at})
}

// forMacro tells findings under which name the macro is installed.
func forMacro(findings []Finding, macro string) {
	for i := range findings {
		findings[i].macro = macro
	}
}
