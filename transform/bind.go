package transform

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// holder is what takes a boundary: a resource, or an event of one.
type holder struct {
	id, typ string
	object  object // the whole of it
	props   *properties
	loops   loops // around it
}

// bind makes a site of the holder, or an escape when its properties cannot
// take a boundary.
func (w *walk) bind(h holder) {
	s := site{id: h.id, typ: h.typ, offset: h.object.start, into: h.props.object, loops: h.loops}
	switch {
	case h.props.kind == jsontext.KindInvalid:
		s.kind, s.into = siteProperties, h.object
	case h.props.kind == jsontext.KindNull, h.props.function == "Ref" && isNoValue(parse(w.src, h.props.span)):
		s.kind = siteNull
	case h.props.kind != jsontext.KindBeginObject:
		w.escapeID(codePropertiesNoObject, h.id, h.typ, h.object.start)
		return
	case h.props.function != "":
		w.escapeID(codePropertiesMade, h.id, h.typ, h.props.start, clip(h.props.function, maxID))
		return
	case !h.props.at[permissionsBoundary].absent():
		s.kind, s.existing = siteValue, h.props.at[permissionsBoundary]
	}
	if len(w.plan.sites) == cap(w.plan.sites) {
		// Twice as many: append alone leaves five times their memory behind.
		w.plan.sites = slices.Grow(w.plan.sites, len(w.plan.sites)+1)
	}
	w.plan.sites = append(w.plan.sites, s)
}
