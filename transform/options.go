package transform

import (
	"fmt"

	"permissions-boundary-macro/transform/rules"
)

// BlindSpots says what happens to a template with resources that may create
// roles out of the macro's sight.
type BlindSpots string

const (
	// Warn lets the template pass and reports the resources.
	Warn BlindSpots = "warn"
	// RejectBlindSpots refuses the template.
	RejectBlindSpots BlindSpots = "reject"
)

// DefaultEnvironmentParameters are template parameters that name the
// environment in most templates that have one, separated by commas.
const DefaultEnvironmentParameters = "Environment,EnvironmentName,Env,Stage"

// Options are what the owner of the macro decides. The zero Options are the
// defaults, without a default environment.
type Options struct {
	// DefaultEnvironment is of stacks that name none.
	DefaultEnvironment string

	// PinEnvironment makes every stack one of DefaultEnvironment, and refuses
	// those whose macro parameter or Metadata name another, or whose template
	// parameter does: there only an environment that the store has counts.
	PinEnvironment bool

	// AnyEnvironment asks for no environment: the store has one boundary for all.
	AnyEnvironment bool

	// EnvironmentParameters are the template parameters that name the
	// environment, first match first, compared without case.
	EnvironmentParameters []string

	Existing   rules.Existing
	BlindSpots BlindSpots

	// BoundUsers has IAM users bound as roles are.
	BoundUsers bool

	// Portable writes the boundary for whatever account and partition the
	// template is deployed to, as Fn::Sub. A macro knows its account; templates
	// that are bound in files may be of many.
	Portable bool
}

// ParseBlindSpots reads the setting BlindSpots; empty is Warn.
func ParseBlindSpots(text string) (BlindSpots, error) {
	switch b := BlindSpots(text); b {
	case "":
		return Warn, nil
	case Warn, RejectBlindSpots:
		return b, nil
	}
	return "", fmt.Errorf("%q is neither %s nor %s", text, Warn, RejectBlindSpots)
}
