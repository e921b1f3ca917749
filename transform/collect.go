package transform

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MacroName is what the macro is called unless its installer says otherwise,
// and the key of what a template's Metadata says to it.
const MacroName = "PermissionsBoundaryMacro"

// acceptKey is what Metadata of a single resource may say to the macro.
const acceptKey = "Accept"

// misplaced is what the Metadata of a resource say to the macro beside Accept.
type misplaced struct{ id, name string }

// contents are what one template says, as far as a rule may ask for it.
type contents struct {
	src    []byte // the template in JSON, which spans refer to
	around loops  // around the template, which is written into another one

	// Sections, absent where the template has none.
	globals                                    node
	conditions, mappings, metadata, parameters span

	oneResource bool // the fragment is a resource, and so are its Metadata
	isValue     bool // the fragment can only be the value of a property
	collected
}

// collected is what a map of resources says.
type collected struct {
	findings
	resources []resource    // those that a rule may have something to say about, in source order
	ids       []resourceIDs // of each map of resources
	replacing []varyingID   // which may be the ID of a policy
	misplaced misplaced     // zero where no resource's Metadata are misused
}

// resource is what is kept of a resource until all of the template is read.
type resource struct {
	object
	id       []byte // empty for a fragment that is one resource
	nameAt   span   // of the ID
	loops    loops
	typeAt   span
	typeKind jsontext.Kind
	props    properties

	typ  string // where it is a string
	rule *rule  // of the type, nil when there is none

	ignoreGlobals span // of SAM's attribute of that name
	generated     bool // has members made by a loop that may be Type or Properties
	transformed   bool // has a Fn::Transform that is not expanded
	twice         bool // Type or Properties is given twice
}

// properties are those that rules ask for, of a resource of whatever type.
type properties struct {
	object
	kind        jsontext.Kind // invalid when there are none
	at          [propertyCount]span
	loops       []span   // of the values of Fn::ForEach members
	varying     []string // names with the variable of a loop around
	function    string   // Ref or an intrinsic function that makes the properties
	transformed bool
	twice       bool // a property that rules ask for is given twice
}

// collector reads one template in one pass.
type collector struct {
	*cursor
	contents
	depth   int // how many templates it is inside of
	loops   loops
	current resource // one at a time, so that resources without a rule cost no allocation
}

// whole reads a whole template, or what a Fn::Transform further inside hands to
// the macro: the map of Resources, one resource, or the properties of a role.
// The shape tells which. Source: CloudFormation's user guide, macros, scope; and
// recorded answers of the service.
func (c *collector) whole() {
	if c.peek() == jsontext.KindBeginObject {
		c.sections()
	} else {
		c.skip()
	}
}

// sections reads the top level of a template.
func (c *collector) sections() {
	start := c.enter()
	outside := c.collected
	isWhole, typed, foreign := false, false, false
	var notResources span // the value of a section Resources that is not an object
	var others [][2]span  // names and values that are no sections
	var sections, again []string
	for c.more() {
		name, nameAt := c.name()
		isObject := c.peek() == jsontext.KindBeginObject
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
			c.globals = c.tree()
		case string(name) == "Metadata" && isObject:
			c.metadata = c.skip()
		case string(name) == "Conditions":
			c.conditions = c.skip()
		case string(name) == "Mappings":
			c.mappings = c.skip()
		case string(name) == "Parameters":
			c.parameters = c.skip()
		case string(name) == "Fn::Transform":
			c.unexpanded(nil, c.skip().start)
		case string(name) == "Resources":
			notResources = c.skip()
		default:
			value := c.skip()
			isSection := slices.Contains(sectionNames, string(name))
			foreign = foreign || !isSection
			if isForEach(name) || isObject && !isSection {
				others = append(others, [2]span{nameAt, value})
			}
			if len(c.loops) > 0 && (c.loops.mayBecome(string(name), "Resources") || c.loops.mayBecome(string(name), sectionNames...)) {
				c.escape(codeSectionInLoop, name, "", value.start)
			}
		}
	}
	at := span{start, c.offset()}
	if typed && c.namesResource(at) {
		c.contents = contents{src: c.contents.src, around: c.around, collected: outside}
		isWhole = false
	}
	switch {
	case isWhole:
		c.refuseBeside(others)
		for _, section := range slices.Compact(again) {
			c.escape(codeRepeated, []byte(section), "", start)
		}
	case !notResources.absent() && !foreign:
		c.blindSpot(codeResourcesNoObject, []byte("Resources"), "", notResources.start)
	default:
		c.snippet(at)
	}
}

