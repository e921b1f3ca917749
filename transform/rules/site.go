package rules

import (
	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/template"
)

// site is a place that takes a boundary.
type site struct {
	id, typ  string
	offset   int             // of the resource or event
	into     template.Object // the properties, or the resource if it has none
	kind     siteKind
	existing template.Span // of the boundary that is there; only for siteValue
	loops    loops         // around it

	// inherits is set for a function without a boundary of its own, which takes
	// one from Globals.
	inherits bool
}

// siteKind says what to edit at a site.
type siteKind int

const (
	siteMember     siteKind = iota // insert the member PermissionsBoundary
	siteProperties                 // insert the member Properties
	siteNull                       // replace a value of Properties that stands for none
	siteValue                      // keep, fill or replace the existing boundary
)

// at returns the offset of the site's first edit.
func (s *site) at() int {
	switch s.kind {
	case siteValue:
		return s.existing.Start
	case siteNull:
		return s.into.Start
	}
	return s.into.Insertion()
}

// Paths of the members that edits insert.
var (
	boundaryPath   = []string{permissionsBoundary.String()}
	propertiesPath = []string{"Properties", permissionsBoundary.String()}
)

// path returns the path of the boundary in the object that the site is in.
func (s *site) path() []string {
	if s.kind == siteProperties {
		return propertiesPath
	}
	return boundaryPath
}

// bind appends the edits that set the boundary at the site.
func (s *site) bind(b Boundary, existing Existing, edits []template.Edit) ([]template.Edit, Change, *Finding) {
	if b.sub && s.loops.vary(b.Text) {
		return edits, Change{}, &Finding{Code: codeVariableInBoundary, Names: []string{b.Text}}
	}
	e := template.Edit{Op: template.Insert, Start: s.at(), End: s.at(), Into: s.into, Path: s.path(), Value: b.json}
	switch s.kind {
	case siteValue:
		return s.bindExisting(b, existing, edits)
	case siteNull:
		e.Op, e.End = template.Fill, s.into.End
	}
	return append(edits, e), Change{Action: Added}, nil
}

// holder is a resource or event that may take a boundary.
type holder struct {
	id, typ string
	object  template.Object // the whole of it
	props   *properties
	loops   loops // around it
}

// site finds the place where the holder takes a boundary. If its properties
// cannot take one, the holder is an escape.
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
	case !h.props.at(permissionsBoundary).Absent():
		s.kind, s.existing = siteValue, h.props.at(permissionsBoundary)
	}
	return s, true
}

func (in *inspector) resourceSite(r *resource) (site, bool) {
	return in.site(holder{id: in.id(r.id), typ: r.typ, object: r.Object, props: &r.props, loops: r.loops})
}

func (in *inspector) addSite(s site) { in.sites = append(in.sites, s) }

// ownBoundary binds a resource by its own property.
var ownBoundary = rule{reads: []property{permissionsBoundary}, find: func(in *inspector, r *resource) {
	if s, ok := in.resourceSite(r); ok {
		in.addSite(s)
	}
}}
