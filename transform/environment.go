package transform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// environmentKey is the only parameter of the macro, and the only member of its
// entry in a template's Metadata. It is case-insensitive.
const environmentKey = "Environment"

// IsEnvironmentParameter reports whether a parameter of the macro names the
// environment. The macro refuses any other parameter.
func IsEnvironmentParameter(name string) bool { return strings.EqualFold(name, environmentKey) }

// ErrUnnamed is wrapped by errors about stacks for which no environment is named, or
// not by a valid name.
var ErrUnnamed = errors.New("no environment is named")

// ErrMisspelt is wrapped by errors about malformed parameters of the macro and
// malformed Metadata. They are refused with any setting.
var ErrMisspelt = errors.New("what names the environment is misspelt")

// ErrPinned is wrapped by errors about stacks that name another environment than the
// pinned one.
var ErrPinned = errors.New("every stack belongs to one environment")

// named is an environment that a stack names, and the place that names it. The zero
// value names none.
type named struct{ environment, where string }

// choice is the environment of a stack.
type choice struct {
	environment string
	doubts      []named // template parameters that contradict it if their value is an environment
}

// Environment is the environment that a deployment belongs to, empty for a
// template that needs no boundary. It comes with an error if the deployment is
// refused for it.
func (m Macro) Environment(ctx context.Context, d Deployment) (string, error) {
	req := m.request(d)
	if !m.needsBoundary(req) {
		return "", nil
	}
	chosen, err := m.environment(req)
	if err != nil {
		return "", err
	}
	return chosen.environment, m.resolve(ctx, req, chosen)
}

// NamedEnvironment is the environment that a deployment names, or the default,
// whether its template needs a boundary or not. With PinEnvironment, what a
// template parameter says does not count.
func (m Macro) NamedEnvironment(d Deployment) (string, error) {
	chosen, err := m.environment(m.request(d))
	return chosen.environment, err
}

// Awaited is the template parameter that names the environment of a deployment
// as soon as it has a value, empty when the environment is named before.
func (m Macro) Awaited(d Deployment) string {
	if slices.ContainsFunc(d.Parameters.Members, func(p template.Member) bool { return IsEnvironmentParameter(p.Name) }) {
		return ""
	}
	for _, name := range m.Options.environmentParameters() {
		if len(parametersNamed(d.TemplateParameters, name)) > 0 {
			return ""
		}
		if i := slices.IndexFunc(d.Awaited, func(awaited string) bool { return strings.EqualFold(awaited, name) }); i >= 0 {
			return d.Awaited[i]
		}
	}
	return ""
}

// environment returns the environment of a stack. The first place that names one
// counts: the parameter Environment of the macro, a template parameter, the
// template's Metadata, the default. The macro's parameters and Metadata must be
// well-formed even if another place counts, so that a misspelt name does not fall
// through to the next place.
func (m Macro) environment(req *request) (choice, error) {
	own, err := ownParameter(req)
	if err != nil {
		return choice{}, err
	}
	metadata, err := metadataFor(req.verdict, req.macro)
	if err != nil {
		return choice{}, err
	}
	if m.Options.PinEnvironment {
		return m.pinned(own, m.templateParameters(req), metadata)
	}
	if own.environment != "" {
		return choice{environment: own.environment}, nil
	}
	parameter, err := m.templateParameter(req)
	if err != nil {
		return choice{}, err
	}
	if name := cmp.Or(parameter.environment, metadata.environment, m.Options.DefaultEnvironment); name != "" {
		return choice{environment: name}, nil
	}
	return choice{}, boundary.Problem{
		What: "no environment is named for this stack, so its boundary is not known",
		Kind: ErrUnnamed,
		Remedy: fmt.Sprintf("name it in one of four ways: the parameter Environment of %s in Transform; a template parameter called %s; %s.Environment in the template's Metadata; or DefaultEnvironment of the installed macro",
			req.macro, strings.Join(m.Options.environmentParameters(), " or "), rules.MacroName),
	}
}

