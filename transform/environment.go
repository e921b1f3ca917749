package transform

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
)

// environment tells which environment a stack is of. The first of these that
// says one counts: the parameter Environment of the transform, a template
// parameter, the template's Metadata, and the default.
func (m Macro) environment(req *request) (string, error) {
	name, source, err := m.named(req)
	switch {
	case err != nil:
		return "", err
	case m.Options.PinEnvironment && name != "" && name != m.Options.DefaultEnvironment:
		return "", &boundary.Problem{
			What:   fmt.Sprintf("%s names environment %q, but every stack here is of environment %q (PinEnvironment)", source, name, m.Options.DefaultEnvironment),
			Remedy: "name that one, or none",
		}
	case name != "":
		return name, nil
	case m.Options.DefaultEnvironment != "":
		return m.Options.DefaultEnvironment, nil
	}
	return "", &boundary.Problem{
		What: "no environment is named for this stack, so its boundary is not known",
		Remedy: fmt.Sprintf("name it in one of four ways: the parameter Environment of %s in Transform; a template parameter called %s; %s.Environment in the template's Metadata; or DefaultEnvironment of the installed macro",
			req.macro, strings.Join(m.Options.EnvironmentParameters, " or "), MacroName),
	}
}

// named is the environment that the template names, and where it does.
func (m Macro) named(req *request) (name, source string, err error) {
	if n := req.params.get("Environment"); n.kind != jsontext.KindInvalid {
		return check(n, "the parameter Environment of "+req.macro)
	}
	for _, parameter := range m.Options.EnvironmentParameters {
		// An empty value of a parameter that many templates have anyway is no
		// answer, whereas the other places speak to this macro alone.
		if n, found := parameterNamed(req.parameters, parameter); n.kind != jsontext.KindInvalid && !n.isEmpty() {
			return check(n, "the template parameter "+clip(found, 255))
		}
	}
	if n := req.plan.metadata.get("Environment"); n.kind != jsontext.KindInvalid {
		return check(n, "the template's Metadata")
	}
	return "", "", nil
}

// parameterNamed looks a template parameter up without case. One that is
// spelled alike comes first.
func parameterNamed(parameters node, name string) (node, string) {
	if n := parameters.get(name); n.kind != jsontext.KindInvalid {
		return n, name
	}
	for _, m := range parameters.members {
		if strings.EqualFold(m.name, name) {
			return m.value, m.name
		}
	}
	return node{}, ""
}

// check reads an environment's name. YAML authors may have written a number or
// a boolean. The value is not repeated: parameters may be secrets.
func check(n node, source string) (string, string, error) {
	err := boundary.ErrEnvironmentName
	if !n.isObject() && !n.isArray() && !n.isNull() {
		err = boundary.CheckEnvironment(n.text)
	}
	if err != nil {
		return "", "", &boundary.Problem{
			What:   source + " is not the name of an environment",
			Remedy: "give it the name of one: 1 to 64 characters of A-Z a-z 0-9 _ . -",
		}
	}
	return n.text, source, nil
}
