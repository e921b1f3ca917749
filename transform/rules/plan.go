package rules

import (
	"cmp"
	"slices"

	"permissions-boundary-macro/transform/template"
)

// Verdict is what the rules say about a template: where a boundary goes, and what
// stands in the way. It does not know the boundary yet, so that no value is
// looked up for a template that needs none.
type Verdict struct {
	Contents
	sites    []site     // in source order
	global   *site      // Globals.Function, nil when it gives functions no boundary
	embedded []embedded // in source order

	policies map[string]*managedPolicy // of the template, by logical ID
	facts    *facts                    // nil until somebody asks for certainty
}

// site is a place that takes a boundary.
type site struct {
	id, typ  string
	offset   int             // of the resource or event that it is of
	into     template.Object // the properties, or the resource when it has none
	kind     siteKind
	existing template.Span // absent, unless kind is siteValue
	loops    loops
	// inherits is set on a function that has no boundary of its own, and takes
	// the one in Globals if there is one.
	inherits bool
}

type siteKind int

const (
	siteMember     siteKind = iota // insert the member PermissionsBoundary
	siteProperties                 // insert the member Properties
	siteNull                       // replace a Properties that stands for none
	siteValue                      // judge the existing value
)

// at is where a site's edits begin.
func (s *site) at() int {
	switch s.kind {
	case siteValue:
		return s.existing.Start
	case siteNull:
		return s.into.Start
	}
	return s.into.Insertion()
}

// embedded is a template inside of a string: TemplateBody of a StackSet or a
// change set.
type embedded struct {
	template.Span // of the string
	id, typ       string
	model         permissionModel
	mark          int // bytes of the byte order mark that the template begins with
	doc           *template.Document
	plan          *Verdict
}

// NeedsBoundary reports whether the boundary makes a difference to the answer.
func (p *Verdict) NeedsBoundary(refusesBlindSpots bool) bool {
	return len(p.Escapes) > 0 || refusesBlindSpots && len(p.Blind) > 0 || p.hasSites()
}

func (p *Verdict) hasSites() bool {
	return len(p.sites) > 0 || slices.ContainsFunc(p.embedded, func(e embedded) bool { return e.plan.hasSites() })
}

// Bind puts the boundary at every site. It returns the edits that do so, in
// source order, and what was done to each resource.
func (p *Verdict) Bind(v Boundary, existing Existing) ([]template.Edit, []Change, []Finding) {
	v.plan = p
	var conflicts []Finding
	changes := make([]Change, 0, len(p.sites))
	edits, inherited, refused := p.bindGlobal(v, existing)
	for _, s := range p.sites {
		at := len(edits)
		change, conflict := inherited, refused
		if !p.inherits(s) {
			edits, change, conflict = s.bind(v, existing, edits)
		}
		if conflict != nil {
			f := *conflict
			f.LogicalID, f.Type, f.Offset = s.id, s.typ, s.offset
			conflicts = append(conflicts, f)
			continue
		}
		for i := at; i < len(edits); i++ {
			edits[i].ID, edits[i].Type = s.id, s.typ
		}
		change.LogicalID, change.Type, change.Offset = s.id, s.typ, s.offset
		changes = append(changes, change)
	}
	for _, e := range p.embedded {
		inner, done, refused := e.bind(v.Portable(), existing)
		if len(inner) > 0 {
			edits = append(edits, p.requoted(e, inner))
		}
		for _, c := range done {
			c.Offset = e.Start
			changes = append(changes, c)
		}
		for _, f := range refused {
			conflicts = append(conflicts, e.found(f))
		}
	}
	slices.SortStableFunc(edits, func(a, b template.Edit) int { return cmp.Compare(a.Start, b.Start) })
	return edits, changes, conflicts
}

// inherits reports whether Globals give a site its boundary.
func (p *Verdict) inherits(s site) bool { return s.inherits && p.global != nil }

// bindGlobal binds what Globals give to functions, as long as there are any
// that take it. What is done to it is done to each of them.
func (p *Verdict) bindGlobal(v Boundary, existing Existing) ([]template.Edit, Change, *Finding) {
	edits := make([]template.Edit, 0, len(p.sites))
	if !slices.ContainsFunc(p.sites, p.inherits) {
		return edits, Change{}, nil
	}
	edits, change, conflict := p.global.bind(v, existing, edits)
	for i := range edits {
		edits[i].ID, edits[i].Type = p.global.id, p.global.typ
	}
	if conflict != nil && conflict.Code == CodeConflict {
		conflict.Code = CodeGlobalConflict
	}
	change.Inherited = true
	return edits, change, conflict
}

// bind adds the site's edits to others.
func (s *site) bind(v Boundary, existing Existing, edits []template.Edit) ([]template.Edit, Change, *Finding) {
	if v.sub && s.loops.vary(v.Text) {
		return edits, Change{}, &Finding{Code: codeVariableInBoundary, Names: []string{v.Text}}
	}
	e := template.Edit{Start: s.into.Insertion(), End: s.into.Insertion(), Into: s.into, Boundary: v.json}
	switch {
	case s.kind == siteValue:
		found, change, conflict := s.judge(v, existing)
		return append(edits, found...), change, conflict
	case s.kind == siteProperties:
		e.Piece = template.PropertiesMember
	case s.kind == siteNull:
		e.Piece, e.Start, e.End = template.PropertiesValue, s.into.Start, s.into.End
	default:
		e.Piece = template.BoundaryMember
	}
	return append(edits, e), Change{Action: Added}, nil
}
