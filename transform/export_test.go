package transform

import (
	"context"

	"permissions-boundary-macro/transform/template"
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
	texts, _ := d.Template.Edits(edits)
	var all []TextEdit
	for _, e := range texts {
		all = append(all, TextEdit{e.Start, e.End, e.Text})
	}
	return all
}

// RewriteShifted is Rewrite with a defect: its edits are off by some bytes.
func (m Macro) RewriteShifted(ctx context.Context, d Deployment, by int) ([]byte, error) {
	req, edits, report := m.deploy(ctx, d)
	for i := range edits {
		move(&edits[i], by)
	}
	out, err := m.rewrite(ctx, d, req, edits, report)
	if err != nil {
		return nil, err
	}
	return out.Text(), nil
}

// move shifts what an edit says about its source.
func move(e *template.Edit, by int) {
	e.Start += by
	e.End += by
	for _, s := range []*template.Span{&e.Into.Span, &e.Into.FirstName, &e.Into.FirstValue} {
		if !s.Absent() {
			s.Start += by
			s.End += by
		}
	}
}

// Verify is the verification of a result that may come from anywhere.
func (m Macro) Verify(ctx context.Context, d Deployment, result []byte) error {
	out, err := template.Parse(result)
	if err != nil {
		return err
	}
	req, _, report := m.deploy(ctx, d)
	return m.verify(ctx, d, req, report, out)
}
