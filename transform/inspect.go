package transform

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// inspector applies the rules to the resources of one template, all of which is
// read by then.
type inspector struct {
	*plan
	options    inspection
	depth      int             // how many templates it is inside of
	outside    int             // how many loops are around the template
	parameters map[string]node // templateParameterValues, where the template's are known
	bodies     *int            // how many bytes of templates in YAML were read

	permissionSets map[string]bool            // by logical ID
	globalsOf      map[string]map[string]node // what inGlobals has looked up
	preference     map[string]node            // DeploymentPreference in Globals
}

// inspection is what the owner of the macro and the deployment say to the rules.
type inspection struct {
	macro      string          // the name that templates call the macro by
	parameters map[string]node // templateParameterValues, where they are known
	boundUsers bool
	own        bool // the template is of our own making, so that it may be longer
}

// read reads the template that a JSON text begins with, and tells how long it is.
func read(src []byte) (t contents, length int) {
	c := &collector{cursor: scan(src, span{}), contents: contents{src: src}}
	c.whole()
	c.contents.src = src[:c.offset()]
	return c.contents, c.offset()
}

// inspect applies the rules to what a template says.
func inspect(t contents, o inspection) *plan {
	in := &inspector{plan: &plan{}, options: o, parameters: o.parameters, bodies: new(int)}
	in.run(t)
	in.gather(o.macro)
	forMacro(in.escapes, o.macro)
	forMacro(in.blind, o.macro)
	return in.plan
}

// run applies the rules to what a template says, and completes the plan.
func (in *inspector) run(t contents) {
	in.contents, in.globalsOf = t, map[string]map[string]node{}
	in.preference = in.inGlobals(functionType, "DeploymentPreference").byName()
	repeated := in.repeatedIDs()
	in.notePolicies(repeated)
	for i := range in.resources {
		in.resource(&in.resources[i])
	}
	in.refuseRepeated(repeated)
	in.readGlobals()
	in.refuseVaryingGlobals()
	slices.SortStableFunc(in.sites, func(a, b site) int { return cmp.Compare(a.at(), b.at()) })
}

// resource applies the rule of a resource's type.
func (in *inspector) resource(r *resource) {
	if r.transformed {
		in.unexpanded(r)
	}
	switch {
	case r.twice:
		in.escape(codeRepeatedKey, r.id, "", r.start, "Type", "Properties")
	case r.generated:
		in.escape(codeMembersInLoop, r.id, "", r.start, "Type", "Properties")
	case r.typeAt.absent(): // CloudFormation refuses a resource without Type
	case r.typeKind == jsontext.KindBeginObject || r.typeKind == jsontext.KindBeginArray:
		in.escape(codeTypeNotLiteral, r.id, "", r.typeAt.start)
	case r.typeKind != jsontext.KindString: // CloudFormation refuses it
	case in.ignores(r.typ):
	case r.rule != nil:
		in.apply(r)
	case strings.Contains(r.typ, "{") && r.loops.vary(r.typ):
		in.varyingType(r)
	default:
		in.unknownType(r)
	}
}

// ignores reports whether the settings leave a type alone.
func (in *inspector) ignores(typ string) bool { return typ == userType && !in.options.boundUsers }

// apply applies the rule of a resource, unless loops or repeated properties keep
// it from reading what it rests on.
func (in *inspector) apply(r *resource) {
	if r.props.transformed && !r.transformed {
		in.unexpanded(r)
	}
	if r.props.twice {
		in.escape(codeRepeatedKey, r.id, r.typ, r.props.start, "a property that the macro reads")
		return
	}
	if generates(in.src, &r.props, r.loops, r.rule.decides) {
		names := spelledOut(r.rule.decides)
		if r.rule.creates {
			in.escape(codeMembersInLoop, r.id, r.typ, r.props.start, names...)
			return
		}
		in.blindSpot(codeMembersInLoop, r.id, r.typ, r.start, names...)
	}
	r.rule.apply(in, r)
}

func (in *inspector) unexpanded(r *resource) {
	code := codeUnexpanded
	if in.depth > 0 {
		code = codeBodyInclude
	}
	in.blindSpot(code, r.id, "Fn::Transform", r.start)
}

// varyingType reports a type that is made of a loop variable.
func (in *inspector) varyingType(r *resource) {
	for _, suspect := range ruled {
		rule := rules[suspect]
		switch {
		case in.ignores(suspect) || !r.loops.couldBe(r.typ, suspect):
			continue
		case rule.creates:
			in.escape(codeTypeInLoop, r.id, r.typ, r.typeAt.start, suspect)
		default:
			in.blindSpot(codeTypeInLoop, r.id, r.typ, r.start, suspect)
		}
		return
	}
	if r.loops.couldBegin(r.typ, serverlessPrefix) || r.loops.mayBeForeign(r.typ) {
		in.blindSpot(codeForeignTypeInLoop, r.id, r.typ, r.start)
	}
}

// value is a property of a resource as a tree.
func (in *inspector) value(r *resource, p property) node { return parse(in.src, r.props.at[p]) }

// generates reports whether a loop, in the properties or around them, could
// make one of those given.
func generates(src []byte, p *properties, around loops, decides []property) bool {
	return slices.ContainsFunc(p.varying, func(name string) bool { return couldBeAny(around, name, decides) }) ||
		slices.ContainsFunc(p.loops, func(at span) bool { return around.couldMake(parse(src, at), spelledOut(decides)...) })
}

func couldBeAny(around loops, name string, properties []property) bool {
	return slices.ContainsFunc(properties, func(p property) bool { return around.couldBe(name, propertyNames[p]) })
}

// found is how much the rules have found so far.
func (in *inspector) found() int {
	return len(in.sites) + len(in.escapes) + len(in.blind) + len(in.embedded)
}

// refuseVaryingGlobals refuses Globals that the loops around the template have
// a part in: what they make may take the place of a boundary.
func (in *inspector) refuseVaryingGlobals() {
	isVarying := func(n node) bool {
		return slices.ContainsFunc(n.members, func(m member) bool { return in.around.vary(m.name) })
	}
	if isVarying(in.globals) || slices.ContainsFunc(in.globals.members, func(m member) bool {
		return isVarying(m.value) || isVarying(m.value.get("DeploymentPreference"))
	}) {
		in.escape(codeMembersInLoop, []byte("Globals"), "", in.globals.start, "PermissionsBoundary", "DeploymentPreference")
	}
}

// readGlobals finds the boundary that Globals give to functions without one.
func (in *inspector) readGlobals() {
	function := in.globals.get("Function")
	if existing := function.get("PermissionsBoundary"); existing.kind != jsontext.KindInvalid {
		in.plan.global = &site{
			id: in.id([]byte("Globals.Function")), typ: functionType,
			offset: function.start, into: function.object, kind: siteValue, existing: existing.span, loops: in.around,
		}
	}
}

// unknownType reports a type without a rule.
func (in *inspector) unknownType(r *resource) {
	typ := []byte(r.typ)
	switch {
	case bytes.HasSuffix(typ, []byte(moduleSuffix)):
		in.blindSpot(codeModule, r.id, r.typ, r.start)
	case bytes.HasPrefix(typ, []byte(serverlessPrefix)) && !slices.Contains(rolelessServerless, r.typ):
		in.blindSpot(codeUnknownSAMType, r.id, r.typ, r.start)
	case bytes.Contains(typ, []byte("::")) && !isOwn(typ):
		in.blindSpot(codeThirdPartyType, r.id, r.typ, r.start)
	}
}
