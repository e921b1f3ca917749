package main

import (
	"fmt"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// settings are what the owner of the macro decides at its installation.
type settings struct {
	prefix  string
	options transform.Options
}

// readSettings reads the environment variables that template.yaml sets. An
// empty one stands for its default.
func readSettings(getenv func(string) string) (settings, error) {
	s := settings{prefix: orDefault(getenv("PARAMETER_PREFIX"), paramstore.DefaultPrefix)}
	if err := paramstore.CheckPrefix(s.prefix); err != nil {
		return settings{}, wrong("PARAMETER_PREFIX", err)
	}
	var err error
	o := &s.options
	if o.PinEnvironment, err = parseBool(getenv("PIN_ENVIRONMENT")); err != nil {
		return settings{}, wrong("PIN_ENVIRONMENT", err)
	}
	if o.AcceptBlindSpots, err = parseBool(getenv("ACCEPT_BLIND_SPOTS")); err != nil {
		return settings{}, wrong("ACCEPT_BLIND_SPOTS", err)
	}
	if o.BoundUsers, err = parseBool(getenv("BOUND_USERS")); err != nil {
		return settings{}, wrong("BOUND_USERS", err)
	}
	if o.Existing, err = rules.ParseExisting(getenv("EXISTING_BOUNDARY")); err != nil {
		return settings{}, wrong("EXISTING_BOUNDARY", err)
	}
	if o.BlindSpots, err = transform.ParseBlindSpots(getenv("BLIND_SPOTS")); err != nil {
		return settings{}, wrong("BLIND_SPOTS", err)
	}
	o.EnvironmentParameters = splitNames(orDefault(getenv("ENVIRONMENT_PARAMETERS"), transform.DefaultEnvironmentParameters))
	o.DefaultEnvironment = getenv("DEFAULT_ENVIRONMENT")
	if err = o.Validate(); err != nil {
		return settings{}, wrong("DEFAULT_ENVIRONMENT", err)
	}
	return s, nil
}

// wrong says which setting is, and where it comes from.
func wrong(variable string, err error) error {
	return boundary.Problem{
		What:   "setting " + variable + " of the installed macro is wrong",
		Cause:  err,
		Remedy: "correct the parameter of the macro's own stack, see template.yaml",
	}
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

func splitNames(list string) []string {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}
