package transform

import (
	"errors"
	"fmt"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// BlindSpots says what to do about resources that may create roles that the macro
// cannot see.
type BlindSpots string

// Settings of BlindSpots.
const (
	// Warn accepts the template and reports the resources.
	Warn BlindSpots = "warn"
	// RejectBlindSpots refuses the template.
	RejectBlindSpots BlindSpots = "reject"
)

// DefaultEnvironmentParameters are the default names of template parameters that
// name the environment, separated by commas.
const DefaultEnvironmentParameters = "Environment,EnvironmentName,Env,Stage"

// Options are the settings of an installed macro. The zero Options are its
// defaults.
type Options struct {
	// DefaultEnvironment is the environment of stacks that name none.
	DefaultEnvironment string

	// PinEnvironment makes DefaultEnvironment the environment of every stack. A
	// stack is refused if its macro parameter or Metadata names another name, or
	// its template parameter names another environment in the store.
	PinEnvironment bool

	// AnyEnvironment reads the boundary of the empty environment: the store has
	// one for all stacks.
	AnyEnvironment bool

	// EnvironmentParameters are the names of template parameters that name the
	// environment, case-insensitive. The first match counts. Nil stands for
	// DefaultEnvironmentParameters.
	EnvironmentParameters []string

	Existing   rules.Existing
	BlindSpots BlindSpots

	// AcceptBlindSpots lets blind spots pass RejectBlindSpots that their resources
	// accept with a reason. Whoever writes the template writes the reason.
	AcceptBlindSpots bool

	// BoundUsers binds IAM users, too.
	BoundUsers bool

	// Portable writes the boundary as a Fn::Sub, which is valid in every account
	// and partition that the template is deployed to.
	Portable bool
}

func (o Options) environmentParameters() []string {
	if o.EnvironmentParameters == nil {
		return strings.Split(DefaultEnvironmentParameters, ",")
	}
	return o.EnvironmentParameters
}

// ErrNoDefault is the error of options that pin the environment and name none.
var ErrNoDefault = errors.New("PinEnvironment needs a default environment")

// Validate says what is wrong with the default environment, nil if nothing is.
func (o Options) Validate() error {
	switch {
	case o.DefaultEnvironment != "":
		return boundary.CheckEnvironment(o.DefaultEnvironment)
	case o.PinEnvironment:
		return ErrNoDefault
	}
	return nil
}

// Rules are the options as the rules take them, for a template that calls the
// macro by a name and whose parameters have these values.
func (o Options) Rules(macro string, values map[string]template.Node) rules.Options {
	return rules.Options{Macro: printable.Clip(macro, rules.MaxID), Parameters: values, BoundUsers: o.BoundUsers}
}

// ParseBlindSpots parses the setting BlindSpots. The empty text is Warn.
func ParseBlindSpots(text string) (BlindSpots, error) {
	switch b := BlindSpots(text); b {
	case "":
		return Warn, nil
	case Warn, RejectBlindSpots:
		return b, nil
	}
	return "", fmt.Errorf("%q is neither %s nor %s", text, Warn, RejectBlindSpots)
}
