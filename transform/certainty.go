package transform

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// certainty is what is known around a value, to tell whether the value surely
// is one when the stack is deployed.
type certainty struct {
	loops      loops
	parameters map[string]node // templateParameterValues, where the template's are known
	declared   node            // the section Parameters, where they are not
	mappings   node            // the section Mappings
}

// yieldsNothing reports whether a value surely leaves the property away.
func yieldsNothing(n node) bool {
	return n.isNull() || n.isEmpty() || n.isObject() && len(n.members) == 0 || isNoValue(n)
}

// isNoValue reports whether n is {"Ref": "AWS::NoValue"}, which removes the
// property that it is the value of.
func isNoValue(n node) bool {
	name, argument := n.only()
	return name == "Ref" && argument.isString() && argument.text == "AWS::NoValue"
}

// surelyYields reports whether a value that is no Fn::If surely is one, and not
// an empty text, when the stack is deployed. AWS::NoValue takes a property
// away; where it stands inside of another function, such as the default of
// Fn::FindInMap, nobody can tell.
func (c certainty) surelyYields(n node) bool {
	if n.isString() {
		return n.text != "" && !(c.loops.vary(n.text) && c.loops.couldBe(n.text, ""))
	}
	if mayHoldNoValue(n) {
		return false
	}
	switch name, argument := n.only(); name {
	case "Fn::If", "Fn::Transform":
		return false
	case "Ref":
		return c.surelyRefers(argument.text)
	case "Fn::Sub":
		return c.surelySubstitutes(argument)
	case "Fn::Join":
		return len(argument.elements) == 2 && slices.ContainsFunc(argument.elements[1].elements, c.surelyYields)
	case "Fn::Select":
		return len(argument.elements) == 2 && argument.elements[1].isArray() && !slices.ContainsFunc(argument.elements[1].elements, c.mayBeNothing)
	case "Fn::FindInMap":
		return c.surelyFinds(argument.elements)
	default:
		return strings.HasPrefix(name, "Fn::")
	}
}

func (c certainty) mayBeNothing(n node) bool { return !c.surelyYields(n) }

// surelyBranches reports whether both branches of a Fn::If surely yield.
func (c certainty) surelyBranches(n node) bool {
	name, argument := n.only()
	if name != "Fn::If" || len(argument.elements) != 3 {
		return false
	}
	return !slices.ContainsFunc(argument.elements[1:], func(b node) bool { return !c.surelyYields(b) && !c.surelyBranches(b) })
}

// surelyRefers judges what a Ref refers to: a loop variable, a parameter, or a
// resource, whose ID is never empty.
func (c certainty) surelyRefers(name string) bool {
	if l := c.loops.named(name); l != nil {
		return l.known && !slices.Contains(l.items, "")
	}
	if value, known := c.parameters[name]; known {
		return !value.isEmpty()
	}
	return c.declared.get(name).kind == jsontext.KindInvalid
}

var subVariable = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// surelySubstitutes judges a Fn::Sub: some of its text, or one of its variables,
// is surely not empty.
func (c certainty) surelySubstitutes(argument node) bool {
	text, variables := argument, node{}
	if len(argument.elements) == 2 {
		text, variables = argument.elements[0], argument.elements[1]
	}
	if !text.isString() {
		return false
	}
	if subVariable.ReplaceAllString(text.text, "") != "" {
		return true
	}
	return slices.ContainsFunc(subVariable.FindAllStringSubmatch(text.text, -1), func(variable []string) bool {
		if given := variables.get(variable[1]); given.kind != jsontext.KindInvalid {
			return c.surelyYields(given)
		}
		return c.surelyRefers(variable[1])
	})
}

// surelyFinds judges a Fn::FindInMap by all values that its keys may lead to,
// and its default.
func (c certainty) surelyFinds(argument []node) bool {
	if len(argument) < 3 || !argument[0].isString() {
		return false
	}
	if len(argument) > 3 && !c.surelyYields(argument[3].get("DefaultValue")) {
		return false
	}
	for _, top := range c.mappings.get(argument[0].text).at(argument[1]) {
		for _, value := range top.at(argument[2]) {
			if !c.surelyYields(value) {
				return false
			}
		}
	}
	return true
}

// at returns the values of an object that a key leads to: one if it is spelled
// out, all if it is not.
func (n node) at(key node) []node {
	var values []node
	for _, m := range n.members {
		if !key.isString() || m.name == key.text {
			values = append(values, m.value)
		}
	}
	return values
}

// mayHoldNoValue reports whether AWS::NoValue may stand somewhere in a value. A
// Ref made of a loop variable may become it.
func mayHoldNoValue(n node) bool {
	if name, argument := n.only(); name == "Ref" && (argument.text == "AWS::NoValue" || strings.ContainsAny(argument.text, "$&{") || !argument.isString()) {
		return true
	}
	for _, m := range n.members {
		if strings.HasPrefix(m.name, foreachPrefix) || mayHoldNoValue(m.value) {
			return true
		}
	}
	return slices.ContainsFunc(n.elements, mayHoldNoValue)
}
