package deploy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// stackRules are the macro's rules, for templates of stacks.
type stackRules struct {
	macro       string
	options     transform.Options
	fingerprint string
}

func newStackRules(macro string, options transform.Options) stackRules {
	b := build()
	return stackRules{macro, options, fmt.Sprintf("%s %s %s %+v", b.Version, b.Commit, macro, options)}
}

// Fingerprint has the version of the rules, and all settings.
func (r stackRules) Fingerprint() string { return r.fingerprint }

// Call reads a template as it was submitted.
func (r stackRules) Call(text string, s fleet.Stack) fleet.Call {
	t, err := parseTemplate(s.Name, []byte(text), r.macro)
	if err != nil {
		return fleet.Call{Problem: fmt.Sprintf("its template cannot be read: %v", err)}
	}
	if t.macro == nil && len(t.scopes) == 0 {
		return fleet.Call{}
	}
	call := fleet.Call{Macro: true}
	v := t.deployedWith(s)
	t.verdict = rules.Inspect(t.Document, r.options.Rules(r.macro, v.byName))
	if call.Environment, err = r.environment(t, s, v); err != nil {
		call.Problem = printable.Line(err.Error())
	}
	call.Own, call.Kept = r.withOwn(t.verdict, s, v)
	return call
}

// environment is the environment that the macro found when the stack was last
// deployed.
func (r stackRules) environment(t *templateFile, s fleet.Stack, v values) (string, error) {
	called, err := t.called()
	if err != nil {
		return "", errors.New("its Fn::Transform name different environments")
	}
	d, err := t.deployment(called, boundary.TargetOf(s.Account, s.Region), v, "", r.macro)
	if err != nil {
		return "", err
	}
	m := transform.Macro{Options: r.options}
	if name := m.Awaited(d); name != "" && !r.options.PinEnvironment {
		return "", fmt.Errorf("the template parameter %s, which names its environment, is hidden (NoEcho)", clipped(name))
	}
	environment, err := m.NamedEnvironment(d)
	if errors.Is(err, transform.ErrUnnamed) {
		err = fmt.Errorf("%w: pass --default-environment if the macro has a default", err)
	}
	return environment, err
}

// deployedWith are the values of the template's parameters that a stack was
// deployed with. Those that CloudFormation hides have none.
func (t *templateFile) deployedWith(s fleet.Stack) values {
	v := values{byName: map[string]template.Node{}}
	for _, p := range s.Parameters {
		declared, found := t.parameters[p.Name]
		switch {
		case p.Hidden:
			v.awaited = append(v.awaited, p.Name)
		case found:
			v.byName[p.Name] = parameterValue(declared.Type, p.Value)
		}
	}
	v.object = object(v.byName)
	return v
}

// withOwn are the roles with a boundary of their own in a template as it was
// submitted, and those of them whose boundary the macro keeps.
func (r stackRules) withOwn(verdict *rules.Verdict, s fleet.Stack, v values) (own, kept []string) {
	b, err := rules.BoundaryOf(sample, boundary.TargetOf(s.Account, s.Region), v.byName)
	if err != nil {
		return nil, nil
	}
	_, changes, _ := verdict.Bind(b, rules.Keep)
	for _, c := range changes {
		if c.Was == "" {
			continue
		}
		own = append(own, roleID(c))
		if c.Action == rules.Kept && r.options.Existing == rules.Keep {
			kept = append(kept, roleID(c))
		}
	}
	return own, kept
}

// roleID is the logical ID of the role that a change is about. SAM makes it from
// that of the function or state machine, and the name of the event.
// Source: AWS SAM, generated CloudFormation resources.
func roleID(c rules.Change) string {
	if c.Type == "AWS::IAM::Role" {
		return c.LogicalID
	}
	return strings.ReplaceAll(c.LogicalID, ".", "") + "Role"
}

// Bound reads a processed template.
func (r stackRules) Bound(text string, s fleet.Stack, arn string) (map[string]bool, error) {
	doc, err := template.Parse([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("its processed template cannot be read: %w", err)
	}
	value, err := boundary.Parse(arn)
	if err != nil {
		return nil, err
	}
	v := (&templateFile{Document: doc, parameters: processedParameters(doc)}).deployedWith(s)
	b, err := rules.BoundaryOf(value, boundary.TargetOf(s.Account, s.Region), v.byName)
	if err != nil {
		return nil, err
	}
	verdict := rules.Inspect(doc, r.options.Rules(r.macro, v.byName))
	_, changes, conflicts := verdict.Bind(b, rules.Replace)
	bound := map[string]bool{}
	for _, c := range changes {
		bound[c.LogicalID] = c.Action == rules.Kept
	}
	for _, f := range slices.Concat(conflicts, verdict.Escapes) {
		bound[f.LogicalID] = false
	}
	return bound, nil
}

// processedParameters are those that a processed template declares. What is wrong
// with the section, CloudFormation has found.
func processedParameters(doc *template.Document) map[string]parameter {
	parameters, _ := readParameters(doc.Section("Parameters"))
	return parameters
}
