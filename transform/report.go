package transform

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

func (w *walk) escape(code Code, id []byte, typ string, at int, names ...string) {
	w.escapeID(code, w.id(id), typ, at, names...)
}

func (w *walk) escapeID(code Code, id, typ string, at int, names ...string) {
	w.plan.escapes = append(w.plan.escapes, Finding{Code: code, LogicalID: id, Type: clip(typ, maxID), Names: names, Offset: at})
}

func (w *walk) blindSpot(code Code, id []byte, typ string, names ...string) {
	at := w.offset()
	if id != nil {
		at = w.current.start
	}
	w.blindSpotAt(code, id, typ, at, names...)
}

func (w *walk) blindSpotAt(code Code, id []byte, typ string, at int, names ...string) {
	w.plan.blind = append(w.plan.blind, Finding{Code: code, LogicalID: w.id(id), Type: clip(typ, maxID), Names: names, Offset: at})
}

// forMacro tells findings under which name the macro is installed.
func forMacro(findings []Finding, macro string) {
	for i := range findings {
		findings[i].macro = macro
	}
}
