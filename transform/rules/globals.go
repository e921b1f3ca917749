package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform/template"
)

// inGlobals returns the property that the section Globals sets for a type.
func (in *inspector) inGlobals(typ, property string) template.Node {
	name := strings.TrimPrefix(typ, serverlessPrefix)
	known, ok := in.globalsOf[name]
	if !ok {
		known = in.globals.Get(name).ByName()
		in.globalsOf[name] = known
	}
	return known[property]
}

// ignoresGlobal reports whether a resource is certain not to inherit a property
// from Globals.
func (in *inspector) ignoresGlobal(r *resource, property string) bool {
	ignored := template.NodeAt(in.Src, r.ignoreGlobals)
	return ignored.Text == "*" ||
		slices.ContainsFunc(ignored.Elements, func(e template.Node) bool { return e.IsString() && e.Text == property })
}

// takesGlobal reports whether a resource without a property is certain to inherit
// it from Globals.
func (in *inspector) takesGlobal(r *resource, property string) bool {
	ignored := template.NodeAt(in.Src, r.ignoreGlobals)
	return ignored.Kind == jsontext.KindInvalid || ignored.IsNull() ||
		ignored.IsArray() && !slices.ContainsFunc(ignored.Elements, func(e template.Node) bool { return !e.IsString() || e.Text == property || r.loops.vary(e.Text) })
}

// merged returns a member of an object that SAM merges with the object in Globals.
func merged(own template.Node, global map[string]template.Node, name string) template.Node {
	if value := own.Get(name); value.Kind != jsontext.KindInvalid {
		return value
	}
	return global[name]
}

// refuseVaryingGlobals refuses names in Globals that depend on loops around the
// template: they may become the name of a boundary, and replace it.
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

// reportUnknownGlobals reports an unknown function in Globals. It may yield a
// DeploymentPreference, for which SAM creates a role.
func (in *inspector) reportUnknownGlobals() {
	name := in.around.unknownFunction(in.globals)
	for _, m := range in.globals.Members {
		name = cmp.Or(name, in.around.unknownFunction(m.Value))
	}
	if name != "" {
		in.blindSpot(codeUnknownFunction, []byte("Globals"), name, in.globals.Start)
	}
}

// findGlobalSite finds the boundary that Globals set for functions without one.
func (in *inspector) findGlobalSite() {
	function := in.globals.Get("Function")
	if existing := function.Get("PermissionsBoundary"); existing.Kind != jsontext.KindInvalid {
		in.Verdict.global = &site{
			id: in.id([]byte("Globals.Function")), typ: functionType,
			offset: function.Start, into: function.Object, kind: siteValue, existing: existing.Span, loops: in.around,
		}
	}
}