// pinned returns the environment of all stacks. The macro's parameter and Metadata
// must not name another. A template parameter may mean something else, so it is in
// doubt until the store says whether its value is an environment.
func (m Macro) pinned(own named, parameters []named, metadata named) (choice, error) {
	c := choice{environment: m.Options.DefaultEnvironment}
	if own.environment != "" {
		return c, contradiction(own, c.environment)
	}
	for _, p := range parameters {
		if p.environment == c.environment {
			return c, nil
		}
		if boundary.CheckEnvironment(p.environment) == nil {
			c.doubts = append(c.doubts, p)
		}
	}
	return c, contradiction(metadata, c.environment)
}

// contradiction returns an error if a place that only the macro reads names another
// environment than the pinned one.
func contradiction(n named, pinned string) error {
	if n.environment == "" || n.environment == pinned {
		return nil
	}
	return boundary.Problem{What: n.contradicts(pinned), Remedy: "name that one, or none", Kind: ErrPinned}
}

func (n named) contradicts(pinned string) string {
	return fmt.Sprintf("%s names environment %q, but every stack here is of environment %q (PinEnvironment)", n.where, n.environment, pinned)
}

// resolve returns an error if a template parameter contradicts a choice. It looks up
// the values in doubt. A function that may read only the pinned environment cannot
// tell, and uses the pinned one.
func (m Macro) resolve(ctx context.Context, req *request, c choice) error {
	for _, doubt := range c.doubts {
		_, err := m.Store.Effective(ctx, boundary.KeyIn(doubt.environment, req.accountID))
		switch {
		case err == nil:
			return boundary.Problem{
				What:   doubt.contradicts(c.environment),
				Remedy: "give it another value; if it does not stand for the environment, take its name out of the setting EnvironmentParameters of the installed macro",
			}
		case errors.Is(err, boundary.ErrUnknown), errors.Is(err, boundary.ErrDenied):
		default:
			return boundary.Problem{
				What:   fmt.Sprintf("cannot tell whether %s names another environment than %q (PinEnvironment)", doubt.where, c.environment),
				Cause:  err,
				Remedy: boundary.Remedy(err),
			}
		}
	}
	return nil
}

// ownParameter returns the environment in the parameters of the macro.
func ownParameter(req *request) (named, error) {
	n := req.params
	switch {
	case n.Kind == jsontext.KindInvalid, n.IsNull():
		return named{}, nil
	case !n.IsObject():
		return named{}, boundary.Problem{
			What:   "the parameters of " + req.macro + " are not an object",
			Remedy: "write Parameters: {Environment: NAME}",
			Kind:   ErrMisspelt,
		}
	}
	spelled := ""
	for _, m := range n.Members {
		switch {
		case !IsEnvironmentParameter(m.Name):
			return named{}, boundary.Problem{
				What:   fmt.Sprintf("%s has no parameter %s", req.macro, printable.Clip(m.Name, rules.MaxID)),
				Remedy: "correct its name to Environment, the only parameter of the macro, or remove it",
				Kind:   ErrMisspelt,
			}
		case spelled != "":
			return named{}, twice("the parameters of "+req.macro, spelled, m.Name)
		}
		spelled = m.Name
	}
	if spelled == "" {
		return named{}, nil
	}
	return check(n.Get(spelled), "the parameter "+spelled+" of "+req.macro)
}

// twice returns the error for a place that names the environment in two ways.
func twice(where, name, other string) error {
	return boundary.Problem{
		What:   fmt.Sprintf("%s name the environment twice, as %s and as %s", where, printable.Clip(name, rules.MaxID), printable.Clip(other, rules.MaxID)),
		Remedy: "keep one of them",
		Kind:   ErrMisspelt,
	}
}

// templateParameters returns the template parameters that may name the environment,
// in the order of the setting. Many templates have such a parameter for other
// purposes, so an empty value names none; elsewhere it is an error.
func (m Macro) templateParameters(req *request) []named {
	var all []named
	for _, name := range m.Options.environmentParameters() {
		for _, p := range parametersNamed(req.parameters, name) {
			all = append(all, named{p.Value.Text, "the template parameter " + printable.Clip(p.Name, rules.MaxID)})
		}
	}
	return all
}

// templateParameter returns the first template parameter that names an environment.
func (m Macro) templateParameter(req *request) (named, error) {
	for _, name := range m.Options.environmentParameters() {
		found := parametersNamed(req.parameters, name)
		switch {
		case len(found) > 1:
			return named{}, twice("the template parameters", found[0].Name, found[1].Name)
		case len(found) == 1:
			return check(found[0].Value, "the template parameter "+printable.Clip(found[0].Name, rules.MaxID))
		}
	}
	return named{}, nil
}

