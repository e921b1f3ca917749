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

// is reports whether the value at n surely is this boundary, now and at every
// later deployment of the same template. Loops around it may replace the
// variables of a Fn::Sub.
func (v boundValue) is(n node, around loops) bool {
	if n.isString() {
		return !v.sub && n.text == v.text
	}
	name, argument := n.only()
	if name != "Fn::Sub" || !argument.isString() || around.vary(argument.text) {
		return false
	}
	if v.sub {
		return argument.text == v.text
	}
	text, ok := v.target.Resolve(argument.text)
	return ok && text == v.text
}
