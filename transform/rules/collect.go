package rules

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform/template"
)

// MacroName is the default name of the macro, and its key in a template's
// Metadata.
const MacroName = "PermissionsBoundaryMacro"

// Misplaced is a member, other than Accept, of the macro's entry in the Metadata
// of a resource.
type Misplaced struct {
	ID   string // of the resource
	Name string // of the member
}

// Contents are the parts of a template that the rules depend on.
type Contents struct {
	Src    []byte        // the template in JSON, which all spans refer to
	around loops         // around the template, if it is embedded
	apart  template.Span // the section Transform of a template file, which is not part of what macros see

	// Sections, absent if the template does not have them.
	Metadata                         template.Span
	globals                          template.Node
	conditions, mappings, parameters template.Span

	OneResource bool // the fragment is a resource, and Metadata belongs to it
	IsValue     bool // the fragment can only be the value of a property
	collected
}

// collected are the parts of maps of resources.
type collected struct {
	findings
	resources []*resource   // in source order, without those that no rule depends on
	ids       []resourceIDs // of each map of resources
	replacing []varyingID
	excuses   []excuse
	Misplaced Misplaced // the first in the template, or zero
}

// resource is a resource as it is kept until the whole template has been read.
type resource struct {
	template.Object
	id       []byte        // empty for a fragment that is one resource
	nameAt   template.Span // of the ID
	loops    loops         // around it
	typeAt   template.Span
	typeKind jsontext.Kind
	props    properties

	typ      string        // empty unless it is a string
	known    *resourceType // nil if the table does not have the type
	harmless bool          // no rule reads the properties of the type

	ignoreGlobals template.Span // SAM's attribute IgnoreGlobals
	generated     bool          // a loop may make its Type or Properties
	transformed   bool          // has a Fn::Transform
	function      string        // an unknown function in it
	twice         bool          // has two members Type or Properties
	ignoresTwice  bool          // has two members IgnoreGlobals
}

// properties are the properties of a resource, as far as rules depend on them.
type properties struct {
	template.Object
	kind        jsontext.Kind   // jsontext.KindInvalid if there are none
	read        []propertySpan  // those that rules read
	loops       []template.Span // values of Fn::ForEach members
	varying     []string        // names that depend on a loop around them
	function    string          // Ref or the intrinsic function that makes the properties
	transformed bool            // has a Fn::Transform
	twice       bool            // has a property that rules read twice
}

// collector reads one template in one pass.
type collector struct {
	*template.Cursor
	Contents
	depth int    // number of templates around this one
	loops loops  // around the cursor
	macro string // a name of the macro beside MacroName, if it is known

	// The type that was last looked up: resources of a type often follow each other.
	typ      []byte
	known    *resourceType
	harmless bool
}

// fragment reads a template, or the part of one that a Fn::Transform inside it
// passes to the macro: the map of resources, one resource, or the properties of a
// role. The shape tells which.
// Source: CloudFormation's user guide, macros, scope; recorded events.
func (c *collector) fragment() {
	if c.Peek() == jsontext.KindBeginObject {
		c.sections()
	} else {
		c.Skip()
	}
}

// sections reads the top level of a template.
func (c *collector) sections() {
	start := c.Enter()
	outside := c.collected
	isWhole, typed, foreign := false, false, false
	var notResources template.Span // a section Resources that is not an object
	var unknownName []byte         // of a function beside the sections
	var others [][2]template.Span  // names and values of members that are not sections
	var sections, again []string
	for c.More() {
		name, nameAt := c.Name()
		isObject := c.Peek() == jsontext.KindBeginObject
		if i := slices.Index(decisiveSections, string(name)); i >= 0 {
			if slices.Contains(sections, decisiveSections[i]) {
				again = append(again, decisiveSections[i])
			}
			sections = append(sections, decisiveSections[i])
		}
		switch {
		case string(name) == "Resources" && isObject:
			isWhole = true
			typed = c.resourceMap() || typed
		case string(name) == "Globals" && isObject:
			c.globals = c.Tree()
		case string(name) == "Metadata" && isObject:
			c.Metadata = c.Skip()
		case string(name) == "Conditions":
			c.conditions = c.Skip()
		case string(name) == "Mappings":
			c.mappings = c.Skip()
		case string(name) == "Parameters":
			c.parameters = c.Skip()
		case string(name) == "Fn::Transform":
			c.unexpanded(nil, c.Skip().Start)
		case string(name) == "Resources":
			notResources = c.Skip()
		default:
			value := c.Skip()
			isSection := slices.Contains(sectionNames, string(name))
			if c.loops.isUnknownFunction(name) {
				unknownName = name
			}
			foreign = foreign || !isSection
			if isForEach(name) || isObject && !isSection {
				others = append(others, [2]template.Span{nameAt, value})
			}
			if len(c.loops) > 0 && (c.loops.mayBecome(string(name), "Resources") || c.loops.mayBecome(string(name), sectionNames...)) {
				c.escape(codeSectionInLoop, name, "", value.Start)
			}
		}
	}
	at := template.Span{Start: start, End: c.Offset()}
	if typed && c.namesResource(at) {
		c.Contents = Contents{Src: c.Contents.Src, around: c.around, collected: outside}
		isWhole = false
	}
	if slices.Contains(sections, "Resources") {
		for _, section := range slices.Compact(again) {
			c.escape(codeRepeated, []byte(section), "", start)
		}
	}
	switch {
	case isWhole:
		c.refuseBeside(others)
		if unknownName != nil {
			c.blindSpot(codeUnknownFunction, nil, string(unknownName), start)
		}
	case !notResources.Absent() && !foreign:
		c.blindSpot(codeResourcesNoObject, []byte("Resources"), "", notResources.Start)
	default:
		c.snippet(at)
	}
}

