package deploy

import (
	"bytes"
	"encoding/json"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/template"
)

// fnTransform is the key that runs macros on what is beside it.
const fnTransform = "Fn::Transform"

// scope is what CloudFormation hands to the macro in one place: the whole
// template, or what is beside a Fn::Transform.
type scope struct {
	id       string          // of the resource that it is, or is in; empty for more than one
	entry    *transformEntry // how the macro is called, nil when it is not
	template *template.Document
}

// whole is the template as the section Transform has it handed to the macro.
func (t *templateFile) whole() scope { return scope{entry: t.macro, template: t.Document} }

// environment is the one that the macro is told where it is called, nil when
// it is told none.
func (s scope) environment() json.RawMessage {
	if s.entry == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.entry.Parameters)) {
		if transform.IsEnvironmentParameter(name) {
			return s.entry.Parameters[name]
		}
	}
	return nil
}

// holds reports whether a logical ID of a report is in the scope. Those of
// events and of the templates of StackSets follow their resource's.
func (s scope) holds(id string) bool {
	if s.id == "" {
		return true
	}
	rest, is := strings.CutPrefix(id, s.id)
	return is && (rest == "" || rest[0] == '.' || rest[0] == '/')
}

func held(scopes []scope, id string) bool {
	return slices.ContainsFunc(scopes, func(s scope) bool { return s.holds(id) })
}

// readScopes finds where a Fn::Transform names the macro: beside the sections,
// in Resources, in a resource and in its Properties.
func (t *templateFile) readScopes(sections map[string]json.RawMessage, macro string) {
	if !bytes.Contains(t.JSON(), []byte(fnTransform)) {
		return // as most do
	}
	t.own, t.foreign = map[string]bool{}, map[string]bool{}
	resources := members(sections["Resources"])
	beside := maps.Clone(sections)
	delete(beside, "Transform")
	t.readScope(beside, "", macro)
	t.readScope(resources, "", macro)
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		resource := members(resources[id])
		t.readScope(resource, id, macro)
		t.readScope(members(resource["Properties"]), id, macro)
		if bytes.Contains(resource["Properties"], []byte(fnTransform)) {
			t.readValues(resource["Properties"], id, macro)
		}
	}
}

// readValues finds where a Fn::Transform that names the macro and no other
// stands in place of the value of a property.
func (t *templateFile) readValues(properties json.RawMessage, id, macro string) {
	var value any
	if json.Unmarshal(properties, &value) != nil {
		return
	}
	var read func(value any) bool
	read = func(value any) bool {
		switch value := value.(type) {
		case []any:
			return slices.ContainsFunc(value, read)
		case map[string]any:
			called, err := json.Marshal(value[fnTransform])
			if _, here := value[fnTransform]; here && len(value) == 1 && err == nil {
				entry, others, err := entryOf(called, macro)
				return entry != nil && !others && err == nil
			}
			return slices.ContainsFunc(slices.Collect(maps.Values(value)), read)
		}
		return false
	}
	all, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name != fnTransform && read(all[name]) {
			t.valued = append(t.valued, id)
			return
		}
	}
}

func members(object json.RawMessage) map[string]json.RawMessage {
	var all map[string]json.RawMessage
	if json.Unmarshal(object, &all) != nil {
		return nil // it is no object
	}
	return all
}

func (t *templateFile) readScope(beside map[string]json.RawMessage, id, macro string) {
	called, ok := beside[fnTransform]
	if !ok {
		return
	}
	entry, others, err := entryOf(called, macro)
	if err != nil || others {
		t.foreign[id] = true
	}
	if entry == nil {
		return
	}
	rest := maps.Clone(beside)
	delete(rest, fnTransform)
	fragment, err := json.Marshal(rest)
	if err == nil {
		t.scopes = append(t.scopes, scope{id: id, entry: entry, template: template.Fragment(fragment)})
		t.own[id] = true
	}
}

// isOwn reports whether all Fn::Transform of a resource, or around the
// resources, name the macro and no other.
func (t *templateFile) isOwn(id string) bool {
	return t.own[id] && !t.foreign[id]
}

// valuesFor are the defaults of the template's parameters that a scope may ask
// for: of a part of the template those that it mentions, and those of names,
// compared without case. There may be as many parts as parameters.
func (t *templateFile) valuesFor(s scope, names []string) (map[string]json.RawMessage, error) {
	all, err := t.defaults()
	if err != nil || s.id == "" {
		return maps.Clone(all), err
	}
	some := map[string]json.RawMessage{}
	take := func(name string) {
		if value, known := all[name]; known {
			some[name] = value
		}
	}
	for _, name := range names {
		take(t.parameterNamed(name))
	}
	for text := range texts(s.template.JSON()) {
		for _, name := range parameterName.FindAllString(text, -1) {
			take(name)
		}
	}
	if s.entry != nil {
		for text := range texts(s.environment()) {
			for _, name := range parameterName.FindAllString(text, -1) {
				take(name)
			}
		}
	}
	return some, nil
}

// parameterName is what a parameter may be called. Source: CloudFormation's
// user guide, parameters.
var parameterName = regexp.MustCompile(`[A-Za-z0-9]+`)

// texts are the strings in a JSON value, names of members included.
func texts(value json.RawMessage) iter.Seq[string] {
	return func(yield func(string) bool) {
		dec := json.NewDecoder(bytes.NewReader(value))
		for {
			token, err := dec.Token()
			if err != nil {
				return // at the end
			}
			if text, is := token.(string); is && !yield(text) {
				return
			}
		}
	}
}

// called is the whole template as if what its Fn::Transform say to the macro
// stood in its Transform, where that does not list the macro.
func (t *templateFile) called() (scope, error) {
	s := t.whole()
	if t.macro != nil || len(t.scopes) == 0 {
		return s, nil
	}
	entry := *t.scopes[0].entry
	entry.Parameters = map[string]json.RawMessage{}
	maps.Copy(entry.Parameters, t.scopes[0].entry.Parameters)
	s.entry = &entry
	for _, other := range t.scopes[1:] {
		if !bytes.Equal(s.environment(), other.environment()) {
			return s, boundary.Problem{
				What:   "several Fn::Transform name different environments, and pbm transforms the template for one",
				Remedy: "name it with --environment",
			}
		}
		for name, value := range other.entry.Parameters {
			if !transform.IsEnvironmentParameter(name) { // the macro refuses it
				entry.Parameters[name] = value
			}
		}
	}
	return s, nil
}
