package rules

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"permissions-boundary-macro/transform/template"

	"github.com/go-json-experiment/json/jsontext"
)

// parameterKey is what the texts of a parameter depend on.
type parameterKey struct {
	name                string
	isNonEmpty, isKnown bool // by a condition; its present value
}

// parameter are the texts that a template parameter can have at any deployment.
// Many roles may ask, so each is worked out once.
func (c certainty) parameter(name string) []string {
	_, isKnown := c.parameters[name]
	key := parameterKey{name, slices.Contains(c.nonEmpty, name), isKnown}
	texts, ok := c.read[key]
	if !ok {
		texts = c.readParameter(key)
		c.read[key] = texts
	}
	return texts
}

// readParameter are the texts that a declaration allows, or that there is one
// that is not empty.
func (c certainty) readParameter(key parameterKey) []string {
	declaration := c.declared[key.name]
	if declaration.Get("Type").Text != "String" {
		return anyText()
	}
	values := []template.Node{declaration.Get("Default"), c.parameters[key.name]}
	allowed := declaration.Get("AllowedValues").Elements
	if key.isNonEmpty {
		values, allowed = slices.DeleteFunc(values, template.Node.IsEmpty), slices.DeleteFunc(slices.Clone(allowed), template.Node.IsEmpty)
	}
	switch {
	case len(allowed) > maxTexts:
		return anyText()
	case len(allowed) > 0:
		return allTexts(allowed)
	case !key.isNonEmpty && !c.isNeverEmpty(declaration), slices.ContainsFunc(values, hasOther):
		return anyText()
	}
	return []string{given}
}

func allTexts(list []template.Node) []string {
	var all []string
	for _, n := range list {
		all = union(all, scalarTexts(n))
	}
	return all
}

// hasOther reports whether a value is there that is not the ARN of a policy.
func hasOther(value template.Node) bool {
	return value.Kind != jsontext.KindInvalid && (!value.IsString() || isNoPolicy(plain(value.Text)))
}

// isNeverEmpty reports whether the declaration of a template parameter keeps
// its value from being empty, whoever gives it.
func (f *facts) isNeverEmpty(parameter template.Node) bool {
	if length, err := strconv.Atoi(parameter.Get("MinLength").Text); err == nil && length > 0 {
		return true
	}
	pattern := parameter.Get("AllowedPattern")
	return pattern.IsString() && !f.around.vary(pattern.Text) && needsText(pattern.Text)
}

// maxPattern bounds what is read of an AllowedPattern.
const maxPattern = 255 // bytes

// needsText reports whether a regular expression surely does not match an empty
// text. Classes of Unicode are left out, for they are long.
func needsText(pattern string) bool {
	if len(pattern) > maxPattern || strings.Contains(pattern, `\p`) || strings.Contains(pattern, `\P`) {
		return false
	}
	expression, err := syntax.Parse(pattern, syntax.Perl)
	return err == nil && takesText(expression)
}

func takesText(e *syntax.Regexp) bool {
	switch e.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpCapture, syntax.OpPlus, syntax.OpConcat:
		return slices.ContainsFunc(e.Sub, takesText)
	case syntax.OpRepeat:
		return e.Min > 0 && takesText(e.Sub[0])
	case syntax.OpAlternate:
		return !slices.ContainsFunc(e.Sub, func(one *syntax.Regexp) bool { return !takesText(one) })
	}
	return false
}
