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
	*facts
	loops      loops
	parameters map[string]node // templateParameterValues, where the template's are known
}

// facts are what a template says that values refer to.
type facts struct {
	declared map[string]bool // parameters, and whether their values are never empty
	mappings mappings
}

// certainty is what the template says, in loops. It must be read by now.
func (p *plan) certainty(around loops, parameters map[string]node) certainty {
	if p.facts == nil {
		p.facts = &facts{map[string]bool{}, mappingsOf(parse(p.src, p.mappings))}
		for name, parameter := range parse(p.src, p.parameters).byName() {
			p.facts.declared[name] = isNeverEmpty(parameter)
		}
	}
	return certainty{p.facts, around, parameters}
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
func (c certainty) surelyYields(n node) bool { return !mayHoldNoValue(n) && c.surelySome(n) }

// surelySome is surelyYields of a value without AWS::NoValue.
func (c certainty) surelySome(n node) bool {
	if n.isString() {
		return n.text != "" && !(c.loops.vary(n.text) && c.loops.couldBe(n.text, ""))
	}
	switch name, argument := n.only(); name {
	case "Fn::Base64", "Fn::If", "Fn::Transform":
		return false
	case "Ref":
		return c.surelyRefers(argument.text)
	case "Fn::Sub":
		return c.surelySubstitutes(argument)
	case "Fn::Join":
		return len(argument.elements) == 2 && slices.ContainsFunc(argument.elements[1].elements, c.surelySome)
	case "Fn::Select":
		return len(argument.elements) == 2 && argument.elements[1].isArray() && !slices.ContainsFunc(argument.elements[1].elements, c.mayBeNothing)
	case "Fn::FindInMap":
		return c.surelyFinds(argument.elements)
	default:
		return strings.HasPrefix(name, "Fn::") && !c.loops.vary(name)
	}
}

func (c certainty) mayBeNothing(n node) bool { return !c.surelySome(n) }

// surelyBranches reports whether a value surely yields, or both branches of a
// Fn::If do.
func (c certainty) surelyBranches(n node) bool {
	name, argument := n.only()
	if name != "Fn::If" || len(argument.elements) != 3 {
		return c.surelyYields(n)
	}
	return c.surelyBranches(argument.elements[1]) && c.surelyBranches(argument.elements[2])
}

// surelyGiven is surelyBranches of a value that may be an object.
func (c certainty) surelyGiven(n node) bool {
	name, argument := n.only()
	switch {
	case name == "Fn::If" && len(argument.elements) == 3:
		return c.surelyGiven(argument.elements[1]) && c.surelyGiven(argument.elements[2])
	case n.isObject() && name != "Ref" && !strings.HasPrefix(name, "Fn::"):
		return len(n.members) > 0 && !mayHoldNoValue(n)
	}
	return c.surelyYields(n)
}

// surelyRefers judges what a Ref refers to: a parameter, or a resource, whose ID
// is never empty; and whatever it is, what may be the variable of a loop may
// take each of its values.
func (c certainty) surelyRefers(name string) bool {
	if of := c.loops.seen().named(name); of != nil {
		values, known := (&variable{of: of}).values()
		if !known || slices.Contains(values, "") {
			return false
		}
	}
	if value, known := c.parameters[name]; known {
		return !value.isEmpty()
	}
	someText, declared := c.declared[name]
	return !declared || someText
}

var subVariable = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// maxSubVariables is how many variables of a Fn::Sub are looked at. A boundary
// has a few.
const maxSubVariables = 50

// surelySubstitutes judges a Fn::Sub: some of its text, or one of its variables,
// is surely not empty.
func (c certainty) surelySubstitutes(argument node) bool {
	text, given := argument, node{}
	if len(argument.elements) == 2 {
		text, given = argument.elements[0], argument.elements[1]
	}
	switch {
	case !text.isString():
		return false
	case c.loops.seen().vary(text.text):
		// What the loop puts in may make variables. What is before stays.
		return strings.IndexAny(text.text, partsOfVariable) > 0 || c.surelySome(text)
	case subVariable.ReplaceAllString(text.text, "") != "":
		return true
	case slices.ContainsFunc(given.members, func(m member) bool { return c.loops.vary(m.name) || strings.HasPrefix(m.name, "Fn::") }):
		return false
	}
	return slices.ContainsFunc(subVariable.FindAllStringSubmatch(text.text, maxSubVariables), func(variable []string) bool {
		if value := given.get(variable[1]); value.kind != jsontext.KindInvalid {
			return c.surelySome(value)
		}
		return c.surelyRefers(variable[1])
	})
}

// surelyFinds judges a Fn::FindInMap by all values that its keys may lead to,
// and its default.
func (c certainty) surelyFinds(argument []node) bool {
	if len(argument) < 3 || !argument[0].isString() || c.loops.vary(argument[0].text) {
		return false
	}
	hasDefault := len(argument) > 3
	if hasDefault && !c.surelySome(argument[3].get("DefaultValue")) {
		return false
	}
	sure, found := c.mappings.of(argument[0].text)[lookup{c.key(argument[1]), c.key(argument[2])}]
	return sure || hasDefault && !found
}

// key is what a node says about a key of a mapping.
func (c certainty) key(n node) key {
	if !n.isString() || c.loops.vary(n.text) {
		return key{any: true}
	}
	return key{name: n.text}
}

// mayHoldNoValue reports whether AWS::NoValue may stand somewhere in a value, or
// in a text of it, where it is an empty one. A Ref made of a loop variable may
// become it.
func mayHoldNoValue(n node) bool {
	for _, m := range n.members {
		refers := m.name == "Ref" && (m.value.text == "AWS::NoValue" || strings.ContainsAny(m.value.text, "$&{") || !m.value.isString())
		if refers || strings.HasPrefix(m.name, foreachPrefix) || mayHoldNoValue(m.value) {
			return true
		}
	}
	return strings.Contains(n.text, "${AWS::NoValue}") || slices.ContainsFunc(n.elements, mayHoldNoValue)
}