// refuseBeside refuses resources and loops beside the section Resources.
// CloudFormation refuses them, too, but pbm may run without it.
func (c *collector) refuseBeside(others [][2]template.Span) {
	for _, other := range others {
		name, value := c.Text(other[0]), other[1]
		if isForEach(name) || isResource(c.Contents.Src, value) {
			c.escape(codeBesideResources, name, "", value.Start)
		}
	}
}

// unexpanded reports a Fn::Transform that has not run, and may add a role.
// CloudFormation runs those in a template before it calls a macro for the whole
// template, so only other tools leave one. Those in an embedded template run
// later.
func (c *collector) unexpanded(id []byte, at int) {
	c.blindSpot(unexpandedCode(c.depth), id, "Fn::Transform", at)
}

// unexpandedCode returns the code for a Fn::Transform in a template with a number of
// templates around it.
func unexpandedCode(depth int) Code {
	if depth > 0 {
		return codeBodyInclude
	}
	return codeUnexpanded
}

// isMacro reports whether a name in Metadata is one of the macro.
func (c *collector) isMacro(name []byte) bool {
	return strings.EqualFold(string(name), MacroName) || c.macro != "" && strings.EqualFold(string(name), c.macro)
}

// resourceMetadata reads the Metadata of a resource, which may have an excuse and
// must not name an environment.
func (c *collector) resourceMetadata(id []byte, x *excuse) template.Span {
	start := c.Enter()
	for c.More() {
		name, _ := c.Name()
		if !c.isMacro(name) {
			c.Skip()
			continue
		}
		if c.Peek() != jsontext.KindBeginObject {
			c.Skip()
			c.misplace(id, "a value that is not an object")
			continue
		}
		for c.Enter(); c.More(); {
			said, _ := c.Name()
			value := c.Skip()
			if !strings.EqualFold(string(said), AcceptKey) {
				c.misplace(id, string(said))
				continue
			}
			x.twice = x.twice || !x.accept.Absent()
			x.accept = value
		}
	}
	return template.Span{Start: start, End: c.Offset()}
}

// misplace records the first misplaced member.
func (c *collector) misplace(id []byte, name string) {
	if id != nil && c.Misplaced.Name == "" {
		c.Misplaced = Misplaced{string(id), name}
	}
}

// resourceMap reads a map from logical ID to resource. It reports whether the map
// itself has a Type, like a resource.
func (c *collector) resourceMap() (typed bool) {
	var ids resourceIDs
	c.Enter()
	for c.More() {
		name, nameAt := c.Name()
		kind := c.Peek()
		if c.isTransform(c.Next()) {
			c.Skip()
			continue
		}
		if c.loops.isUnknownFunction(name) {
			c.blindSpot(codeUnknownFunction, []byte("Resources"), string(name), nameAt.Start)
		}
		switch {
		case isForEach(name):
			c.foreach(name)
		case string(name) == "Fn::Transform":
			c.unexpanded(nil, c.Skip().Start)
		case kind == jsontext.KindBeginObject:
			if len(c.loops) > 0 {
				c.noteVaryingID(name)
			}
			c.resource(name, nameAt)
		case len(c.loops) > 0 && kind == jsontext.KindBeginArray && c.loops.vary(string(name)):
			c.escape(codeLoopUnreadable, name, "Fn::ForEach", c.Skip().Start)
		default:
			// CloudFormation refuses a resource that is not an object.
			if at := c.Skip(); string(name) == "Type" && isTypeName(c.Text(at)) {
				c.escape(codeTypeWithoutID, name, "", at.Start)
				typed = true
				continue
			}
		}
		ids.add(name, nameAt, c.Offset(), len(c.Contents.Src)-c.Offset())
	}
	c.ids = append(c.ids, ids)
	return typed
}

