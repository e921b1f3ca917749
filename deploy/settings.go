package deploy

import (
	"strings"

	"github.com/spf13/pflag"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform"
)

// macroOptions are flags that the macro has as settings.
type macroOptions struct {
	macro                 string
	defaultEnvironment    string
	pinEnvironment        bool
	existing, blindSpots  string
	boundUsers            bool
	environmentParameters []string
	flags                 *pflag.FlagSet
}

func (o *macroOptions) register(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVar(&o.macro, "macro-name", transform.MacroName, "setting of the macro: what templates call it")
	flags.StringVar(&o.defaultEnvironment, "default-environment", "", "setting of the macro: environment of templates that name none")
	flags.BoolVar(&o.pinEnvironment, "pin-environment", false, "setting of the macro: refuse templates that name another than the default")
	flags.StringVar(&o.existing, "existing-boundary", string(transform.Replace), "setting of the macro: replace, keep or reject")
	flags.StringVar(&o.blindSpots, "blind-spots", string(transform.Warn), "setting of the macro: warn or reject")
	flags.BoolVar(&o.boundUsers, "bound-users", false, "setting of the macro: bind IAM users, too")
	flags.StringSliceVar(&o.environmentParameters, "environment-parameters",
		strings.Split(transform.DefaultEnvironmentParameters, ","), "setting of the macro: template parameters that name the environment")
}

// adopt is the command that lists the macro, for hints.
func (o macroOptions) adopt() string {
	command := "pbm adopt PATH..."
	if o.macro != transform.MacroName {
		command += " --macro-name " + printable.Shell(o.macro)
	}
	if o.boundUsers {
		command += " --bound-users"
	}
	return command
}

// settings are the flags that the macro has as settings.
func (o macroOptions) settings() (transform.Options, error) {
	existing, err := transform.ParseExisting(o.existing)
	if err != nil {
		return transform.Options{}, usagef("%s %w", spelling(o.flags, "existing-boundary"), err)
	}
	blindSpots, err := transform.ParseBlindSpots(o.blindSpots)
	if err != nil {
		return transform.Options{}, usagef("%s %w", spelling(o.flags, "blind-spots"), err)
	}
	if o.defaultEnvironment != "" {
		if err := checkName(o.defaultEnvironment); err != nil {
			return transform.Options{}, err
		}
	}
	if o.pinEnvironment && o.defaultEnvironment == "" {
		return transform.Options{}, usagef("--pin-environment needs --default-environment")
	}
	return transform.Options{
		DefaultEnvironment:    o.defaultEnvironment,
		PinEnvironment:        o.pinEnvironment,
		Existing:              existing,
		BlindSpots:            blindSpots,
		BoundUsers:            o.boundUsers,
		EnvironmentParameters: o.environmentParameters,
	}, nil
}
