package rules

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform/template"
)

// What becomes of a value when the template is deployed: each question is asked
// here once. The texts of a value are worked out by certainty.

// isNoValue reports whether a value is {"Ref": "AWS::NoValue"}, which removes the
// property.
func isNoValue(n template.Node) bool {
	name, argument := n.Only()
	return name == "Ref" && argument.IsString() && argument.Text == "AWS::NoValue"
}

// yieldsNothing reports whether a value is certain to remove the property, or to
// be empty.
func yieldsNothing(n template.Node) bool {
	return n.IsNull() || n.IsEmpty() || n.IsObject() && len(n.Members) == 0 || isNoValue(n)
}

// mayRemove reports whether a value may remove the property: AWS::NoValue may be
// somewhere in it, or in a text of it, where the template does not tell what
// becomes of the rest. A Ref made of a loop variable and an unknown function may
// become it.
func mayRemove(n template.Node) bool {
	for _, m := range n.Members {
		refers := m.Name == "Ref" && (m.Value.Text == "AWS::NoValue" || strings.ContainsAny(m.Value.Text, partsOfVariable) || !m.Value.IsString())
		if refers || strings.HasPrefix(m.Name, foreachPrefix) || isUnknown(m.Name) || mayRemove(m.Value) {
			return true
		}
	}
	return strings.Contains(n.Text, "${AWS::NoValue}") || slices.ContainsFunc(n.Elements, mayRemove)
}

// isSet reports whether a value is there at all.
func isSet(n template.Node) bool { return n.Kind != jsontext.KindInvalid && !n.IsNull() }

// outcomes are the texts that a property may have: any where the value may remove
// it.
func (c certainty) outcomes(n template.Node) []string {
	if mayRemove(n) {
		return anyText()
	}
	return c.texts(n)
}

// isBoundary reports whether a value is certain to be a boundary in every branch:
// the ARN of a managed policy, or an object where the property takes one.
func (c certainty) isBoundary(value template.Node) bool {
	return !anyBranch(value, func(n template.Node) bool {
		if name, _ := n.Only(); n.IsObject() && !isFunctionName(name) {
			return len(n.Members) == 0 || mayRemove(n)
		}
		return slices.ContainsFunc(c.outcomes(n), isNoPolicy)
	})
}

// mayYield reports whether a value may be one of the texts. What is not written
// out may be anything.
func (ls loops) mayYield(value template.Node, texts ...string) bool {
	return anyBranch(value, func(n template.Node) bool {
		switch {
		case n.IsString() && strings.Contains(n.Text, "{{"):
			return true
		case n.IsString() && hasVariable(n.Text):
			return !ls.vary(n.Text) || ls.mayBecome(n.Text, texts...)
		case n.IsString():
			return slices.Contains(texts, n.Text)
		}
		return (n.IsObject() || n.IsArray()) && !isNoValue(n)
	})
}

// isOpaque reports whether a value does not show what it is made of.
func isOpaque(value template.Node) bool {
	return anyBranch(value, func(n template.Node) bool {
		name, argument := n.Only()
		switch {
		case n.IsString():
			return strings.HasPrefix(n.Text, "{{") || strings.Contains(n.Text, reference)
		case functions[name].shown:
			return !slices.ContainsFunc(append(argument.Elements, argument), hasLiteral)
		}
		return isFunctionName(name) && !isNoValue(n)
	})
}

// hasLiteral reports whether a string, or one of the strings in a list, has text
// beside variables.
func hasLiteral(n template.Node) bool {
	return n.IsString() && strings.TrimSpace(variables.ReplaceAllString(n.Text, "")) != "" || slices.ContainsFunc(n.Elements, hasLiteral)
}

var variables = regexp.MustCompile(`\$\{[^}]*\}`)

// isTrue reports whether SAM takes a value for true, as Python does. Functions
// are objects, which are true, whatever they yield later. But language
// extensions may put a value in the place of some, or of the variable of a loop,
// before SAM sees them; unknown functions may be such.
func (in *inspector) isTrue(n template.Node, around loops) bool {
	name, argument := n.Only()
	isVariable := name == "Ref" && (around.seen().named(argument.Text) != nil || around.vary(argument.Text))
	switch {
	case n.IsString(), functions[name].early, isUnknown(name), isVariable:
		return !slices.ContainsFunc(in.present(around).texts(n), mayBeEmpty)
	case n.IsObject():
		return slices.ContainsFunc(n.Members, func(m template.Member) bool { return !strings.HasPrefix(m.Name, foreachPrefix) && !around.vary(m.Name) })
	}
	return false
}

func mayBeEmpty(text string) bool { return strings.Trim(text, unknown) == "" }

// isRole reports whether a function is given a role, so that SAM makes none. Of
// its value, SAM looks at nothing but branches without one.
func isRole(n template.Node) bool { return isSet(n) && !mayRemove(n) }

// isPresent reports whether SAM takes a property for given where it only looks
// whether it is there. An unknown function may have removed it by then.
func (in *inspector) isPresent(n template.Node, around loops) bool {
	return isSet(n) && around.unknownFunction(n) == ""
}
