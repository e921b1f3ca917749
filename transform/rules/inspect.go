package rules

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform/template"
)

// inspector applies the rules to the resources of one template, after all of it
// has been read.
type inspector struct {
	*Verdict
	options    Options
	depth      int                      // number of templates around this one
	outside    int                      // number of loops around the template
	parameters map[string]template.Node // templateParameterValues, if they are those of this template
	bodies     *int                     // bytes of embedded YAML read so far

	permissionSets map[string]bool                     // by logical ID
	globalsOf      map[string]map[string]template.Node // by type and property, for inGlobals
	preference     map[string]template.Node            // DeploymentPreference in Globals
}

// Options are settings and facts that rules depend on.
type Options struct {
	Macro      string                   // the name under which templates call the macro
	Parameters map[string]template.Node // templateParameterValues, if they are known
	BoundUsers bool                     // IAM users are bound, too
	Own        bool                     // the template is a result of Bind, which may exceed the limits on input
}

// Read reads the template at the start of a JSON text, and returns its length.
// The text must be valid JSON. Transform is where a template file has that section,
// absent in what macros get.
func Read(src []byte, transform template.Span) (t Contents, length int) {
	c := &collector{Cursor: template.NewCursor(src, template.Span{}), Contents: Contents{Src: src, apart: transform}}
	c.fragment()
	c.Contents.Src = src[:c.Offset()]
	return c.Contents, c.Offset()
}

// Inspect applies the rules to a template.
func Inspect(t *template.Document, o Options) *Verdict {
	contents, _ := Read(t.JSON(), t.Span(template.TransformSection))
	return contents.Inspect(o)
}

// Inspect applies the rules to what a template says.
func (t Contents) Inspect(o Options) *Verdict {
	in := &inspector{Verdict: &Verdict{}, options: o, parameters: o.Parameters, bodies: new(int)}
	if o.Macro != "" && !strings.EqualFold(o.Macro, MacroName) {
		t.readMetadata(o.Macro)
	}
	in.run(t)
	in.gather(o.Macro)
	nameMacro(in.Escapes, o.Macro)
	nameMacro(in.Blind, o.Macro)
	nameMacro(in.Excuses, o.Macro)
	return in.Verdict
}

// readMetadata reads the template again, for what Metadata of resources say to the
// macro under another name: an event may tell the name after the template.
func (t *Contents) readMetadata(macro string) {
	c := &collector{Cursor: template.NewCursor(t.Src, template.Span{}), Contents: Contents{Src: t.Src, apart: t.apart}, macro: macro}
	c.fragment()
	t.excuses = c.excuses
	if t.Misplaced.Name == "" {
		t.Misplaced = c.Misplaced
	}
}

// run applies the rules to the contents of a template.
func (in *inspector) run(t Contents) {
	in.Contents, in.globalsOf = t, map[string]map[string]template.Node{}
	in.preference = in.inGlobals(functionType, "DeploymentPreference").ByName()
	repeated := in.repeatedIDs()
	in.notePolicies()
	in.sites = make([]site, 0, len(in.resources)) // most have one
	for _, r := range in.resources {
		in.inspectResource(r)
	}
	in.refuseRepeated(repeated)
	in.findGlobalSite()
	in.refuseVaryingGlobals()
	in.reportUnknownGlobals()
	slices.SortStableFunc(in.sites, func(a, b site) int { return cmp.Compare(a.at(), b.at()) })
}

// inspectResource finds what a resource needs, by its type.
func (in *inspector) inspectResource(r *resource) {
	if r.transformed {
		in.unexpanded(r)
	}
	in.unknownFunction(r, r.function)
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

// ignores reports whether a setting excludes a type.
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
	if r.props.twice || r.ignoresTwice {
		in.escape(codeRepeatedKey, r.id, r.typ, r.Start, "a property that the macro reads")
		return
	}
	if mayMake(in.Src, &r.props, r.loops, r.known.decisive) {
		in.escape(codeMembersInLoop, r.id, r.typ, r.props.Start, namesOf(r.known.decisive)...)
		return
	}
	if mayMake(in.Src, &r.props, r.loops, r.known.advisory) {
		in.blindSpot(codeMembersInLoop, r.id, r.typ, r.Start, namesOf(r.known.advisory)...)
	}
	for _, one := range r.known.rules {
		one.find(in, r)
	}
}

// unexpanded reports a Fn::Transform in a resource.
func (in *inspector) unexpanded(r *resource) {
	in.blindSpot(unexpandedCode(in.depth), r.id, "Fn::Transform", r.Start)
}

// unknownFunction reports a function with a name, if any: it may yield anything,
// even a role.
func (in *inspector) unknownFunction(r *resource, name string) {
	if name != "" {
		in.blindSpot(codeUnknownFunction, r.id, name, r.Start)
	}
}

// varyingType reports a Type that is made from a loop variable.
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

// found counts what the rules have found so far.
func (in *inspector) found() int {
	return len(in.sites) + len(in.Escapes) + len(in.Blind) + len(in.embedded)
}

// unknownType reports a type that the table does not have.
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
