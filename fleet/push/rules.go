package push

import "permissions-boundary-macro/fleet"

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
