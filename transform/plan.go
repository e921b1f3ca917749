package transform

import (
	"cmp"
	"slices"
)

// plan is what the rules say about a template: where a boundary goes, and what
// stands in the way. It does not know the boundary yet, so that no value is
// looked up for a template that needs none.
type plan struct {
	contents
	sites    []site     // in source order
	global   *site      // Globals.Function, nil when it gives functions no boundary
	embedded []embedded // in source order

	policies map[string]*managedPolicy // of the template, by logical ID
	facts    *facts                    // nil until somebody asks for certainty
}

// site is a place that takes a boundary.
type site struct {
	id, typ  string
	offset   int    // of the resource or event that it is of
	into     object // the properties, or the resource when it has none
	kind     siteKind
	existing span // absent, unless kind is siteValue
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
		return s.existing.start
	case siteNull:
		return s.into.start
	}
	return s.into.insertion()
}

// embedded is a template inside of a string: TemplateBody of a StackSet or a
// change set.
type embedded struct {
	span    // of the string
	id, typ string
	model   permissionModel
	mark    int // bytes of the byte order mark that the template begins with
	doc     *Template
	plan    *plan
}

// needsBoundary reports whether the boundary makes a difference to the answer.
func (p *plan) needsBoundary(refusesBlindSpots bool) bool {
	return len(p.escapes) > 0 || refusesBlindSpots && len(p.blind) > 0 || p.hasSites()
}

func (p *plan) hasSites() bool {
	return len(p.sites) > 0 || slices.ContainsFunc(p.embedded, func(e embedded) bool { return e.plan.hasSites() })
}

// bind puts the boundary at every site. It returns the edits that do so, in
// source order, and what was done to each resource.
func (p *plan) bind(v boundValue, existing Existing) ([]edit, []Change, []Finding) {
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
			edits[i].id, edits[i].typ = s.id, s.typ
		}
		change.LogicalID, change.Type, change.Offset = s.id, s.typ, s.offset
		changes = append(changes, change)
	}
	for _, e := range p.embedded {
		inner, done, refused := e.bind(v.portable(), existing)
		if len(inner) > 0 {
			edits = append(edits, p.requoted(e, inner))
		}
		for _, c := range done {
			c.Offset = e.start
			changes = append(changes, c)
		}
		for _, f := range refused {
			conflicts = append(conflicts, e.found(f))
		}
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	return edits, changes, conflicts
}

// inherits reports whether Globals give a site its boundary.
func (p *plan) inherits(s site) bool { return s.inherits && p.global != nil }

// bindGlobal binds what Globals give to functions, as long as there are any
// that take it. What is done to it is done to each of them.
func (p *plan) bindGlobal(v boundValue, existing Existing) ([]edit, Change, *Finding) {
	edits := make([]edit, 0, len(p.sites))
	if !slices.ContainsFunc(p.sites, p.inherits) {
		return edits, Change{}, nil
	}
	edits, change, conflict := p.global.bind(v, existing, edits)
	for i := range edits {
		edits[i].id, edits[i].typ = p.global.id, p.global.typ
	}
	if conflict != nil && conflict.Code == CodeConflict {
		conflict.Code = CodeGlobalConflict
	}
	change.Inherited = true
	return edits, change, conflict
}

// bind adds the site's edits to others.
func (s *site) bind(v boundValue, existing Existing, edits []edit) ([]edit, Change, *Finding) {
	if v.sub && s.loops.vary(v.text) {
		return edits, Change{}, &Finding{Code: codeVariableInBoundary, Names: []string{v.text}}
	}
	e := edit{start: s.into.insertion(), end: s.into.insertion(), into: s.into, boundary: v.json}
	switch {
	case s.kind == siteValue:
		found, change, conflict := s.judge(v, existing)
		return append(edits, found...), change, conflict
	case s.kind == siteProperties:
		e.piece = propertiesMember
	case s.kind == siteNull:
		e.piece, e.start, e.end = propertiesValue, s.into.start, s.into.end
	default:
		e.piece = boundaryMember
	}
	return append(edits, e), Change{Action: Added}, nil
}
