package rules

import (
	"slices"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform/template"
)

// Boundary is a boundary as it is written into one template.
type Boundary struct {
	json   []byte // the value of PermissionsBoundary
	Text   string // the ARN, or the text of its Fn::Sub
	sub    bool   // json is a Fn::Sub
	target boundary.Target
	value  boundary.Value

	plan       *Verdict                 // of the template
	parameters map[string]template.Node // templateParameterValues, where the template's are known
}

// BoundaryOf is the boundary of the stack's own roles: an ARN spelled out.
func BoundaryOf(v boundary.Value, t boundary.Target, parameters map[string]template.Node) (Boundary, error) {
	arn, err := v.Resolve(t)
	if err != nil {
		return Boundary{}, err
	}
	return Boundary{json: template.Quote(arn), Text: arn, target: t, value: v, parameters: parameters}, nil
}

// Portable is the boundary of roles that a StackSet creates in other accounts.
func (v Boundary) Portable() Boundary {
	text := v.value.Portable()
	json := slices.Concat([]byte(`{"Fn::Sub":`), template.Quote(text), []byte(`}`))
	return Boundary{json: json, Text: text, sub: true, value: v.value}
}

// is reports whether a value is certain to be this boundary, now and at every
// later deployment of the same template.
func (v Boundary) is(texts []string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool {
		resolved, ok := text, true
		if !v.sub {
			resolved, ok = v.target.Resolve(text)
		}
		return !ok || resolved != v.Text
	})
}