// parametersNamed returns the template parameters with a name, case-insensitive,
// whose value is not empty.
func parametersNamed(parameters template.Node, name string) []template.Member {
	var found []template.Member
	for _, m := range parameters.Members {
		if strings.EqualFold(m.Name, name) && !m.Value.IsEmpty() {
			found = append(found, m)
		}
	}
	return found
}

// metadataFor returns the environment in the template's Metadata, under the macro's
// default name or the name that it is installed under.
func metadataFor(v *rules.Verdict, macro string) (named, error) {
	if v.Misplaced.Name != "" {
		return named{}, misplacedIn(v.Misplaced)
	}
	switch found := metadataMembers(v, rules.MacroName, macro); len(found) {
	case 0:
		return named{}, nil
	case 1:
		return inMetadata(v, found[0])
	default:
		return named{}, twice("the template's Metadata", found[0].Name, found[1].Name)
	}
}

// metadataMembers returns the members of the section Metadata with some names,
// case-insensitive. It does not read the others, which may be long.
func metadataMembers(v *rules.Verdict, names ...string) []template.Member {
	if v.Metadata.Absent() {
		return nil
	}
	var found []template.Member
	s := template.NewCursor(v.Src, v.Metadata)
	for s.Enter(); s.More(); {
		name, _ := s.Name()
		at := s.Skip()
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, string(name)) }) {
			found = append(found, template.Member{Name: string(name), Value: v.Value(at)})
		}
	}
	return found
}

// inMetadata returns the environment in the macro's entry in Metadata.
func inMetadata(v *rules.Verdict, m template.Member) (named, error) {
	where := printable.Clip(m.Name, rules.MaxID) + " in the template's Metadata"
	wrong := func(what string) (named, error) {
		return named{}, boundary.Problem{
			What:   where + " " + what,
			Remedy: "write " + printable.Clip(m.Name, rules.MaxID) + ": {Environment: NAME} there",
			Kind:   ErrMisspelt,
		}
	}
	if !m.Value.IsObject() {
		return wrong("is not an object")
	}
	spelled := ""
	for _, inner := range m.Value.Members {
		switch {
		case v.OneResource && strings.EqualFold(inner.Name, rules.AcceptKey):
		case !IsEnvironmentParameter(inner.Name):
			return wrong("has the unknown member " + printable.Clip(inner.Name, rules.MaxID))
		case spelled != "":
			return named{}, twice("the members of "+where, spelled, inner.Name)
		default:
			spelled = inner.Name
		}
	}
	if spelled == "" && !v.OneResource {
		return wrong("names no environment")
	}
	if spelled == "" {
		return named{}, nil
	}
	n, err := check(m.Value.Get(spelled), "the member "+spelled+" of "+where)
	if err != nil {
		return wrong("has an environment that is not the name of one")
	}
	return n, nil
}

// misplacedIn returns the error for a member in the Metadata of a resource.
func misplacedIn(m rules.Misplaced) error {
	return boundary.Problem{
		What:   fmt.Sprintf("Metadata of resource %s: the macro does not know %s there", printable.Clip(m.ID, rules.MaxID), printable.Clip(m.Name, rules.MaxID)),
		Remedy: "remove it; the environment is named in the Metadata of the template, beside Resources",
		Kind:   ErrMisspelt,
	}
}

// check returns the environment with a name, which may be a number or boolean in
// YAML. Errors do not repeat the value: parameters may be secrets.
func check(n template.Node, where string) (named, error) {
	if !n.IsObject() && !n.IsArray() && !n.IsNull() && boundary.CheckEnvironment(n.Text) == nil {
		return named{n.Text, where}, nil
	}
	what, remedy := "is not the name of an environment", "give it the name of one (1 to 64 characters of A-Z a-z 0-9 _ . -)"
	if strings.HasPrefix(n.Text, "/") {
		what = "is a path, for it begins with a slash, and not the name of an environment"
		remedy = "name the environment itself: a parameter of type AWS::SSM::Parameter::Value arrives at macros as the name of the SSM parameter, not as its value"
	}
	return named{}, boundary.Problem{What: where + " " + what, Remedy: remedy, Kind: ErrUnnamed}
}
