package rules

import (
	"slices"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform/template"
)

// Boundary is a boundary as it is written into one template.
type Boundary struct {
	Text string // the ARN, or the text of its Fn::Sub

	json   []byte // the value of PermissionsBoundary
	sub    bool   // json is a Fn::Sub
	target boundary.Target
	value  boundary.Value

	verdict    *Verdict                 // on the template
	parameters map[string]template.Node // templateParameterValues, if they are known
}

// BoundaryOf returns the boundary for a stack's own roles: the ARN of a value in
// an account and Region. Parameters are the present values of the template
// parameters, or nil if they are not known.
func BoundaryOf(v boundary.Value, t boundary.Target, parameters map[string]template.Node) (Boundary, error) {
	arn, err := v.Resolve(t)
	if err != nil {
		return Boundary{}, err
	}
	return Boundary{json: template.Quote(arn), Text: arn, target: t, value: v, parameters: parameters}, nil
}

// Portable returns the boundary for roles in other accounts: a Fn::Sub that yields
// the ARN in whichever account the template is deployed to.
func (b Boundary) Portable() Boundary {
	text := b.value.Portable()
	json := slices.Concat([]byte(`{"Fn::Sub":`), template.Quote(text), []byte(`}`))
	return Boundary{json: json, Text: text, sub: true, value: b.value}
}

// is reports whether a value that can become these texts is certain to be this
// boundary, in this and every later deployment of the template.
func (b Boundary) is(texts []string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool {
		resolved, ok := text, true
		if !b.sub {
			resolved, ok = b.target.Resolve(text)
		}
		return !ok || resolved != b.Text
	})
}

// isWritten reports whether a value is the boundary as edits write it.
func (b Boundary) isWritten(n template.Node) bool {
	if !b.sub {
		return n.IsString() && n.Text == b.Text
	}
	name, argument := n.Only()
	return name == "Fn::Sub" && argument.IsString() && argument.Text == b.Text
}
