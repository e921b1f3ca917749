package rules

import (
	"bytes"
	"slices"

	"permissions-boundary-macro/transform/template"

	"github.com/go-json-experiment/json/jsontext"
)

// snippet reads an object without a Resources section, a second time: its
// shape is known only now.
func (c *collector) snippet(at template.Span) {
	outer := c.Cursor
	defer func() { c.Cursor = outer }()

	shape := shapeOf(c.Contents.Src, at)
	c.Cursor = template.NewCursor(c.Contents.Src, at)
	c.loops = append(loops{{unseen: true}}, c.loops...)
	switch shape {
	case shapeResource:
		c.OneResource = true
		c.resource(nil, template.Span{})
	case shapeRole:
		// A role has no property that a function has and the rule looks at.
		r := resource{loops: c.loops, typ: roleType, typeKind: jsontext.KindString, known: typeNamed[functionType], props: readProperties(c.Cursor, c.loops)}
		r.Object, r.typeAt = r.props.Object, r.props.Span
		c.resources = append(c.resources, r)
	case shapeResources:
		c.resourceMap()
	case shapeRoleOrResources:
		c.escape(codeAmbiguousFragment, nil, "", at.Start)
	case shapeEmpty:
		c.IsValue = c.depth == 0
	case shapeUnknown, shapeFunction:
		c.IsValue = c.depth == 0 && shape == shapeFunction
		c.blindSpot(codeUnknownFragment, nil, "", at.Start)
	}
}

// shape is what an object without a Resources section can be.
type shape int

const (
	shapeUnknown  shape = iota
	shapeNoRoles        // a template without resources
	shapeEmpty          // the value of a property, where Fn::Transform is alone in it
	shapeFunction       // the value of a property, where it is beside an intrinsic function
	shapeResource
	shapeRole // the properties of a role
	shapeResources
	shapeRoleOrResources
)

// shapeOf is the shape of the object at a span. Of all resource types, only AWS::IAM::Role
// and AWS::Serverless::Function have the property AssumeRolePolicyDocument, and
// both take a boundary. Resources may have any of these names.
func shapeOf(src []byte, at template.Span) shape {
	s := template.NewCursor(src, at)
	var typed, role, loop, resource, section, function bool
	beside := false // there is a resource that is no part of one
	members := 0
	for s.Enter(); s.More(); {
		name, _ := s.Name()
		kind := s.Peek()
		value := s.Skip()
		if isTransform(src, name, kind, value) {
			continue
		}
		switch string(name) {
		case "Type":
			typed = typed || isTypeName(s.Text(value))
		case "AssumeRolePolicyDocument":
			role = role || kind != jsontext.KindBeginObject || !isResource(src, value)
		case "AWSTemplateFormatVersion", "Conditions", "Globals", "Mappings", "Outputs":
			section = true
		}
		loop = loop || isForEach(name)
		function = (members == 0 || function) && isFunction(name, kind)
		if kind == jsontext.KindBeginObject && isResource(src, value) {
			resource = true
			beside = beside || string(name) != "Properties" && string(name) != "Metadata"
		}
		members++
	}
	switch {
	case function:
		return shapeFunction
	case typed && !beside:
		return shapeResource
	case role && resource:
		return shapeRoleOrResources
	case resource:
		return shapeResources
	case role:
		return shapeRole
	case loop:
		return shapeResources
	case section:
		return shapeNoRoles
	case members == 0:
		return shapeEmpty
	}
	return shapeUnknown
}

// isFunction reports whether a name is that of an intrinsic function that gives
// a value. A resource may have the logical ID Ref.
func isFunction(name []byte, argument jsontext.Kind) bool {
	return string(name) == "Ref" && argument == jsontext.KindString || bytes.HasPrefix(name, []byte("Fn::")) && string(name) != "Fn::Transform" && !isForEach(name)
}

// sectionNames are those that a template may have beside Resources.
var sectionNames = []string{
	"AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Hooks", "Mappings", "Metadata", "Outputs", "Parameters", "Rules", "Transform",
}

// namesResource reports whether "Resources", whose value has a Type, is the
// logical ID of a resource in the object at a span, and no section of it.
func (c *collector) namesResource(at template.Span) bool {
	s := template.NewCursor(c.Contents.Src, at)
	for s.Enter(); s.More(); {
		name, _ := s.Name()
		kind := s.Peek()
		isObject := kind == jsontext.KindBeginObject
		value := s.Skip()
		switch {
		case isTransform(c.Contents.Src, name, kind, value):
		case string(name) == "Resources":
			if !isObject || shapeOf(c.Contents.Src, value) != shapeResource {
				return false
			}
		case slices.Contains(sectionNames, string(name)):
			if !isObject || !isResource(c.Contents.Src, value) {
				return false
			}
		}
	}
	return true
}

// isResource reports whether the object at a span has the Type of a resource.
func isResource(src []byte, at template.Span) bool {
	s := template.NewCursor(src, at)
	for s.Enter(); s.More(); {
		name, _ := s.Name()
		if value := s.Skip(); string(name) == "Type" && isTypeName(s.Text(value)) {
			return true
		}
	}
	return false
}

// isTransform reports whether a member is the section Transform, which
// CloudFormation does not hand to macros, and not a resource of that name.
func isTransform(src, name []byte, kind jsontext.Kind, value template.Span) bool {
	return string(name) == template.TransformSection && (kind != jsontext.KindBeginObject || !isResource(src, value))
}

// isTypeName reports whether text names a resource type, or will when a loop
// variable is replaced.
func isTypeName(text []byte) bool {
	return bytes.Contains(text, []byte("::")) || bytes.ContainsAny(text, "$&") && hasVariable(string(text))
}
