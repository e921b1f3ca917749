package transform

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// Rewrite returns the text of a deployment's template with its roles bound, and
// without the macro in its section Transform. All other bytes stay. The result is
// verified. On failure the text is nil, and the report has the error.
func (m Macro) Rewrite(ctx context.Context, d Deployment) ([]byte, Report) {
	m.Store = &recall{Reader: m.Store, answers: map[boundary.Key]answer{}}
	req, edits, report := m.deploy(ctx, d)
	if report.Err != nil {
		report.Changes = nil
		return nil, report
	}
	out, err := m.rewrite(ctx, d, req, edits, report)
	if err != nil {
		report.Err, report.Changes = err, nil
		return nil, report
	}
	return out.Text(), report
}

// rewrite applies the edits of a request and verifies the result.
func (m Macro) rewrite(ctx context.Context, d Deployment, req *request, edits []template.Edit, report Report) (*template.Document, error) {
	out, fault, err := d.Template.Edited(edits)
	if fault != nil {
		return nil, &rules.Refusal{Findings: []rules.Finding{rules.NotEditable(d.Template, fault)}}
	}
	if err == nil {
		out, err = out.Without(req.macro)
	}
	switch {
	case errors.Is(err, template.ErrDefect):
		return nil, defective(err.Error())
	case err != nil || out.IsSame(d.Template):
		return out, err
	}
	return out, m.verify(ctx, d, req, report, out)
}

// defective returns the error for a result that fails its verification, which is a
// bug. The message must not repeat the template.
func defective(what string) error {
	return boundary.Problem{
		What:   "internal error: " + what + "; the result was discarded",
		Remedy: "report this as a bug with the version and the flags, without the template's content",
	}
}

// verify checks the result of a rewrite, independent of the edits. A second run must
// find that every role is bound as reported, and change nothing. The result may
// differ from the template only by the boundaries at sites, and by the macro in the
// section Transform.
func (m Macro) verify(ctx context.Context, d Deployment, req *request, first Report, out *template.Document) error {
	before := d.Template
	m.own, d.Template, d.Verdict = true, out, nil
	_, edits, second := m.deploy(ctx, d)
	switch {
	case second.Err != nil:
		return defective("the macro refuses the result")
	case len(edits) > 0 || !allKept(first.Changes, second.Changes):
		return defective("a role is not bound as reported")
	case !req.verdict.OnlyBinds(req.bound, before, out) || !template.SameEntries(before, out, req.macro):
		return defective("more than the boundaries changed")
	}
	return nil
}

// allKept reports whether a second run keeps the boundary of each resource that the
// first run reported. With merge keys, their order may differ.
func allKept(first, second []rules.Change) bool {
	byName := func(a, b rules.Change) int {
		return cmp.Or(cmp.Compare(a.LogicalID, b.LogicalID), cmp.Compare(a.Type, b.Type))
	}
	first, second = slices.SortedStableFunc(slices.Values(first), byName), slices.SortedStableFunc(slices.Values(second), byName)
	return slices.EqualFunc(first, second, func(a, b rules.Change) bool { return byName(a, b) == 0 && b.Action == rules.Kept })
}

// recall is a store that caches its answers, so that a verification uses the
// boundary that was written.
type recall struct {
	boundary.Reader
	answers map[boundary.Key]answer
}

type answer struct {
	record boundary.Record
	err    error
}

func (r *recall) Effective(ctx context.Context, key boundary.Key) (boundary.Record, error) {
	known, ok := r.answers[key]
	if !ok {
		known.record, known.err = r.Reader.Effective(ctx, key)
		r.answers[key] = known
	}
	return known.record, known.err
}
