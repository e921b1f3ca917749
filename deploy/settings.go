package deploy

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// macroOptions are flags that the macro has as settings.
type macroOptions struct {
	macroName             string
	defaultEnvironment    string
	pinEnvironment        bool
	existing, blindSpots  string
	acceptBlindSpots      bool
	boundUsers            bool
	environmentParameters []string
	flags                 *pflag.FlagSet
}

func (o *macroOptions) register(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVar(&o.macroName, "macro-name", rules.MacroName, "macro setting: name of the macro in templates")
	flags.StringVar(&o.defaultEnvironment, "default-environment", "", "macro setting: environment of templates that name none")
	flags.BoolVar(&o.pinEnvironment, "pin-environment", false, "macro setting: refuse templates that name another environment than the default")
	flags.StringVar(&o.existing, "existing-boundary", string(rules.Replace), "macro setting: replace, keep or reject existing boundaries")
	flags.StringVar(&o.blindSpots, "blind-spots", string(transform.Warn), "macro setting: warn about or reject blind spots")
	flags.BoolVar(&o.acceptBlindSpots, "accept-blind-spots", false, "macro setting: let blind spots pass that the template accepts with a reason")
	flags.BoolVar(&o.boundUsers, "bound-users", false, "macro setting: bind IAM users too")
	flags.StringSliceVar(&o.environmentParameters, "environment-parameters",
		strings.Split(transform.DefaultEnvironmentParameters, ","), "macro setting: template parameters that name the environment")
}

// adopt is the command that lists the macro in a template, for hints. The path is
// a word of a shell.
func (o macroOptions) adopt(path string) string {
	command := "pbm adopt " + path
	if o.macroName != rules.MacroName {
		command += " --macro-name " + printable.Shell(o.macroName)
	}
	if o.boundUsers {
		command += " --bound-users"
	}
	return command
}

// checkMacroName refuses an empty name, which no entry of Transform has.
func (o macroOptions) checkMacroName() error {
	if o.macroName == "" {
		return usagef("%s is empty", spelling(o.flags, "macro-name"))
	}
	return nil
}

// settings are the flags that the macro has as settings.
func (o macroOptions) settings() (transform.Options, error) {
	if err := o.checkMacroName(); err != nil {
		return transform.Options{}, err
	}
	existing, err := rules.ParseExisting(o.existing)
	if err != nil {
		return transform.Options{}, usagef("%s %w", spelling(o.flags, "existing-boundary"), err)
	}
	blindSpots, err := transform.ParseBlindSpots(o.blindSpots)
	if err != nil {
		return transform.Options{}, usagef("%s %w", spelling(o.flags, "blind-spots"), err)
	}
	options := transform.Options{
		DefaultEnvironment:    o.defaultEnvironment,
		PinEnvironment:        o.pinEnvironment,
		Existing:              existing,
		BlindSpots:            blindSpots,
		AcceptBlindSpots:      o.acceptBlindSpots,
		BoundUsers:            o.boundUsers,
		EnvironmentParameters: o.environmentParameters,
	}
	err = options.Validate()
	switch {
	case errors.Is(err, transform.ErrNoDefault):
		err = usagef("--pin-environment needs --default-environment")
	case err != nil:
		err = checkName(o.defaultEnvironment)
	}
	return options, err
}
