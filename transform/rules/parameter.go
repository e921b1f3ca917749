package rules

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform/template"
)

// parameterKey is what the texts of a parameter depend on.
type parameterKey struct {
	name       string
	isNonEmpty bool // by a condition around the value
	isKnown    bool // has a present value
}

// parameter returns the texts that a template parameter can have in any
// deployment. They are cached, because many roles may ask for them.
func (c certainty) parameter(name string) []string {
	_, isKnown := c.parameters[name]
	key := parameterKey{name: name, isNonEmpty: slices.Contains(c.nonEmpty, name), isKnown: isKnown}
	texts, ok := c.read[key]
	if !ok {
		texts = c.readParameter(key)
		c.read[key] = texts
	}
	return texts
}

// readParameter returns the texts that a declaration allows, or given if all that
// is known is that the text is not empty.
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

// hasOther reports whether there is a value that is not the ARN of a policy.
func hasOther(value template.Node) bool {
	return value.Kind != jsontext.KindInvalid && (!value.IsString() || isNoPolicy(plain(value.Text)))
}

// isNeverEmpty reports whether the declaration of a template parameter forbids the
// empty value.
func (f *facts) isNeverEmpty(parameter template.Node) bool {
	if length, err := strconv.Atoi(parameter.Get("MinLength").Text); err == nil && length > 0 {
		return true
	}
	pattern := parameter.Get("AllowedPattern")
	return pattern.IsString() && !f.around.vary(pattern.Text) && needsText(pattern.Text)
}

// maxPattern is the longest AllowedPattern that is read, in bytes.
const maxPattern = 255

// needsText reports whether a regular expression is certain not to match the empty
// text. Unicode classes are not read: they expand to a lot of memory.
func needsText(pattern string) bool {
	if len(pattern) > maxPattern || strings.Contains(pattern, `\p`) || strings.Contains(pattern, `\P`) {
		return false
	}
	expression, err := syntax.Parse(pattern, syntax.Perl)
	return err == nil && takesText(expression)
}

// takesText reports whether every match of an expression has a character.
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
