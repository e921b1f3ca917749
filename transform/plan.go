package transform

import (
	"cmp"
	"slices"
)

// plan is what the walk of a template found: where a boundary goes, and what
// stands in the way. It does not know the boundary yet, so that no value is
// looked up for a template that needs none.
type plan struct {
	src      []byte
	fragment span

	sites    []site     // in source order, once finished
	embedded []embedded // in source order
	escapes  []Finding  // in source order, once finished
	blind    []Finding

	metadata    span      // the section, absent where there is none
	misplaced   misplaced // zero where no resource's Metadata are misused
	oneResource bool      // the fragment is a resource, and so are its Metadata

	// Sections of the template, absent where it has none.
	mappings, parameters, transform span
	facts                           *facts // nil until somebody asks for certainty
}

// site is a place that takes a boundary.
type site struct {
	id, typ  string
	offset   int    // of the resource or event that it is of
	into     object // the properties, or the resource when it has none
	kind     siteKind
	existing span // absent, unless kind is siteValue
	loops    loops
	// inherits is set on a function that has no boundary of its own, and would
	// get the one in Globals.
	inherits bool
	// unneeded is set where SAM makes no role, for one is given.
	unneeded bool
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

// insertion is where a further member goes: first, so that the difference is
// one line more in a template that has a line for each member.
func (o object) insertion() int { return o.start + 1 }

// embedded is a template inside of a string: TemplateBody of a StackSet.
type embedded struct {
	span // of the string
	id   string
	mark int // bytes of the byte order mark that the template begins with
	plan *plan
	yaml *yamlText // nil when it is JSON
}

// needsBoundary reports whether the boundary makes a difference to the answer.
func (p *plan) needsBoundary(o Options) bool {
	return len(p.escapes) > 0 || o.BlindSpots == RejectBlindSpots && len(p.blind) > 0 || p.hasSites()
}

func (p *plan) hasSites() bool {
	return len(p.sites) > 0 || slices.ContainsFunc(p.embedded, func(e embedded) bool { return e.plan.hasSites() })
}

// bind puts the boundary at every site. It returns the edits that do so, in
// source order, and what was done to each resource.
func (p *plan) bind(v boundValue, existing Existing) ([]edit, []Change, []Finding) {
	v.plan = p
	var (
		edits     = make([]edit, 0, len(p.sites))
		changes   = make([]Change, 0, len(p.sites))
		conflicts []Finding
	)
	for _, s := range p.sites {
		found, action, conflict := s.bind(v, existing, edits)
		if conflict != nil {
			conflicts = append(conflicts, *conflict)
			continue
		}
		for i := len(edits); i < len(found); i++ {
			found[i].id, found[i].typ = s.id, s.typ
		}
		edits = found
		changes = append(changes, Change{LogicalID: s.id, Type: s.typ, Action: action, Offset: s.offset})
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

// bind adds the site's edits to others.
func (s *site) bind(v boundValue, existing Existing, edits []edit) ([]edit, Action, *Finding) {
	if v.sub && s.loops.vary(v.text) {
		return edits, "", &Finding{
			LogicalID: s.id, Type: s.typ,
			Reason: "is in a loop whose variable may be one of " + v.text,
			Remedy: "give the loop another identifier",
			Offset: s.offset,
		}
	}
	e := edit{start: s.into.insertion(), end: s.into.insertion(), into: s.into, boundary: v.json}
	switch {
	case s.kind == siteValue:
		found, action, conflict := s.judge(v, existing)
		return append(edits, found...), action, conflict
	case s.kind == siteProperties:
		e.piece = propertiesMember
	case s.kind == siteNull:
		e.piece, e.start, e.end = propertiesValue, s.into.start, s.into.end
	case s.inherits && existing == Keep:
		return edits, Kept, nil
	default:
		e.piece = boundaryMember
	}
	return append(edits, e), Added, nil
}
