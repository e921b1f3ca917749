package transform

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// walk reads one template in one pass and fills in its plan.
type walk struct {
	*scanner
	plan    *plan
	options Options
	within  string // the logical IDs of the StackSets that the template is in, each with a slash
	depth   int    // how many they are
	loops   loops
	outside int      // how many loops are around the template
	current resource // one at a time, so that resources cost no allocation

	globals    node                       // the section Globals
	globalsOf  map[string]map[string]node // what global has looked up
	preference map[string]node            // DeploymentPreference in Globals
	parameters map[string]node            // templateParameterValues, where the template's are known
	pending    []func()                   // see later
	bodies     *int                       // how many bytes of templates in YAML were read
}

// template reads a whole template, or what a Fn::Transform further inside
// hands to the macro: the map of Resources, one resource, or the properties of
// a role. The shape tells which. Source: CloudFormation's user guide, macros,
// scope; and recorded answers of the service.
func (w *walk) template() {
	if w.peek() == jsontext.KindBeginObject {
		w.plan.fragment = w.sections()
	} else {
		w.plan.fragment = w.skip()
	}
}

// finish completes the plan. All of the request must be read by now.
func (w *walk) finish() {
	w.globalsOf = map[string]map[string]node{}
	w.preference = w.global(functionType, "DeploymentPreference").byName()
	for _, do := range w.pending {
		do()
	}
	w.plan.sites = slices.DeleteFunc(w.plan.sites, func(s site) bool { return s.unneeded })
	w.readGlobals()
	w.refuseVaryingGlobals()
	slices.SortStableFunc(w.plan.sites, func(a, b site) int { return cmp.Compare(a.at(), b.at()) })
}

// maxID is the length of a logical ID. Source: CloudFormation quotas. Longer
// ones are refused by CloudFormation, and here they are cut, for each of many
// findings holds one.
const maxID = 255

// id is a logical ID, behind those of the StackSets that the template is in.
// Without one it stands for the template.
func (w *walk) id(logicalID []byte) string {
	if len(logicalID) == 0 {
		return strings.TrimSuffix(w.within, "/")
	}
	if len(logicalID) > maxID {
		logicalID = append(logicalID[:maxID:maxID], "..."...)
	}
	return w.within + string(logicalID)
}

// refuseVaryingGlobals refuses Globals that the loops around the template have
// a part in: what they make may take the place of a boundary.
func (w *walk) refuseVaryingGlobals() {
	isVarying := func(n node) bool {
		return slices.ContainsFunc(n.members, func(m member) bool { return w.plan.around.vary(m.name) })
	}
	types := w.globals.members
	if isVarying(w.globals) || slices.ContainsFunc(types, func(m member) bool {
		return isVarying(m.value) || isVarying(m.value.get("DeploymentPreference"))
	}) {
		w.escape(codeMembersInLoop, []byte("Globals"), "", w.globals.start, "PermissionsBoundary", "DeploymentPreference")
	}
}

// readGlobals finds the boundary that Globals give to functions without one.
func (w *walk) readGlobals() {
	function := w.globals.get("Function")
	if existing := function.get("PermissionsBoundary"); existing.kind != jsontext.KindInvalid {
		w.plan.global = &site{
			id: w.id([]byte("Globals.Function")), typ: functionType,
			offset: function.start, into: function.object, kind: siteValue, existing: existing.span, loops: w.loops,
		}
	}
}

