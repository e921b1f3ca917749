package transform

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// parameter are the texts that a template parameter can have at any deployment.
// Those that its declaration allows are known; else, that it is not empty.
func (c certainty) parameter(name string) []string {
	declaration, isNonEmpty := c.declared[name], slices.Contains(c.nonEmpty, name)
	if declaration.get("Type").text != "String" {
		return anyText()
	}
	values := []node{declaration.get("Default"), c.parameters[name]}
	allowed := declaration.get("AllowedValues").elements
	if isNonEmpty {
		values, allowed = slices.DeleteFunc(values, node.isEmpty), slices.DeleteFunc(slices.Clone(allowed), node.isEmpty)
	}
	switch {
	case len(allowed) > 0:
		return allTexts(allowed)
	case !isNonEmpty && !isNeverEmpty(declaration), slices.ContainsFunc(values, hasOther):
		return anyText()
	}
	return []string{given}
}

func allTexts(list []node) []string {
	var all []string
	for _, n := range list[:min(len(list), maxTexts+1)] {
		all = union(all, scalarTexts(n))
	}
	return all
}

// hasOther reports whether a value is there that is not the ARN of a policy.
func hasOther(value node) bool {
	return value.kind != jsontext.KindInvalid && (!value.isString() || isNoPolicy(plain(value.text)))
}

// isNeverEmpty reports whether the declaration of a template parameter keeps
// its value from being empty, whoever gives it.
func isNeverEmpty(parameter node) bool {
	if length, err := strconv.Atoi(parameter.get("MinLength").text); err == nil && length > 0 {
		return true
	}
	pattern := parameter.get("AllowedPattern")
	return pattern.isString() && needsText(pattern.text)
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
