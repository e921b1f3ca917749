package deploy

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// fnTransform is the key that runs macros on what is beside it.
const fnTransform = "Fn::Transform"

// scope is what CloudFormation hands to the macro in one place: the whole
// template, or what is beside a Fn::Transform.
type scope struct {
	id         string                   // of the resource that it is, or is in; empty for more than one
	parameters map[string]template.Node // that the macro is called with
	template   *template.Document
	verdict    *rules.Verdict
}

// whole is the template as the section Transform has it handed to the macro.
func (t *templateFile) whole() scope {
	s := scope{template: t.Document, verdict: t.verdict}
	if t.macro != nil {
		s.parameters = t.macro.Parameters.ByName()
	}
	return s
}

// environment is the one that the macro is told where it is called, absent when
// it is told none.
func (s scope) environment() template.Node {
	for _, name := range slices.Sorted(maps.Keys(s.parameters)) {
		if transform.IsEnvironmentParameter(name) {
			return s.parameters[name]
		}
	}
	return template.Node{}
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
func (t *templateFile) readScopes(macro string) {
	if !bytes.Contains(t.JSON(), []byte(fnTransform)) {
		return // as most do
	}
	t.own, t.foreign = map[string]bool{}, map[string]bool{}
	root := template.Whole(t.JSON())
	root.Members = slices.DeleteFunc(root.Members, func(m template.Member) bool { return m.Name == template.TransformSection })
	t.readScope(root, "", macro)
	t.readScope(root.Get("Resources"), "", macro)
	resources := root.Get("Resources").ByName()
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		properties := resources[id].Get("Properties")
		t.readScope(resources[id], id, macro)
		t.readScope(properties, id, macro)
		if slices.ContainsFunc(properties.Members, func(p template.Member) bool { return p.Name != fnTransform && hasOwnValue(p.Value, macro) }) {
			t.valued = append(t.valued, id)
		}
	}
}

// hasOwnValue reports whether a Fn::Transform that names the macro and no other
// stands in place of a value, or of one in it.
func hasOwnValue(n template.Node, macro string) bool {
	if name, called := n.Only(); name == fnTransform {
		entry, others, err := entryOf(template.EntriesOf(called), macro)
		return entry != nil && !others && err == nil
	}
	return slices.ContainsFunc(n.Elements, func(e template.Node) bool { return hasOwnValue(e, macro) }) ||
		slices.ContainsFunc(n.Members, func(m template.Member) bool { return hasOwnValue(m.Value, macro) })
}

func (t *templateFile) readScope(beside template.Node, id, macro string) {
	called := beside.Get(fnTransform)
	if called.Absent() {
		return
	}
	entry, others, err := entryOf(template.EntriesOf(called), macro)
	if err != nil || others {
		t.foreign[id] = true
	}
	if entry == nil {
		return
	}
	t.scopes = append(t.scopes, scope{id: id, parameters: entry.Parameters.ByName(), template: t.fragment(beside)})
	t.own[id] = true
}

// fragment is what is beside the Fn::Transform of an object, as a template.
func (t *templateFile) fragment(object template.Node) *template.Document {
	members := object.ByName()
	delete(members, fnTransform)
	fragment := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			fragment = append(fragment, ',')
		}
		fragment = append(append(fragment, template.Quote(name)...), ':')
		fragment = append(fragment, t.source(members[name])...)
	}
	doc, _ := template.FromJSON(append(fragment, '}')) // whose members are not given twice
	return doc
}

// source is a value of the template as it is written in JSON.
func (t *templateFile) source(n template.Node) []byte { return t.JSON()[n.Start:n.End] }

// isOwn reports whether all Fn::Transform of a resource, or around the
// resources, name the macro and no other.
func (t *templateFile) isOwn(id string) bool {
	return t.own[id] && !t.foreign[id]
}

// called is the whole template as if what its Fn::Transform say to the macro
// stood in its Transform, where that does not list the macro.
func (t *templateFile) called() (scope, error) {
	s := t.whole()
	if t.macro != nil || len(t.scopes) == 0 {
		return s, nil
	}
	s.parameters = maps.Clone(t.scopes[0].parameters)
	for _, other := range t.scopes[1:] {
		if !bytes.Equal(t.source(s.environment()), t.source(other.environment())) {
			return s, boundary.Problem{
				What:   "several Fn::Transform name different environments, and pbm transforms the template for one",
				Remedy: "name it with --environment",
			}
		}
		for name, value := range other.parameters {
			if !transform.IsEnvironmentParameter(name) { // the macro refuses it
				s.parameters[name] = value
			}
		}
	}
	return s, nil
}