// sections reads the top level of a template.
func (w *walk) sections() span {
	start := w.enter()
	before, pending := *w.plan, w.pending
	whole, typed, foreign := false, false, false
	var notResources span // the value of a section Resources that is not an object
	var others [][2]span  // names and values that are no sections
	var sections, again []string
	for w.more() {
		name, nameAt := w.name()
		isObject := w.peek() == jsontext.KindBeginObject
		if i := slices.Index(decisiveSections, string(name)); i >= 0 {
			if slices.Contains(sections, decisiveSections[i]) {
				again = append(again, decisiveSections[i])
			}
			sections = append(sections, decisiveSections[i])
		}
		switch {
		case string(name) == "Resources" && isObject:
			whole = true
			typed = w.resources() || typed
		case string(name) == "Globals" && isObject:
			w.globals = w.tree()
		case string(name) == "Metadata" && isObject:
			w.plan.metadata = w.skip()
		case string(name) == "Conditions":
			w.plan.conditions = w.skip()
		case string(name) == "Mappings":
			w.plan.mappings = w.skip()
		case string(name) == "Parameters":
			w.plan.parameters = w.skip()
		case string(name) == "Transform":
			w.plan.transform = w.skip()
		case string(name) == "Fn::Transform":
			w.unexpanded(nil)
			w.skip()
		case string(name) == "Resources":
			notResources = w.skip()
		default:
			value := w.skip()
			isSection := slices.Contains(sectionNames, string(name))
			foreign = foreign || !isSection
			if isForEach(name) || isObject && !isSection {
				others = append(others, [2]span{nameAt, value})
			}
			if len(w.loops) > 0 && (w.loops.mayBecome(string(name), "Resources") || w.loops.mayBecome(string(name), sectionNames...)) {
				w.escape(codeSectionInLoop, name, "", value.start)
			}
		}
	}
	at := span{start, w.offset()}
	if w.err == nil && typed && w.namesResource(at) {
		*w.plan, w.pending = before, pending
		whole = false
	}
	switch {
	case w.err != nil:
	case whole:
		w.refuseBeside(others)
		for _, section := range slices.Compact(again) {
			w.escape(codeRepeated, []byte(section), "", start)
		}
	case !notResources.absent() && !foreign:
		w.blindSpotAt(codeResourcesNoObject, []byte("Resources"), "", notResources.start)
	default:
		w.snippet(at)
	}
	return at
}

// refuseBeside refuses resources and loops that are beside the section
// Resources. CloudFormation does so, too, but not everybody who reads templates
// comes so far.
func (w *walk) refuseBeside(others [][2]span) {
	for _, other := range others {
		name, value := w.text(other[0]), other[1]
		if isForEach(name) || w.isResource(value) {
			w.escape(codeBesideResources, name, "", value.start)
		}
	}
}

// unexpanded reports a Fn::Transform that has not run yet, and may make a role.
// CloudFormation runs those of a template before it calls a macro, so they only
// come from other tools. Those of a template inside of this one run later.
func (w *walk) unexpanded(id []byte) {
	if w.depth > 0 {
		w.blindSpot(codeBodyInclude, id, "Fn::Transform")
		return
	}
	w.blindSpot(codeUnexpanded, id, "Fn::Transform")
}

// resourceMetadata reads the Metadata of a resource, which cannot name the
// environment.
func (w *walk) resourceMetadata(id []byte) span {
	start := w.enter()
	for w.more() {
		name, _ := w.name()
		if !strings.EqualFold(string(name), MacroName) {
			w.skip()
			continue
		}
		if w.peek() != jsontext.KindBeginObject {
			w.skip()
			w.misplace(id, "a value that is not an object")
			continue
		}
		for w.enter(); w.more(); {
			said, _ := w.name()
			w.skip()
			if !strings.EqualFold(string(said), acceptKey) {
				w.misplace(id, string(said))
			}
		}
	}
	return span{start, w.offset()}
}

func (w *walk) misplace(id []byte, name string) {
	if id != nil && w.plan.misplaced.name == "" {
		w.plan.misplaced = misplaced{string(id), name}
	}
}