// refuseBeside refuses resources and loops that are beside the section
// Resources. CloudFormation does so, too, but not everybody who reads templates
// comes so far.
func (c *collector) refuseBeside(others [][2]span) {
	for _, other := range others {
		name, value := c.text(other[0]), other[1]
		if isForEach(name) || isResource(c.contents.src, value) {
			c.escape(codeBesideResources, name, "", value.start)
		}
	}
}

// unexpanded reports a Fn::Transform that has not run yet, and may make a role.
// CloudFormation runs those of a template before it calls a macro, so they only
// come from other tools. Those of a template inside of this one run later.
func (c *collector) unexpanded(id []byte, at int) {
	code := codeUnexpanded
	if c.depth > 0 {
		code = codeBodyInclude
	}
	c.blindSpot(code, id, "Fn::Transform", at)
}

// resourceMetadata reads the Metadata of a resource, which cannot name the
// environment.
func (c *collector) resourceMetadata(id []byte) span {
	start := c.enter()
	for c.more() {
		name, _ := c.name()
		if !strings.EqualFold(string(name), MacroName) {
			c.skip()
			continue
		}
		if c.peek() != jsontext.KindBeginObject {
			c.skip()
			c.misplace(id, "a value that is not an object")
			continue
		}
		for c.enter(); c.more(); {
			said, _ := c.name()
			c.skip()
			if !strings.EqualFold(string(said), acceptKey) {
				c.misplace(id, string(said))
			}
		}
	}
	return span{start, c.offset()}
}

func (c *collector) misplace(id []byte, name string) {
	if id != nil && c.misplaced.name == "" {
		c.misplaced = misplaced{string(id), name}
	}
}

// resourceMap reads a map from logical ID to resource. It reports whether the
// map has a Type itself, as a resource has.
func (c *collector) resourceMap() (typed bool) {
	var ids resourceIDs
	c.enter()
	for c.more() {
		name, nameAt := c.name()
		kind := c.peek()
		switch {
		case isForEach(name):
			c.foreach(name)
		case string(name) == "Fn::Transform":
			c.unexpanded(nil, c.skip().start)
		case kind == jsontext.KindBeginObject:
			if len(c.loops) > 0 {
				c.noteVaryingID(name)
			}
			c.resource(name, nameAt)
		case len(c.loops) > 0 && kind == jsontext.KindBeginArray && c.loops.vary(string(name)):
			c.escape(codeLoopUnreadable, name, "Fn::ForEach", c.skip().start)
		default:
			// CloudFormation refuses a resource that is not an object.
			if at := c.skip(); string(name) == "Type" && isTypeName(c.text(at)) {
				c.escape(codeTypeWithoutID, name, "", at.start)
				typed = true
				continue
			}
		}
		ids.add(name, nameAt, c.offset(), len(c.contents.src)-c.offset())
	}
	c.ids = append(c.ids, ids)
	return typed
}

// foreach reads a loop over resources: [identifier, collection, resources].
func (c *collector) foreach(name []byte) {
	start := c.next()
	if c.peek() != jsontext.KindBeginArray {
		c.skip()
		c.escape(codeLoopUnreadable, name, "Fn::ForEach", start)
		return
	}
	outer, readable := c.loops, false
	c.enter()
	var head [2]node
	for i := 0; c.more(); i++ {
		switch {
		case i < 2:
			head[i] = c.tree()
		case i == 2 && head[0].isString() && len(outer) < maxLoops && c.peek() == jsontext.KindBeginObject:
			c.loops = outer.with(outer.loopOver(head[0], head[1]))
			c.resourceMap()
			readable = true
		default:
			c.skip()
			readable = false
		}
	}
	c.loops = outer
	if !readable {
		c.escape(codeLoopUnreadable, name, "Fn::ForEach", start)
	}
}

