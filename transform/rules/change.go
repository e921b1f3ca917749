package rules

// Action is what Bind did to a resource.
type Action string

// Actions of Bind.
const (
	Added    Action = "added"    // there was no boundary
	Replaced Action = "replaced" // there was another boundary
	Filled   Action = "filled"   // a branch of the boundary was not certain to be one
	Kept     Action = "kept"     // the boundary stays
)

// Change is what Bind did to one resource.
type Change struct {
	LogicalID string // for a ScheduleV2 event, the ID of its resource, a dot and the name of the event
	Type      string // resource type, or ScheduleV2
	Action    Action
	Offset    int    // of the resource in the fragment, in bytes
	Inside    Inside // the place in the template of a StackSet, if it is in one

	// Inherited is set for a function that has its boundary from Globals.Function.
	Inherited bool

	Was     string // describes the boundary before, such as "the boundary ARN"; empty if there was none
	Certain bool   // the boundary before was certain to be one, whatever the action
}