// resources reads a map from logical ID to resource. It reports whether the map
// has a Type itself, as a resource has.
func (w *walk) resources() (typed bool) {
	var ids resourceIDs
	w.enter()
	for w.more() {
		name, nameAt := w.name()
		before, kind := w.found(), w.peek()
		switch {
		case isForEach(name):
			w.foreach(name)
		case string(name) == "Fn::Transform":
			w.unexpanded(nil)
			w.skip()
		case kind == jsontext.KindBeginObject:
			if len(w.loops) > 0 {
				w.noteVaryingID(name)
			}
			w.resource(name)
		case len(w.loops) > 0 && kind == jsontext.KindBeginArray && w.loops.vary(string(name)):
			w.skip()
			w.refuseLoop(name)
		default:
			// CloudFormation refuses a resource that is no object.
			if at := w.skip(); string(name) == "Type" && isTypeName(w.text(at)) {
				w.escape(codeTypeWithoutID, name, "", at.start)
				typed = true
			}
		}
		ids.add(name, nameAt, w.found() > before && (string(name) != "Type" || kind == jsontext.KindBeginObject), len(w.src)-w.offset())
	}
	if w.err == nil {
		w.refuseRepeated(&ids)
	}
	return typed
}

// foreach reads a loop over resources: [identifier, collection, resources].
func (w *walk) foreach(name []byte) {
	if w.peek() != jsontext.KindBeginArray {
		w.skip()
		w.refuseLoop(name)
		return
	}
	outer, readable := w.loops, false
	w.enter()
	var head [2]node
	for i := 0; w.more(); i++ {
		switch {
		case i < 2:
			head[i] = w.tree()
		case i == 2 && head[0].isString() && len(outer) < maxLoops && w.peek() == jsontext.KindBeginObject:
			w.loops = outer.with(outer.loopOver(head[0], head[1]))
			w.resources()
			readable = true
		default:
			w.skip()
			readable = false
		}
	}
	w.loops = outer
	if !readable && w.err == nil {
		w.refuseLoop(name)
	}
}

func (w *walk) refuseLoop(name []byte) {
	w.escape(codeLoopUnreadable, name, "Fn::ForEach", w.offset())
}

// resource reads one resource and applies the rule of its type.
func (w *walk) resource(id []byte) {
	r := &w.current
	*r = resource{}
	r.id, r.loops = id, w.loops
	if len(w.plan.policies) > 0 {
		delete(w.plan.policies, string(id)) // given twice: the last one counts
	}
	r.start = w.enter()
	for w.more() {
		name, nameAt := w.name()
		kind := w.peek()
		var value span
		switch {
		case string(name) == "Type":
			r.twice = r.twice || !r.typeAt.absent()
			value = w.skip()
			r.typeAt, r.typeKind = value, kind
		case string(name) == "Properties":
			r.twice = r.twice || !r.props.absent()
			w.properties(&r.props, kind)
			value = r.props.span
		case string(name) == "IgnoreGlobals":
			value = w.skip()
			r.props.twice = r.props.twice || !r.ignoreGlobals.absent()
			r.ignoreGlobals = value
		case string(name) == "Metadata" && kind == jsontext.KindBeginObject:
			value = w.resourceMetadata(id)
		default:
			value = w.skip()
			r.generated = r.generated || isForEach(name) || len(w.loops) > 0 &&
				(w.loops.mayBecome(string(name), "Type", "Properties", "IgnoreGlobals") || w.loops.mayBeLoop(string(name)))
			r.transformed = r.transformed || string(name) == "Fn::Transform"
		}
		r.add(nameAt, value)
	}
	r.end = w.offset()
	if w.err == nil {
		w.judge(r)
	}
}

// properties reads the properties of a resource of whatever type, and
// remembers where those lie that a rule may ask for.
func (w *walk) properties(p *properties, kind jsontext.Kind) {
	if !p.absent() {
		*p = properties{} // given twice
	}
	p.kind = kind
	if kind != jsontext.KindBeginObject {
		p.span = w.skip()
		return
	}
	p.start = w.enter()
	for w.more() {
		name, nameAt := w.name()
		value := w.skip()
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
			} else if len(w.loops) > 0 && w.loops.vary(string(name)) {
				p.varying = append(p.varying, string(name))
				if w.loops.mayBeLoop(string(name)) {
					p.loops = append(p.loops, value)
				}
			}
		}
		p.add(nameAt, value)
	}
	p.end = w.offset()
}
