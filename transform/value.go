package transform

import (
	"slices"

	"permissions-boundary-macro/boundary"
)

// boundValue is a boundary as it is written into one template.
type boundValue struct {
	json   []byte // the value of PermissionsBoundary
	text   string // the ARN, or the text of its Fn::Sub
	sub    bool   // json is a Fn::Sub
	target boundary.Target
	value  boundary.Value

	plan       *plan           // of the template
	parameters map[string]node // templateParameterValues, where the template's are known
}

// literal is the boundary of the stack's own roles: an ARN spelled out.
func literal(v boundary.Value, t boundary.Target, parameters map[string]node) (boundValue, error) {
	arn, err := v.Resolve(t)
	if err != nil {
		return boundValue{}, err
	}
	return boundValue{json: quote(arn), text: arn, target: t, value: v, parameters: parameters}, nil
}

// portable is the boundary of roles that a StackSet creates in other accounts.
func (v boundValue) portable() boundValue {
	text := v.value.Portable()
	json := slices.Concat([]byte(`{"Fn::Sub":`), quote(text), []byte(`}`))
	return boundValue{json: json, text: text, sub: true, value: v.value}
}

// is reports whether a value is certain to be this boundary, now and at every
// later deployment of the same template.
func (v boundValue) is(texts []string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool {
		resolved, ok := text, true
		if !v.sub {
			resolved, ok = v.target.Resolve(text)
		}
		return !ok || resolved != v.text
	})
}
