package rules

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform/template"
)

// snippet reads an object without a section Resources again, now that its shape is
// known.
func (c *collector) snippet(at template.Span) {
	outer := c.Cursor
	defer func() { c.Cursor = outer }()

	shape := c.shapeOf(at)
	c.Cursor = template.NewCursor(c.Contents.Src, at)
	c.loops = append(loops{{unseen: true}}, c.loops...)
	switch shape {
	case shapeResource:
		c.OneResource = true
		c.resource(nil, template.Span{})
	case shapeRole:
		// The properties are those of a role or a function. The rules of a function
		// are right for both: a role has none of the other properties they read.
		r := &resource{loops: c.loops, typ: roleType, typeKind: jsontext.KindString, known: typeNamed[functionType]}
		r.props = readProperties(c.Cursor, c.loops)
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

// shape is what an object without a section Resources can be.
type shape int

const (
	shapeUnknown  shape = iota
	shapeNoRoles        // a template without resources
	shapeEmpty          // the value of a property that had only a Fn::Transform
	shapeFunction       // the value of a property that has an intrinsic function, too
	shapeResource
	shapeRole      // the properties of a role
	shapeResources // a map of resources
	shapeRoleOrResources
)

// shapeOf returns the shape of the object at a span. Only two resource types have
// the property AssumeRolePolicyDocument, AWS::IAM::Role and
// AWS::Serverless::Function, and both take a boundary. Resources may have any of
// these names as logical ID.
func (c *collector) shapeOf(at template.Span) shape {
	src := c.Contents.Src
	s := template.NewCursor(src, at)
	var hasType, hasRole, hasLoop, hasResource, hasSection, isCall bool
	beside := false // has a resource that is not Properties or Metadata of one
	members := 0
	for s.Enter(); s.More(); {
		name, _ := s.Name()
		kind := s.Peek()
		value := s.Skip()
		if c.isTransform(value.Start) {
			continue
		}
		switch string(name) {
		case "Type":
			hasType = hasType || isTypeName(s.Text(value))
		case "AssumeRolePolicyDocument":
			hasRole = hasRole || kind != jsontext.KindBeginObject || !isResource(src, value)
		case "AWSTemplateFormatVersion", "Conditions", "Globals", "Mappings", "Outputs":
			hasSection = true
		}
		hasLoop = hasLoop || isForEach(name)
		isCall = (members == 0 || isCall) && isFunction(name, kind)
		if kind == jsontext.KindBeginObject && isResource(src, value) {
			hasResource = true
			beside = beside || string(name) != "Properties" && string(name) != "Metadata"
		}
		members++
	}
	switch {
	case isCall:
		return shapeFunction
	case hasType && !beside:
		return shapeResource
	case hasRole && hasResource:
		return shapeRoleOrResources
	case hasResource:
		return shapeResources
	case hasRole:
		return shapeRole
	case hasLoop:
		return shapeResources
	case hasSection && !c.hasOpenResource(at, nil):
		return shapeNoRoles
	case members == 0:
		return shapeEmpty
	}
	return shapeUnknown
}

// isFunction reports whether a member is an intrinsic function that yields a
// value. A resource may have the logical ID Ref.
func isFunction(name []byte, argument jsontext.Kind) bool {
	return string(name) == "Ref" && argument == jsontext.KindString || bytes.HasPrefix(name, []byte(functionPrefix)) && string(name) != "Fn::Transform" && !isForEach(name)
}

// resourceAttributes are the members of a resource that may be objects.
// Source: CloudFormation's user guide, resource attributes; SAM's specification.
var resourceAttributes = []string{"Connectors", "CreationPolicy", "Metadata", "Properties", "UpdatePolicy"}

// sectionNames are the sections that a template may have beside Resources.
var sectionNames = []string{
	"AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Hooks", "Mappings", "Metadata", "Outputs", "Parameters", "Rules", "Transform",
}

// namesResource reports whether the member Resources of the object at a span, which
// has a Type, is a resource with that logical ID, and not the section.
func (c *collector) namesResource(at template.Span) bool {
	s := template.NewCursor(c.Contents.Src, at)
	for s.Enter(); s.More(); {
		name, _ := s.Name()
		isObject := s.Peek() == jsontext.KindBeginObject
		value := s.Skip()
		switch {
		case c.isTransform(value.Start):
		case string(name) == "Resources":
			if !isObject || c.shapeOf(value) != shapeResource || c.hasOpenResource(value, resourceAttributes) {
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

// isResource reports whether the object at a span has a Type like a resource.
func isResource(src []byte, at template.Span) bool {
	return hasType(src, at, func(s *template.Cursor, typ template.Span) bool { return isTypeName(s.Text(typ)) })
}

// hasOpenResource reports whether the object at a span has members, apart from some,
// that may be resources with a Type that is not written out. The section Outputs may
// have a member Type, too.
func (c *collector) hasOpenResource(at template.Span, except []string) bool {
	src := c.Contents.Src
	isOpen := func(_ *template.Cursor, typ template.Span) bool { return src[typ.Start] == '{' }
	s := template.NewCursor(src, at)
	for s.Enter(); s.More(); {
		name, _ := s.Name()
		isObject := s.Peek() == jsontext.KindBeginObject
		value := s.Skip()
		if isObject && !c.isTransform(value.Start) && !slices.Contains(except, string(name)) && hasType(src, value, isOpen) {
			return true
		}
	}
	return false
}

// hasType reports whether the object at a span has a Type that satisfies is.
func hasType(src []byte, at template.Span, is func(*template.Cursor, template.Span) bool) bool {
	s := template.NewCursor(src, at)
	for s.Enter(); s.More(); {
		name, _ := s.Name()
		if typ := s.Skip(); string(name) == "Type" && is(s, typ) {
			return true
		}
	}
	return false
}

// isTransform reports whether the value at an offset is the section Transform of a
// template file. CloudFormation does not pass it to macros.
func (c *collector) isTransform(start int) bool {
	return !c.apart.Absent() && start == c.apart.Start
}

// isTypeName reports whether text is a resource type, or may become one after loop
// variables are replaced.
func isTypeName(text []byte) bool {
	return bytes.Contains(text, []byte("::")) || bytes.ContainsAny(text, "$&") && hasVariable(string(text))
}