// foreach reads a loop over resources: [identifier, collection, resources].
func (c *collector) foreach(name []byte) {
	start := c.Next()
	if c.Peek() != jsontext.KindBeginArray {
		c.Skip()
		c.escape(codeLoopUnreadable, name, "Fn::ForEach", start)
		return
	}
	outer, readable := c.loops, false
	c.Enter()
	var head [2]template.Node
	for i := 0; c.More(); i++ {
		switch {
		case i < 2:
			head[i] = c.Tree()
		case i == 2 && head[0].IsString() && len(outer) < maxLoops && c.Peek() == jsontext.KindBeginObject:
			c.loops = outer.with(outer.loopOver(head[0], head[1]))
			c.resourceMap()
			readable = true
		default:
			c.Skip()
			readable = false
		}
	}
	c.loops = outer
	if !readable {
		c.escape(codeLoopUnreadable, name, "Fn::ForEach", start)
	}
}

// resource reads one resource, and keeps it if a rule may depend on it.
func (c *collector) resource(id []byte, nameAt template.Span) {
	r := resource{id: id, nameAt: nameAt, loops: c.loops}
	x := excuse{id: id}
	metadata := 0
	r.Start = c.Enter()
	for c.More() {
		name, nameAt := c.Name()
		kind := c.Peek()
		var value template.Span
		switch {
		case string(name) == "Type":
			r.twice = r.twice || !r.typeAt.Absent()
			value = c.Skip()
			r.typeAt, r.typeKind = value, kind
			c.noteType(&r)
		case string(name) == "Properties":
			r.twice = r.twice || !r.props.Absent()
			if r.harmless {
				r.props.Span, r.props.kind = c.Skip(), kind
			} else {
				r.props = readProperties(c.Cursor, c.loops)
			}
			value = r.props.Span
		case string(name) == "IgnoreGlobals":
			value = c.Skip()
			r.ignoresTwice = r.ignoresTwice || !r.ignoreGlobals.Absent()
			r.ignoreGlobals = value
		case string(name) == "Metadata" && kind == jsontext.KindBeginObject:
			metadata++
			value = c.resourceMetadata(id, &x)
		default:
			value = c.Skip()
			r.generated = r.generated || isForEach(name) || len(c.loops) > 0 &&
				(c.loops.mayBecome(string(name), "Type", "Properties", "IgnoreGlobals") || c.loops.mayBeLoop(string(name)))
			r.transformed = r.transformed || string(name) == "Fn::Transform"
			if c.loops.isUnknownFunction(name) {
				r.function = string(name)
			}
		}
		r.Add(nameAt, value)
	}
	r.End = c.Offset()
	if !x.accept.Absent() {
		x.Span, x.typ, x.twice = r.Span, string(c.Text(r.typeAt)), x.twice || metadata > 1
		c.excuses = append(c.excuses, x)
	}
	if r.matters() {
		kept := r // a resource that does not matter is not allocated
		kept.typ = string(c.Text(r.typeAt))
		c.resources = append(c.resources, &kept)
	}
}

// noteType looks up the type of a resource.
func (c *collector) noteType(r *resource) {
	if typ := c.Text(r.typeAt); typ == nil || c.typ == nil || !bytes.Equal(typ, c.typ) {
		c.typ, c.known = typ, typeNamed[string(typ)]
		c.harmless = typ != nil && c.known == nil && isHarmless(typ)
	}
	r.known, r.harmless = c.known, c.harmless
}

// matters reports whether a rule may depend on the resource.
func (r *resource) matters() bool {
	switch {
	case r.twice, r.generated, r.transformed, r.function != "":
		return true
	case r.typeKind == jsontext.KindBeginObject, r.typeKind == jsontext.KindBeginArray:
		return true
	}
	return r.typeKind == jsontext.KindString && !r.harmless // CloudFormation refuses other types
}

// isHarmless reports whether a type creates no role if the table does not have
// it: an AWS type, or text that is not the name of a type.
func isHarmless(typ []byte) bool {
	return (isOwn(typ) || !bytes.Contains(typ, []byte("::"))) && bytes.IndexByte(typ, '{') < 0 && !bytes.HasSuffix(typ, []byte(moduleSuffix)) &&
		!bytes.HasPrefix(typ, []byte(serverlessPrefix)) && string(typ) != managedPolicyType
}

// readProperties reads the properties of a resource of any type, and records where
// those are that rules read.
func readProperties(s *template.Cursor, around loops) (p properties) {
	p.kind = s.Peek()
	if p.kind != jsontext.KindBeginObject {
		p.Span = s.Skip()
		return p
	}
	p.Start = s.Enter()
	for s.More() {
		name, nameAt := s.Name()
		value := s.Skip()
		switch {
		case isForEach(name):
			p.loops = append(p.loops, value)
		case string(name) == "Fn::Transform":
			p.transformed = true
		case string(name) == "Ref" || bytes.HasPrefix(name, []byte(functionPrefix)):
			if !isUnknown(p.function) { // which counts more
				p.function = string(name)
			}
		default:
			if property, ok := propertyNamed(name); ok {
				p.set(property, value)
			} else if len(around) > 0 && around.vary(string(name)) {
				p.varying = append(p.varying, string(name))
				if around.mayBeLoop(string(name)) {
					p.loops = append(p.loops, value)
				}
			}
		}
		p.Add(nameAt, value)
	}
	p.End = s.Offset()
	return p
}
