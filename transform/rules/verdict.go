package rules

import (
	"cmp"
	"slices"

	"permissions-boundary-macro/transform/template"
)

// Verdict is what the rules say about a template: where a boundary goes, and what
// stands in the way. It does not depend on the boundary, so that no value is
// looked up for a template that needs none.
type Verdict struct {
	Contents
	sites    []site     // in source order
	global   *site      // Globals.Function, nil if it sets no boundary
	embedded []embedded // in source order

	policies map[string]*managedPolicy // by logical ID
	facts    *facts                    // nil until certainty is first asked for
}

// NeedsBoundary reports whether the answer depends on the boundary.
func (p *Verdict) NeedsBoundary(refusesBlindSpots bool) bool {
	return len(p.Escapes) > 0 || refusesBlindSpots && len(p.Blind) > 0 || p.hasSites()
}

func (p *Verdict) hasSites() bool {
	return len(p.sites) > 0 || slices.ContainsFunc(p.embedded, func(e embedded) bool { return e.verdict.hasSites() })
}

// Bind sets the boundary at every site. It returns the edits that do so and what
// happens to each resource, both in source order, and the boundaries that differ
// where existing is Reject.
func (p *Verdict) Bind(v Boundary, existing Existing) (edits []template.Edit, changes []Change, conflicts []Finding) {
	v.verdict = p
	changes = make([]Change, 0, len(p.sites))
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
			conflicts = append(conflicts, e.outer(f))
		}
	}
	slices.SortStableFunc(edits, func(a, b template.Edit) int { return cmp.Compare(a.Start, b.Start) })
	return edits, changes, conflicts
}

// inherits reports whether a site takes its boundary from Globals.
func (p *Verdict) inherits(s site) bool { return s.inherits && p.global != nil }

// bindGlobal binds Globals.Function if a function inherits from it. The change
// and the conflict apply to each of those functions.
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
