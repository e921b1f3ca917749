package transform

import (
	"context"
	"slices"
)

// TextEdit is an edit of a template's text, for tests.
type TextEdit struct {
	Start, End int
	Text       string
}

// Edits are those that Rewrite makes of the text, apart from the macro in
// Transform.
func (m Macro) Edits(ctx context.Context, d Deployment) []TextEdit {
	_, edits, _ := m.deploy(ctx, d)
	texts, _ := d.Template.edits(edits)
	var all []TextEdit
	for _, e := range texts {
		all = append(all, TextEdit{e.start, e.end, e.text})
	}
	return all
}

// Ruled are the resource types that have a rule.
func Ruled() []string { return slices.Clone(ruled) }

// RolelessServerless are the types of SAM that create no role.
func RolelessServerless() []string { return slices.Clone(rolelessServerless) }

// RewriteShifted is Rewrite with a defect: its edits are off by some bytes.
func (m Macro) RewriteShifted(ctx context.Context, d Deployment, by int) ([]byte, error) {
	req, edits, report := m.deploy(ctx, d)
	for i := range edits {
		edits[i].move(by)
	}
	out, err := m.rewrite(ctx, d, req, edits, report)
	if err != nil {
		return nil, err
	}
	return out.Text(), nil
}

// move shifts what an edit says about its source.
func (e *edit) move(by int) {
	e.start += by
	e.end += by
	for _, s := range []*span{&e.into.span, &e.into.firstName, &e.into.firstValue} {
		if !s.absent() {
			s.start += by
			s.end += by
		}
	}
}

// Verify is the verification of a result that may come from anywhere.
func (m Macro) Verify(ctx context.Context, d Deployment, result []byte) error {
	out, err := ParseTemplate(result)
	if err != nil {
		return err
	}
	req, _, report := m.deploy(ctx, d)
	return m.verify(ctx, d, req, report, out)
}
