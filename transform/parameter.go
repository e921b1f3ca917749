package transform

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// isNeverEmpty reports whether the declaration of a template parameter keeps
// its value from being empty, whoever gives it.
func isNeverEmpty(parameter node) bool {
	if strings.HasPrefix(parameter.get("Type").text, "AWS::SSM::Parameter::") {
		return true
	}
	if length, err := strconv.Atoi(parameter.get("MinLength").text); err == nil && length > 0 {
		return true
	}
	if allowed := parameter.get("AllowedValues"); allowed.isArray() && !slices.ContainsFunc(allowed.elements, yieldsNothing) {
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
