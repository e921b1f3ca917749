package transform

import (
	"slices"

	"permissions-boundary-macro/internal/printable"

	"github.com/go-json-experiment/json/jsontext"
)

// holder is what takes a boundary: a resource, or an event of one.
type holder struct {
	id, typ string
	object  object // the whole of it
	props   *properties
	loops   loops // around it
}

// site is where the holder takes a boundary. It is an escape, and no site, when
// its properties cannot take one.
func (in *inspector) site(h holder) (s site, ok bool) {
	s = site{id: h.id, typ: h.typ, offset: h.object.start, into: h.props.object, loops: h.loops}
	switch {
	case h.props.kind == jsontext.KindInvalid:
		s.kind, s.into = siteProperties, h.object
	case h.props.kind == jsontext.KindNull, h.props.function == "Ref" && isNoValue(parse(in.src, h.props.span)):
		s.kind = siteNull
	case h.props.kind != jsontext.KindBeginObject:
		in.escapeID(codePropertiesNoObject, h.id, h.typ, h.object.start)
		return s, false
	case h.props.function != "":
		in.escapeID(codePropertiesMade, h.id, h.typ, h.props.start, printable.Clip(h.props.function, maxID))
		return s, false
	case !h.props.at[permissionsBoundary].absent():
		s.kind, s.existing = siteValue, h.props.at[permissionsBoundary]
	}
	return s, true
}

func (in *inspector) add(s site) { in.sites = appended(in.sites, s) }

// appended is append, which makes room for twice as many: append alone leaves
// five times the memory of a long list behind.
func appended[T any](list []T, one T) []T {
	if len(list) == cap(list) {
		list = slices.Grow(list, len(list)+1)
	}
	return append(list, one)
}
