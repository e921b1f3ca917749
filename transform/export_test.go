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
func (m Macro) Edits(ctx context.Context, event []byte, t *Template) []TextEdit {
	req, edits, _ := m.decide(ctx, event)
	for i := range edits {
		edits[i].move(-req.plan.fragment.start)
	}
	texts, _ := t.textEdits(edits)
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
func (m Macro) RewriteShifted(ctx context.Context, event []byte, t *Template, by int) ([]byte, error) {
	req, edits, report := m.decide(ctx, event)
	for i := range edits {
		edits[i].move(by)
	}
	out, err := m.rewrite(ctx, event, req, edits, report, t)
	if err != nil {
		return nil, err
	}
	return out.src, nil
}

// Verify is the verification of a result that may come from anywhere.
func (m Macro) Verify(ctx context.Context, event []byte, t *Template, result []byte) error {
	out, err := ParseTemplate(result)
	if err != nil {
		return err
	}
	req, _, report := m.decide(ctx, event)
	return m.verify(ctx, event, req, report, t, out)
}