// resource reads one resource, and keeps it if a rule may have something to say
// about it.
func (c *collector) resource(id []byte, nameAt span) {
	r := &c.current
	*r = resource{id: id, nameAt: nameAt, loops: c.loops}
	r.start = c.enter()
	for c.more() {
		name, nameAt := c.name()
		kind := c.peek()
		var value span
		switch {
		case string(name) == "Type":
			r.twice = r.twice || !r.typeAt.absent()
			value = c.skip()
			r.typeAt, r.typeKind = value, kind
		case string(name) == "Properties":
			r.twice = r.twice || !r.props.absent()
			if c.passesBy(c.text(r.typeAt)) {
				r.props.span, r.props.kind = c.skip(), kind
			} else {
				r.props = readProperties(c.cursor, c.loops)
			}
			value = r.props.span
		case string(name) == "IgnoreGlobals":
			value = c.skip()
			r.props.twice = r.props.twice || !r.ignoreGlobals.absent()
			r.ignoreGlobals = value
		case string(name) == "Metadata" && kind == jsontext.KindBeginObject:
			value = c.resourceMetadata(id)
		default:
			value = c.skip()
			r.generated = r.generated || isForEach(name) || len(c.loops) > 0 &&
				(c.loops.mayBecome(string(name), "Type", "Properties", "IgnoreGlobals") || c.loops.mayBeLoop(string(name)))
			r.transformed = r.transformed || string(name) == "Fn::Transform"
		}
		r.add(nameAt, value)
	}
	r.end = c.offset()
	if c.matters(r) {
		c.resources = appended(c.resources, *r)
	}
}

// matters reports whether a rule may have something to say about a resource, and
// looks up which.
func (c *collector) matters(r *resource) bool {
	typ := c.text(r.typeAt)
	r.rule = rules[string(typ)]
	if r.rule == nil && !r.twice && !r.generated && !r.transformed && r.typeKind == jsontext.KindString && isHarmless(typ) {
		return false
	}
	r.typ = string(typ)
	return true
}

// passesBy reports whether no rule asks for the properties of a type.
func (c *collector) passesBy(typ []byte) bool {
	return typ != nil && isHarmless(typ) && rules[string(typ)] == nil
}

// isHarmless reports whether a type without a rule is one of AWS's own.
func isHarmless(typ []byte) bool {
	return isOwn(typ) && bytes.IndexByte(typ, '{') < 0 && !bytes.HasSuffix(typ, []byte(moduleSuffix)) &&
		!bytes.HasPrefix(typ, []byte(serverlessPrefix)) && string(typ) != managedPolicyType
}

// readProperties reads the properties of a resource of whatever type, and
// remembers where those lie that a rule may ask for.
func readProperties(s *cursor, around loops) (p properties) {
	p.kind = s.peek()
	if p.kind != jsontext.KindBeginObject {
		p.span = s.skip()
		return p
	}
	p.start = s.enter()
	for s.more() {
		name, nameAt := s.name()
		value := s.skip()
		switch {
		case isForEach(name):
			p.loops = append(p.loops, value)
		case string(name) == "Fn::Transform":
			p.transformed = true
		case string(name) == "Ref" || bytes.HasPrefix(name, []byte("Fn::")):
			p.function = string(name)
		default:
			if property, ok := propertyNamed(name); ok {
				p.twice = p.twice || !p.at[property].absent()
				p.at[property] = value
			} else if len(around) > 0 && around.vary(string(name)) {
				p.varying = append(p.varying, string(name))
				if around.mayBeLoop(string(name)) {
					p.loops = append(p.loops, value)
				}
			}
		}
		p.add(nameAt, value)
	}
	p.end = s.offset()
	return p
}
