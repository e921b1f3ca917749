package transform

import (
	"slices"
	"strings"

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
// later deployment of the same template.
func (v boundValue) is(n node, around loops) bool {
	if n.isString() {
		return !v.sub && n.text == v.text
	}
	if n.end-n.start > maxWritten {
		return false
	}
	text, ok := written(n, around)
	if ok && !v.sub {
		text, ok = v.target.Resolve(text)
	}
	return ok && text == v.text
}

// maxWritten is more than any ARN takes that is written as a function, in bytes.
const maxWritten = 8 << 10

// written is the text that a value makes of texts and AWS's own variables, as
// the text of a Fn::Sub. A Fn::Join of them is what the CDK writes. Loops around
// it may replace the variables.
func written(n node, around loops) (text string, ok bool) {
	if n.isString() {
		return n.text, !strings.ContainsAny(n.text, partsOfVariable)
	}
	switch name, argument := n.only(); name {
	case "Ref":
		text = "${" + argument.text + "}"
		return text, strings.HasPrefix(argument.text, "AWS::") && !around.vary(text)
	case "Fn::Sub":
		return argument.text, argument.isString() && !around.vary(argument.text)
	case "Fn::Join":
		return writtenJoin(argument.elements, around)
	}
	return "", false
}

func writtenJoin(argument []node, around loops) (text string, ok bool) {
	if len(argument) != 2 || !argument[0].isString() || !argument[1].isArray() {
		return "", false
	}
	var parts []string
	for _, element := range argument[1].elements {
		part, ok := written(element, around)
		if !ok {
			return "", false
		}
		parts = append(parts, part)
	}
	text = strings.Join(parts, argument[0].text)
	return text, !strings.ContainsAny(argument[0].text, partsOfVariable)
}
