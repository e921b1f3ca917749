package deploy

import (
	"errors"
	"fmt"
	"os"
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
	version := b.Version + " " + b.Commit
	if b.Commit == "" {
		version += builtAt()
	}
	return stackRules{macro, options, fmt.Sprintf("%s %s %+v", version, macro, options)}
}

// builtAt stands for the commit where a program does not know it, as with go run.
func builtAt() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return info.ModTime().String()
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
	call := fleet.Call{Macro: true, Only: t.calledFor()}
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
	return m.NamedEnvironment(d)
}

// calledFor are the logical IDs of the resources that the macro is called for, nil
// for all.
func (t *templateFile) calledFor() []string {
	var ids []string
	for _, s := range t.scopes {
		ids = append(ids, s.id)
	}
	if t.macro != nil || slices.Contains(ids, "") {
		return nil
	}
	return ids
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
func (r stackRules) Bound(text string, s fleet.Stack, arn string) (map[string]fleet.Binding, error) {
	doc, err := template.Parse([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the processed template of stack %s cannot be read: %w", s.Name, err)
	}
	value, err := boundary.Parse(arn)
	if err != nil {
		return nil, err
	}
	t := &templateFile{Document: doc, parameters: processedParameters(doc)}
	v, target := t.deployedWith(s), boundary.TargetOf(s.Account, s.Region)
	b, err := rules.BoundaryOf(value, target, v.byName)
	if err != nil {
		return nil, err
	}
	verdict := rules.Inspect(doc, r.options.Rules(r.macro, v.byName))
	_, changes, conflicts := verdict.Bind(b, rules.Replace)
	bound := map[string]fleet.Binding{}
	for _, f := range slices.Concat(conflicts, verdict.Escapes) {
		bound[f.LogicalID] = fleet.Unclear
	}
	resources := doc.Section("Resources")
	for _, c := range changes {
		switch given := resources.Get(c.LogicalID).Get("Properties").Get("PermissionsBoundary"); {
		case c.Action == rules.Kept:
			bound[c.LogicalID] = fleet.Same
		case given.Absent() || t.isText(given, target, v):
			bound[c.LogicalID] = fleet.Different
		default:
			bound[c.LogicalID] = fleet.Unclear
		}
	}
	return bound, nil
}

// isText reports whether a value is known to be a text.
func (t *templateFile) isText(n template.Node, target boundary.Target, v values) bool {
	resolved, err := t.resolve(n, target, v)
	return err == nil && resolved.IsString()
}

// processedParameters are those that a processed template declares. What is wrong
// with the section, CloudFormation has found.
func processedParameters(doc *template.Document) map[string]parameter {
	parameters, _ := readParameters(doc.Section("Parameters"))
	return parameters
}
