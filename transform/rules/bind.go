package rules

import (
	"slices"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/template"

	"github.com/go-json-experiment/json/jsontext"
)

// holder is what takes a boundary: a resource, or an event of one.
type holder struct {
	id, typ string
	object  template.Object // the whole of it
	props   *properties
	loops   loops // around it
}

// site is where the holder takes a boundary. It is an escape, and no site, when
// its properties cannot take one.
func (in *inspector) site(h holder) (s site, ok bool) {
	s = site{id: h.id, typ: h.typ, offset: h.object.Start, into: h.props.Object, loops: h.loops}
	switch {
	case h.props.kind == jsontext.KindInvalid:
		s.kind, s.into = siteProperties, h.object
	case h.props.kind == jsontext.KindNull, h.props.function == "Ref" && isNoValue(template.NodeAt(in.Src, h.props.Span)):
		s.kind = siteNull
	case h.props.kind != jsontext.KindBeginObject:
		in.escapeID(codePropertiesNoObject, h.id, h.typ, h.object.Start)
		return s, false
	case h.props.function != "":
		in.escapeID(codePropertiesMade, h.id, h.typ, h.props.Start, printable.Clip(h.props.function, MaxID))
		return s, false
	case !h.props.at[permissionsBoundary].Absent():
		s.kind, s.existing = siteValue, h.props.at[permissionsBoundary]
	}
	return s, true
}

func (in *inspector) addSite(s site) { in.sites = appended(in.sites, s) }

// ownBoundary binds a resource by its own property.
var ownBoundary = rule{reads: []property{permissionsBoundary}, find: func(in *inspector, r *resource) {
	if s, ok := in.resourceSite(r); ok {
		in.addSite(s)
	}
}}

func (in *inspector) resourceSite(r *resource) (site, bool) {
	return in.site(holder{id: in.id(r.id), typ: r.typ, object: r.Object, props: &r.props, loops: r.loops})
}

// appended is append, which makes room for twice as many: append alone leaves
// five times the memory of a long list behind.
func appended[T any](list []T, one T) []T {
	if len(list) == cap(list) {
		list = slices.Grow(list, len(list)+1)
	}
	return append(list, one)
}
