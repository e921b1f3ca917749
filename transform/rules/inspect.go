package rules

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"permissions-boundary-macro/transform/template"

	"github.com/go-json-experiment/json/jsontext"
)

// inspector applies the rules to the resources of one template, all of which is
// read by then.
type inspector struct {
	*Verdict
	options    Options
	depth      int                      // how many templates it is inside of
	outside    int                      // how many loops are around the template
	parameters map[string]template.Node // templateParameterValues, where the template's are known
	bodies     *int                     // how many bytes of templates in YAML were read

	permissionSets map[string]bool                     // by logical ID
	globalsOf      map[string]map[string]template.Node // what inGlobals has looked up
	preference     map[string]template.Node            // DeploymentPreference in Globals
}

// Options is what the owner of the macro and the deployment say to the rules.
type Options struct {
	Macro      string                   // the name that templates call the macro by
	Parameters map[string]template.Node // templateParameterValues, where they are known
	BoundUsers bool
	Own        bool // the template is of our own making, so that it may be longer
}

// Read reads the template that a JSON text begins with, and tells how long it is.
func Read(src []byte) (t Contents, length int) {
	c := &collector{Cursor: template.NewCursor(src, template.Span{}), Contents: Contents{Src: src}}
	c.whole()
	c.Contents.Src = src[:c.Offset()]
	return c.Contents, c.Offset()
}

// Inspect applies the rules to what a template says.
func Inspect(t Contents, o Options) *Verdict {
	in := &inspector{Verdict: &Verdict{}, options: o, parameters: o.Parameters, bodies: new(int)}
	in.run(t)
	in.gather(o.Macro)
	nameMacro(in.Escapes, o.Macro)
	nameMacro(in.Blind, o.Macro)
	return in.Verdict
}

// run applies the rules to what a template says, and completes the plan.
func (in *inspector) run(t Contents) {
	in.Contents, in.globalsOf = t, map[string]map[string]template.Node{}
	in.preference = in.inGlobals(functionType, "DeploymentPreference").ByName()
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
		in.escape(codeRepeatedKey, r.id, "", r.Start, "Type", "Properties")
	case r.generated:
		in.escape(codeMembersInLoop, r.id, "", r.Start, "Type", "Properties")
	case r.typeAt.Absent(): // CloudFormation refuses a resource without Type
	case r.typeKind == jsontext.KindBeginObject || r.typeKind == jsontext.KindBeginArray:
		in.escape(codeTypeNotLiteral, r.id, "", r.typeAt.Start)
	case r.typeKind != jsontext.KindString: // CloudFormation refuses it
	case in.ignores(r.typ):
	case r.known != nil:
		in.applyRules(r)
	case strings.Contains(r.typ, "{") && r.loops.vary(r.typ):
		in.varyingType(r)
	default:
		in.unknownType(r)
	}
}

// ignores reports whether the settings leave a type alone.
func (in *inspector) ignores(typ string) bool { return typ == userType && !in.options.BoundUsers }

// applyRules applies the rules of a resource's type, unless loops or repeated
// properties keep it from reading what they depend on.
func (in *inspector) applyRules(r *resource) {
	if len(r.known.rules) == 0 {
		return
	}
	if r.props.transformed && !r.transformed {
		in.unexpanded(r)
	}
	if r.props.twice {
		in.escape(codeRepeatedKey, r.id, r.typ, r.props.Start, "a property that the macro reads")
		return
	}
	if mayMake(in.Src, &r.props, r.loops, r.known.reads) {
		names := namesOf(r.known.reads)
		if r.known.createsRoles() {
			in.escape(codeMembersInLoop, r.id, r.typ, r.props.Start, names...)
			return
		}
		in.blindSpot(codeMembersInLoop, r.id, r.typ, r.Start, names...)
	}
	for _, one := range r.known.rules {
		one.find(in, r)
	}
}

func (in *inspector) unexpanded(r *resource) {
	code := codeUnexpanded
	if in.depth > 0 {
		code = codeBodyInclude
	}
	in.blindSpot(code, r.id, "Fn::Transform", r.Start)
}

// varyingType reports a type that is made of a loop variable.
func (in *inspector) varyingType(r *resource) {
	for _, suspect := range suspects {
		switch {
		case in.ignores(suspect.name) || !r.loops.couldBe(r.typ, suspect.name):
			continue
		case suspect.createsRoles():
			in.escape(codeTypeInLoop, r.id, r.typ, r.typeAt.Start, suspect.name)
		default:
			in.blindSpot(codeTypeInLoop, r.id, r.typ, r.Start, suspect.name)
		}
		return
	}
	if r.loops.couldBegin(r.typ, serverlessPrefix) || r.loops.mayBeForeign(r.typ) {
		in.blindSpot(codeForeignTypeInLoop, r.id, r.typ, r.Start)
	}
}

// found is how much the rules have found so far.
func (in *inspector) found() int {
	return len(in.sites) + len(in.Escapes) + len(in.Blind) + len(in.embedded)
}

// refuseVaryingGlobals refuses Globals that the loops around the template have
// a part in: what they make may take the place of a boundary.
func (in *inspector) refuseVaryingGlobals() {
	isVarying := func(n template.Node) bool {
		return slices.ContainsFunc(n.Members, func(m template.Member) bool { return in.around.vary(m.Name) })
	}
	if isVarying(in.globals) || slices.ContainsFunc(in.globals.Members, func(m template.Member) bool {
		return isVarying(m.Value) || isVarying(m.Value.Get("DeploymentPreference"))
	}) {
		in.escape(codeMembersInLoop, []byte("Globals"), "", in.globals.Start, "PermissionsBoundary", "DeploymentPreference")
	}
}

// readGlobals finds the boundary that Globals give to functions without one.
func (in *inspector) readGlobals() {
	function := in.globals.Get("Function")
	if existing := function.Get("PermissionsBoundary"); existing.Kind != jsontext.KindInvalid {
		in.Verdict.global = &site{
			id: in.id([]byte("Globals.Function")), typ: functionType,
			offset: function.Start, into: function.Object, kind: siteValue, existing: existing.Span, loops: in.around,
		}
	}
}

// unknownType reports a type without a rule.
func (in *inspector) unknownType(r *resource) {
	typ := []byte(r.typ)
	switch {
	case bytes.HasSuffix(typ, []byte(moduleSuffix)):
		in.blindSpot(codeModule, r.id, r.typ, r.Start)
	case bytes.HasPrefix(typ, []byte(serverlessPrefix)):
		in.blindSpot(codeUnknownSAMType, r.id, r.typ, r.Start)
	case bytes.Contains(typ, []byte("::")) && !isOwn(typ):
		in.blindSpot(codeThirdPartyType, r.id, r.typ, r.Start)
	}
}
