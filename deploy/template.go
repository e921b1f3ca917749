package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
)

// template is a template file, and what it says about the macro.
type template struct {
	*transform.Template
	path       string
	src        []byte
	macro      *transformEntry // how the section Transform calls the macro, nil when it does not
	scopes     []scope         // where a Fn::Transform does
	foreign    []string        // logical IDs of resources whose Fn::Transform names others
	parameters map[string]parameter
}

// transformEntry is one of Transform: "Name" or {"Name": ..., "Parameters": ...}.
type transformEntry struct {
	Name       string
	Parameters map[string]json.RawMessage
}

func (e *transformEntry) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &e.Name) == nil {
		return nil
	}
	type object transformEntry
	return json.Unmarshal(text, (*object)(e))
}

type parameter struct {
	Type    string
	Default json.RawMessage
}

// errNoTemplate is what errors wrap about files that are of something else.
var errNoTemplate = errors.New("it is no template")

// readError is an error of reading a template, which names its file.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// readTemplate reads a template in JSON or YAML. The macro is the name that the
// template calls it by. Its errors are of type readError.
func readTemplate(in input, macro string) (*template, error) {
	return readWith(transform.ParseTemplate, in, macro)
}

func readWith(parse func([]byte) (*transform.Template, error), in input, macro string) (*template, error) {
	src, err := in.read()
	if err != nil {
		return nil, readError{fmt.Errorf("read the template: %w", err)}
	}
	t, err := parseTemplate(parse, in.path, src, macro)
	if err == nil {
		return t, nil
	}
	problem := &boundary.Problem{
		What:   "not a template: " + in.path,
		Cause:  err,
		Remedy: "give a CloudFormation template in JSON or YAML",
	}
	// Hooks name whatever has changed, but what somebody pipes is a template.
	if !in.isStream() {
		problem.Kind = kindOf(src, err)
	}
	if errors.Is(problem.Kind, errTemplating) {
		problem.Remedy = "give what the templating engine renders"
	}
	return nil, readError{problem}
}

// errNoResources is what is wrong with JSON or YAML that is no template.
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

func parseTemplate(parse func([]byte) (*transform.Template, error), path string, src []byte, macro string) (*template, error) {
	parsed, err := parse(src)
	if err != nil {
		return nil, err
	}
	t := &template{Template: parsed, path: path, src: src}
	if t.macro, _, err = entryOf(parsed.Transform(), macro); err != nil {
		return nil, err
	}
	// Into a map, for names are compared exactly then.
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(parsed.Fragment(), &sections); err != nil {
		return nil, err
	}
	if parsed.Transform() == nil && !mayHaveResources(sections) {
		return nil, errNoResources
	}
	t.readScopes(sections, macro)
	if declared, ok := sections["Parameters"]; ok {
		if err := json.Unmarshal(declared, &t.parameters); err != nil {
			return nil, fmt.Errorf("read Parameters: %w", err)
		}
	}
	return t, nil
}

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
			return nil, false, fmt.Errorf("read Transform: %w", err)
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
func (t *template) listsAfter(macro, other string) bool {
	names := t.Transforms()
	at := slices.Index(names, macro)
	return at >= 0 && slices.Contains(names[:at], other)
}

// defines reports whether the template creates the macro itself: by its name,
// or that of a parameter with this default.
func (t *template) defines(macro string) bool {
	if !bytes.Contains(t.Fragment(), []byte("AWS::CloudFormation::Macro")) {
		return false // as most do, and to look through the resources takes long
	}
	for _, r := range t.resources() {
		var properties struct{ Name json.RawMessage }
		if r.Type != "AWS::CloudFormation::Macro" || json.Unmarshal(r.Properties, &properties) != nil {
			continue
		}
		var ref struct{ Ref string }
		name := properties.Name
		if json.Unmarshal(name, &ref) == nil && ref.Ref != "" {
			name = t.parameters[ref.Ref].Default
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
func (t *template) resources() map[string]templateResource {
	var sections struct{ Resources json.RawMessage }
	all := map[string]templateResource{}
	if json.Unmarshal(t.Fragment(), &sections) == nil {
		addResources(all, sections.Resources)
	}
	return all
}

func addResources(all map[string]templateResource, section json.RawMessage) {
	var members map[string]json.RawMessage
	if json.Unmarshal(section, &members) != nil {
		return // CloudFormation refuses it
	}
	for id, value := range members {
		var loop []json.RawMessage
		var r templateResource
		switch {
		case strings.HasPrefix(id, "Fn::ForEach::"):
			if json.Unmarshal(value, &loop) == nil && len(loop) == 3 {
				addResources(all, loop[2])
			}
		case json.Unmarshal(value, &r) == nil:
			all[id] = r
		}
	}
}
