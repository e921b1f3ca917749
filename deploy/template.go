package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform/template"
)

// template is a template file, and what it says about the macro.
type templateFile struct {
	*template.Document
	path       string
	src        []byte
	macro      *transformEntry // how the section Transform calls the macro, nil when it does not
	scopes     []scope         // where a Fn::Transform does
	valued     []string        // logical IDs of resources where one stands in place of a value
	parameters map[string]parameter
	defaults   func() (map[string]json.RawMessage, error) // their values when none are given
	folded     func() map[string]string                   // their names by those in lower case

	own, foreign map[string]bool // logical IDs of resources whose Fn::Transform names the macro, and others
}

// transformEntry is one of Transform: "Name" or {"Name": ..., "Parameters": ...}.
type transformEntry struct {
	Name       string
	Parameters map[string]json.RawMessage
}

// errEntry is what is wrong with an entry that is neither.
var errEntry = errors.New(`an entry is neither a name nor an object with a Name and Parameters; write Transform: [NAME] or [{Name: NAME, Parameters: {...}}]`)

func (e *transformEntry) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &e.Name) == nil {
		return nil
	}
	object := members(text)
	if json.Unmarshal(object["Name"], &e.Name) != nil {
		return errEntry
	}
	if parameters, given := object["Parameters"]; given && json.Unmarshal(parameters, &e.Parameters) != nil {
		return errEntry
	}
	return nil
}

type parameter struct {
	Type    string
	Default json.RawMessage
}

// readParameters reads the section Parameters. Names are compared exactly, and
// of one that is given twice the last counts, as for CloudFormation.
func readParameters(section json.RawMessage) (map[string]parameter, error) {
	if section == nil {
		return nil, nil
	}
	var declared map[string]json.RawMessage
	if json.Unmarshal(section, &declared) != nil {
		return nil, errors.New("the section Parameters is not an object; write a name and a Type for each parameter")
	}
	parameters := make(map[string]parameter, len(declared))
	for name, value := range declared {
		var p parameter
		object := members(value)
		if object == nil && string(value) != "null" || object["Type"] != nil && json.Unmarshal(object["Type"], &p.Type) != nil {
			return nil, fmt.Errorf("the parameter %s is not an object with a Type; write Type: String", clipped(name))
		}
		p.Default = object["Default"]
		parameters[name] = p
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
	return readWith(template.Parse, in, macro)
}

func readWith(parse func([]byte) (*template.Document, error), in input, macro string) (*templateFile, error) {
	src, err := in.read()
	if err != nil {
		return nil, readError{fmt.Errorf("read the template: %w", err)}
	}
	t, err := parseTemplate(parse, in.path, src, macro)
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

// mayHaveResources reports whether sections are those of a template. Resources
// may come out of a transform.
func mayHaveResources(sections map[string]json.RawMessage) bool {
	if resources, ok := sections["Resources"]; ok {
		return resources[0] == '{'
	}
	return slices.ContainsFunc(sectionsOfTemplates, func(name string) bool {
		_, ok := sections[name]
		return ok
	})
}

// sectionsOfTemplates make a template of a text that has no Resources.
var sectionsOfTemplates = []string{"AWSTemplateFormatVersion", "Fn::Transform"}

func parseTemplate(parse func([]byte) (*template.Document, error), path string, src []byte, macro string) (*templateFile, error) {
	parsed, err := parse(src)
	if err != nil {
		return nil, err
	}
	t := &templateFile{Document: parsed, path: path, src: src}
	t.folded = sync.OnceValue(t.foldedNames)
	t.defaults = sync.OnceValues(func() (map[string]json.RawMessage, error) { return t.values(nil, nil) })
	if t.macro, _, err = entryOf(parsed.Transform(), macro); err != nil {
		return nil, onLine(parsed.SectionLine("Transform"), err)
	}
	// Into a map, for names are compared exactly then.
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(parsed.JSON(), &sections); err != nil {
		return nil, err
	}
	if parsed.Transform() == nil && !mayHaveResources(sections) {
		return nil, errNoResources
	}
	t.readScopes(sections, macro)
	if t.parameters, err = readParameters(sections["Parameters"]); err != nil {
		return nil, onLine(parsed.SectionLine("Parameters"), err)
	}
	return t, nil
}

func onLine(line int, err error) error { return fmt.Errorf("line %d: %w", line, err) }

// entryOf is the macro's entry in a section Transform or a Fn::Transform, nil
// when there is none, and whether others are there.
func entryOf(section []byte, macro string) (found *transformEntry, others bool, err error) {
	if section == nil {
		return nil, false, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(section, &list) != nil {
		list = []json.RawMessage{section}
	}
	for _, raw := range list {
		var entry transformEntry
		switch err := json.Unmarshal(raw, &entry); {
		case err != nil:
			return nil, false, err
		case entry.Name != macro:
			others = true
		case found == nil:
			found = &entry
		}
	}
	return found, others, nil
}

// listsAfter reports whether the template lists the macro after another
// transform.
func (t *templateFile) listsAfter(macro, other string) bool {
	names := t.Transforms()
	at := slices.Index(names, macro)
	return at >= 0 && slices.Contains(names[:at], other)
}

// defines reports whether the template creates the macro itself: by its name,
// or that of a parameter with this default.
func (t *templateFile) defines(macro string) bool {
	if !bytes.Contains(t.JSON(), []byte("AWS::CloudFormation::Macro")) {
		return false // as most do, and to look through the resources takes long
	}
	for _, r := range t.resources() {
		if r.Type != "AWS::CloudFormation::Macro" {
			continue
		}
		name := members(r.Properties)["Name"]
		var ref string
		if json.Unmarshal(members(name)["Ref"], &ref) == nil {
			name = t.parameters[ref].Default
		}
		var text string
		if json.Unmarshal(name, &text) == nil && text == macro {
			return true
		}
	}
	return false
}

type templateResource struct {
	Type       string
	Properties json.RawMessage
}

// resources are those of the template by logical ID, those in loops by what
// their loop makes it of.
func (t *templateFile) resources() map[string]templateResource {
	all := map[string]templateResource{}
	addResources(all, members(t.JSON())["Resources"])
	return all
}

func addResources(all map[string]templateResource, section json.RawMessage) {
	for id, value := range members(section) {
		var loop []json.RawMessage
		var r templateResource
		resource := members(value)
		switch {
		case strings.HasPrefix(id, "Fn::ForEach::"):
			if json.Unmarshal(value, &loop) == nil && len(loop) == 3 {
				addResources(all, loop[2])
			}
		case json.Unmarshal(resource["Type"], &r.Type) == nil:
			r.Properties = resource["Properties"]
			all[id] = r
		}
	}
}
