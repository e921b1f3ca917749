package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// templateFile is a template file, and what it says about the macro.
type templateFile struct {
	*template.Document
	path       string
	src        []byte
	transforms []template.Entry     // of the section Transform
	macro      *template.Entry      // how the section calls the macro, nil when it does not
	scopes     []scope              // where a Fn::Transform does
	valued     []string             // logical IDs of resources where one stands in place of a value
	parameters map[string]parameter // by name
	verdict    *rules.Verdict       // on the whole template

	own, foreign map[string]bool // logical IDs of resources whose Fn::Transform names the macro, and others
}

// errEntry is what is wrong with an entry of Transform that is neither a name nor
// an object.
var errEntry = errors.New(`an entry is neither a name nor an object with a Name and Parameters; write Transform: [NAME] or [{Name: NAME, Parameters: {...}}]`)

type parameter struct {
	Type    string
	Default template.Node
}

// readParameters reads the section Parameters.
func readParameters(section template.Node) (map[string]parameter, error) {
	if !section.IsObject() && !section.IsNull() && !section.Absent() {
		return nil, errors.New("the section Parameters is not an object; write a name and a Type for each parameter")
	}
	parameters := make(map[string]parameter, len(section.Members))
	declared := section.ByName()
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		p := declared[name]
		typ := p.Get("Type")
		if !p.IsObject() && !p.IsNull() || !typ.IsString() && !typ.IsNull() && !typ.Absent() {
			return nil, fmt.Errorf("the parameter %s is not an object with a Type; write Type: String", clipped(name))
		}
		parameters[name] = parameter{Default: p.Get("Default")}
		if typ.IsString() {
			parameters[name] = parameter{typ.Text, p.Get("Default")}
		}
	}
	return parameters, nil
}

// isKey reports whether a value is the name of an SSM parameter, which a deployment
// replaces by its value.
func (p parameter) isKey() bool { return strings.HasPrefix(p.Type, "AWS::SSM::Parameter::Value<") }

// errNoTemplate is what errors wrap about files that are of something else.
var errNoTemplate = errors.New("it is not a template")

// readError is an error of reading a template, which names its file.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// readTemplate reads a template in JSON or YAML. The macro is the name that the
// template calls it by. Its errors are of type readError.
func readTemplate(in input, macro string) (*templateFile, error) {
	src, err := in.read()
	if err != nil {
		return nil, readError{fmt.Errorf("read the template: %w", err)}
	}
	t, err := parseTemplate(in.path, src, macro)
	if err == nil {
		return t, nil
	}
	problem := boundary.Problem{
		What:   "not a template: " + in.path,
		Cause:  err,
		Remedy: "pass a CloudFormation template in JSON or YAML",
	}
	// Hooks name whatever has changed, but what somebody pipes is a template.
	if !in.isStream() {
		problem.Kind = kindOf(src, err)
	}
	switch {
	case errors.Is(problem.Kind, errTemplating):
		problem.Remedy = "pass what the templating engine renders"
	case problem.Kind == nil && !errors.Is(err, errNoResources):
		problem.What, problem.Remedy = "the template "+in.path+" cannot be read", "correct the template"
	}
	return nil, readError{problem}
}

// errNoResources is what is wrong with JSON or YAML that is not a template.
var errNoResources = errors.New("it has no Resources of CloudFormation")

// sectionsOfTemplates make a template of a text that has no Resources.
var sectionsOfTemplates = []string{"AWSTemplateFormatVersion", "Fn::Transform"}

// mayHaveResources reports whether a text is a template by its sections. Resources
// may come out of a transform.
func mayHaveResources(t *template.Document) bool {
	if t.Transform() != nil {
		return true
	}
	if at := t.Span("Resources"); !at.Absent() {
		return t.JSON()[at.Start] == '{'
	}
	return slices.ContainsFunc(sectionsOfTemplates, func(name string) bool { return !t.Span(name).Absent() })
}

func parseTemplate(path string, src []byte, macro string) (*templateFile, error) {
	parsed, err := template.Parse(src)
	if err != nil {
		return nil, err
	}
	t := &templateFile{Document: parsed, path: path, src: src, transforms: parsed.Entries()}
	if t.macro, _, err = entryOf(t.transforms, macro); err != nil {
		return nil, &template.LineError{Line: parsed.SectionLine(template.TransformSection), Err: err}
	}
	if !mayHaveResources(parsed) {
		return nil, errNoResources
	}
	t.readScopes(macro)
	if t.parameters, err = readParameters(parsed.Section("Parameters")); err != nil {
		return nil, &template.LineError{Line: parsed.SectionLine("Parameters"), Err: err}
	}
	return t, nil
}

// entryOf is the macro's entry among those of a section Transform or a
// Fn::Transform, nil when there is none, and whether others are there.
func entryOf(entries []template.Entry, macro string) (found *template.Entry, others bool, err error) {
	for _, entry := range entries {
		switch {
		case !entry.IsValid():
			return nil, false, errEntry
		case entry.Name != macro:
			others = true
		case found == nil:
			found = &entry
		}
	}
	return found, others, nil
}

// indexOf is where the section Transform lists a transform, -1 when it does not.
func (t *templateFile) indexOf(name string) int {
	return slices.IndexFunc(t.transforms, func(e template.Entry) bool { return e.Name == name })
}

// listsAfter reports whether the template lists the macro after another
// transform.
func (t *templateFile) listsAfter(macro, other string) bool {
	at := t.indexOf(other)
	return at >= 0 && at < t.indexOf(macro)
}

// isPublished reports whether the template is published to the Serverless
// Application Repository, which takes no transform but SAM.
func (t *templateFile) isPublished() bool {
	const published = "AWS::ServerlessRepo::Application"
	return !t.Section("Metadata").Get(published).Absent()
}

const macroType = "AWS::CloudFormation::Macro"

// defines reports whether the template creates the macro itself: by its name,
// or that of a parameter with this default.
func (t *templateFile) defines(macro string) bool {
	if !bytes.Contains(t.JSON(), []byte(macroType)) {
		return false // as most do, and to look through the resources takes long
	}
	for _, r := range t.Resources(macroType) {
		name := r.Properties.Get("Name")
		if ref := name.Get("Ref"); ref.IsString() {
			name = t.parameters[ref.Text].Default
		}
		if name.IsString() && name.Text == macro {
			return true
		}
	}
	return false
}
