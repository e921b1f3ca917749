// Package rules decides what to do with a CloudFormation template: where a boundary
// goes, and which roles escape it.
//
// [Read] collects what a template says, and [Inspect] applies the rules to it, after
// all of it has been read. The result is a [Verdict]: sites, which take the boundary
// of the stack, and a [Finding] for each escape and blind spot. [Verdict.Bind]
// returns the edits that set a [Boundary] at the sites, and [Verdict.OnlyBinds]
// verifies their result.
//
// A rule finds sites, escapes and blind spots in a resource; to bind a role is to
// set the boundary at its site. types.go is the table of resource types, and
// finding.go the table of findings, with all text for people.
//
// The package is pure. It knows no event, environment or store.
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

// NeedsBoundary reports whether the answer depends on the boundary, for a macro
// that refuses some of the blind spots or none.
func (v *Verdict) NeedsBoundary(refusesBlindSpots bool) bool {
	return len(v.Escapes) > 0 || refusesBlindSpots || v.hasSites()
}

func (v *Verdict) hasSites() bool {
	return len(v.sites) > 0 || slices.ContainsFunc(v.embedded, func(e embedded) bool { return e.verdict.hasSites() })
}

// Bind sets the boundary at every site. It returns the edits that do so and what
// happens to each resource, both in source order, and the sites that cannot be
// bound: for another boundary where existing is Reject, a loop variable in the
// boundary, or YAML that cannot be edited.
func (v *Verdict) Bind(b Boundary, existing Existing) (edits []template.Edit, changes []Change, conflicts []Finding) {
	b.verdict = v
	changes = make([]Change, 0, len(v.sites))
	edits, inherited, refused := v.bindGlobal(b, existing)
	for _, s := range v.sites {
		at := len(edits)
		change, conflict := inherited, refused
		if !v.inherits(s) {
			edits, change, conflict = s.bind(b, existing, edits)
		}
		if conflict != nil {
			f := *conflict
			f.LogicalID, f.Type, f.Offset = s.id, s.typ, s.offset
			f.Was, f.Certain = change.Was, change.Certain
			conflicts = append(conflicts, f)
			continue
		}
		for i := at; i < len(edits); i++ {
			edits[i].ID, edits[i].Type = s.id, s.typ
		}
		change.LogicalID, change.Type, change.Offset = s.id, s.typ, s.offset
		changes = append(changes, change)
	}
	for _, e := range v.embedded {
		inner, done, refused := e.bind(b.Portable(), existing)
		if len(inner) > 0 {
			edits = append(edits, v.requoted(e, inner))
		}
		for _, c := range done {
			c.Inside = Inside{e.doc, c.Offset}
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
func (v *Verdict) inherits(s site) bool { return s.inherits && v.global != nil }

// bindGlobal binds Globals.Function if a function inherits from it. The change
// and the conflict apply to each of those functions.
func (v *Verdict) bindGlobal(b Boundary, existing Existing) ([]template.Edit, Change, *Finding) {
	edits := make([]template.Edit, 0, len(v.sites))
	if !slices.ContainsFunc(v.sites, v.inherits) {
		return edits, Change{}, nil
	}
	edits, change, conflict := v.global.bind(b, existing, edits)
	for i := range edits {
		edits[i].ID, edits[i].Type = v.global.id, v.global.typ
	}
	if conflict != nil && conflict.Code == CodeConflict {
		conflict.Code = CodeGlobalConflict
	}
	change.Inherited = true
	return edits, change, conflict
}
