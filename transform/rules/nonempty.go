package rules

import (
	"slices"

	"permissions-boundary-macro/transform/template"
)

// maxConditions bounds how far a chain of conditions is followed.
const maxConditions = 5

// within adds a parameter to nonEmpty: the one that is certain not to be empty
// where the condition holds, or where it does not.
func (c certainty) within(nonEmpty []string, condition string, holds bool) []string {
	name, isCompared := c.comparedWithEmpty(c.conditions[condition], holds, maxConditions)
	if !isCompared {
		return nonEmpty
	}
	return append(slices.Clip(nonEmpty), name)
}

// comparedWithEmpty returns the parameter that is not empty where a condition
// holds, or where it does not.
func (c certainty) comparedWithEmpty(condition template.Node, holds bool, depth int) (parameter string, ok bool) {
	name, argument := condition.Only()
	e := argument.Elements
	switch {
	case depth == 0:
		return "", false
	case name == "Condition":
		return c.comparedWithEmpty(c.conditions[argument.Text], holds, depth-1)
	case name == "Fn::Not" && len(e) == 1:
		return c.comparedWithEmpty(e[0], !holds, depth-1)
	case name == "Fn::Equals" && len(e) == 2 && !holds:
		compared, with := e[0], e[1]
		if compared.IsEmpty() {
			compared, with = with, compared
		}
		function, of := compared.Only()
		return of.Text, with.IsEmpty() && function == "Ref" && of.IsString()
	}
	return "", false
}
