package transform

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// snippet reads an object without a Resources section, a second time: its
// shape is known only now.
func (w *walk) snippet(at span) {
	outer := w.scanner
	defer func() { w.scanner = outer }()

	w.scanner = scan(w.src, at)
	shape := w.shape()
	w.scanner = scan(w.src, at)
	switch shape {
	case shapeResource:
		w.resource(nil)
	case shapeRole:
		// A role has no property that a function has and the rule looks at.
		r := &resource{}
		w.properties(&r.props, jsontext.KindBeginObject)
		r.object = r.props.object
		w.obey(rules[functionType], r, roleType)
	case shapeResources:
		w.resources()
	case shapeUnknown:
		w.blindSpot(nil, "", "is neither a template, a map of resources, a resource nor the properties of a role",
			"name the macro in the section Transform of the template")
	}
}

// shape is what an object without a Resources section can be.
type shape int

const (
	shapeUnknown shape = iota
	shapeNoRoles       // the value of a property, or a template without resources
	shapeResource
	shapeRole // the properties of a role
	shapeResources
)

// shape reads the object at hand. Of all resource types, only AWS::IAM::Role
// and AWS::Serverless::Function have the property AssumeRolePolicyDocument, and
// both take a boundary.
func (w *walk) shape() shape {
	var typed, role, resources, section bool
	members := 0
	for w.enter(); w.more(); members++ {
		name, _ := w.name()
		kind := w.peek()
		value := w.skip()
		switch string(name) {
		case "Type":
			typed = isTypeName(w.text(value))
		case "AssumeRolePolicyDocument":
			role = true
		case "AWSTemplateFormatVersion", "Conditions", "Globals", "Mappings", "Outputs":
			section = true
		}
		resources = resources || isForEach(name) || kind == jsontext.KindBeginObject && w.isResource(value)
	}
	switch {
	case typed:
		return shapeResource
	case role:
		return shapeRole
	case resources:
		return shapeResources
	case section, members == 0:
		return shapeNoRoles
	}
	return shapeUnknown
}

// isResource reports whether the object at a span has the Type of a resource.
func (w *walk) isResource(at span) bool {
	s := scan(w.src, at)
	for s.enter(); s.more(); {
		name, _ := s.name()
		if value := s.skip(); string(name) == "Type" && isTypeName(s.text(value)) {
			return true
		}
	}
	return false
}

// isTypeName reports whether text names a resource type, or will when a loop
// variable is replaced.
func isTypeName(text []byte) bool {
	return bytes.Contains(text, []byte("::")) || bytes.ContainsAny(text, "$&") && hasVariable(string(text))
}
