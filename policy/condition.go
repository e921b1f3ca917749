package policy

import (
	"fmt"
	"slices"
	"strings"
)

// condition is one operator on one key, as requests are judged by it.
type condition struct {
	operator
	key    string // in lower case; empty if not in sight
	values []pattern
}

// operator is a condition operator with what may be in front of it and behind it.
type operator struct {
	comparison
	set      string // forallvalues, foranyvalue, or empty
	ifExists bool
}

// comparison compares the values of a key in a request with those of a policy.
// It holds if any value of the policy matches; a negated one if none does.
type comparison struct {
	kind      string // what is compared; the same for an operator and its negation
	negated   bool
	wildcards bool // in the values of the policy
}

// comparisons are the operators of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
// in lower case.
var comparisons = map[string]comparison{
	"stringequals":              {kind: kindText},
	"stringnotequals":           {kind: kindText, negated: true},
	"stringlike":                {kind: kindText, wildcards: true},
	"stringnotlike":             {kind: kindText, wildcards: true, negated: true},
	"stringequalsignorecase":    {kind: "text in any case"},
	"stringnotequalsignorecase": {kind: "text in any case", negated: true},
	"numericequals":             {kind: "number"},
	"numericnotequals":          {kind: "number", negated: true},
	"numericlessthan":           {kind: "number <"},
	"numericlessthanequals":     {kind: "number <="},
	"numericgreaterthan":        {kind: "number >"},
	"numericgreaterthanequals":  {kind: "number >="},
	"dateequals":                {kind: "date"},
	"datenotequals":             {kind: "date", negated: true},
	"datelessthan":              {kind: "date <"},
	"datelessthanequals":        {kind: "date <="},
	"dategreaterthan":           {kind: "date >"},
	"dategreaterthanequals":     {kind: "date >="},
	"bool":                      {kind: kindBoolean},
	"binaryequals":              {kind: "binary"},
	"ipaddress":                 {kind: "address"},
	"notipaddress":              {kind: "address", negated: true},
	// IAM does not distinguish Equals from Like for ARNs.
	"arnequals":    {kind: kindARN, wildcards: true},
	"arnlike":      {kind: kindARN, wildcards: true},
	"arnnotequals": {kind: kindARN, wildcards: true, negated: true},
	"arnnotlike":   {kind: kindARN, wildcards: true, negated: true},
	"null":         {kind: kindNull},
}

// Kinds of comparisons about which more is known than that equal values are.
const (
	kindText    = "text"
	kindARN     = "ARN"
	kindBoolean = "Boolean"
	kindNull    = "null"
)

// parseOperator reads an operator in any case.
func parseOperator(name string) (operator, error) {
	var o operator
	rest := strings.ToLower(name)
	if set, behind, found := strings.Cut(rest, ":"); found && (set == "forallvalues" || set == "foranyvalue") {
		o.set, rest = set, behind
	}
	rest, o.ifExists = strings.CutSuffix(rest, "ifexists")
	var known bool
	if o.comparison, known = comparisons[rest]; !known || o.kind == kindNull && (o.ifExists || o.set != "") {
		return operator{}, fmt.Errorf("%q is not a condition operator", name)
	}
	return o, nil
}

// implies reports whether c holds for every request for which r does. It is sound
// for keys of one value, and for others with the same operator. It is not complete.
func (r condition) implies(c condition) bool {
	if c.isNull(false) && r.isPresent(c.key) {
		return true
	}
	if r.key == "" || r.key != c.key || r.kind != c.kind || r.set != c.set {
		return false
	}
	switch {
	case r.negated && c.negated:
		return (c.ifExists || !r.ifExists) && r.within(c.values, r.values, c.wildcards, r.wildcards)
	case r.negated:
		return false
	case c.negated:
		return r.set == "" && !r.ifExists && r.disjoint(r.values, c.values)
	}
	return (c.ifExists || !r.ifExists) && r.within(r.values, c.values, r.wildcards, c.wildcards)
}

// excludes reports whether no request for which r holds is one for which c does.
// It is sound for keys of one value, not complete.
func (r condition) excludes(c condition) bool {
	if c.isNull(true) && r.isPresent(c.key) || r.isNull(true) && c.isPresent(r.key) {
		return true
	}
	if r.key == "" || r.key != c.key || r.kind != c.kind || r.set != "" || c.set != "" {
		return false
	}
	switch {
	case r.negated && c.negated:
		return false
	case c.negated: // without the key it holds, so r must not
		return !r.ifExists && r.within(r.values, c.values, r.wildcards, c.wildcards)
	case r.negated:
		return !c.ifExists && r.within(c.values, r.values, c.wildcards, r.wildcards)
	}
	return !(r.ifExists && c.ifExists) && r.disjoint(r.values, c.values)
}

// isPresent reports whether a condition holds only for requests that have a key.
func (c condition) isPresent(key string) bool {
	return c.key == key && c.key != "" && c.kind != kindNull && !c.negated && !c.ifExists && c.set != "forallvalues"
}

// isNull reports whether a condition holds only for requests without its key, or for
// all requests with it.
func (c condition) isNull(absent bool) bool {
	is := func(text string) bool {
		return slices.ContainsFunc(c.values, func(p pattern) bool { return same(p, syntax{}.pattern(text)) })
	}
	if c.kind != kindNull || slices.ContainsFunc(c.values, func(p pattern) bool { return p.loose }) {
		return false
	}
	if absent {
		return is("true") && !is("false") && len(c.values) == 1
	}
	return is("false")
}

// within reports whether each of the values is matched by one of the others
// whatever it matches itself.
func (c comparison) within(values, others []pattern, wildcards, otherWildcards bool) bool {
	return !slices.ContainsFunc(values, func(value pattern) bool {
		return !slices.ContainsFunc(others, func(other pattern) bool {
			if c.kind == kindText && (otherWildcards || !wildcards) {
				return covers(other, value)
			}
			return wildcards == otherWildcards && same(value, other)
		})
	})
}

// disjoint reports whether what the values match and what the others match have
// nothing in common.
func (c comparison) disjoint(values, others []pattern) bool {
	if c.kind != kindText && c.kind != kindARN && c.kind != kindBoolean && c.kind != kindNull {
		return false
	}
	return !slices.ContainsFunc(values, func(value pattern) bool {
		return slices.ContainsFunc(others, func(other pattern) bool { return overlaps(value, other) })
	})
}

// same reports whether two patterns match the same, whatever their variables are.
func same(p, q pattern) bool {
	return !p.loose && !q.loose && slices.Equal(p.symbols, q.symbols) && slices.Equal(p.variables, q.variables)
}

// conditions are those of a statement.
func (s syntax) conditions(statement *Statement) []condition {
	var all []condition
	for _, c := range statement.Conditions {
		operator, err := parseOperator(c.Operator)
		if err != nil || strings.Contains(c.Key, NotInSight) {
			all = append(all, condition{}) // not in sight
			continue
		}
		compiled := condition{operator: operator, key: strings.ToLower(c.Key)}
		values := s
		values.wildcards = operator.wildcards
		for _, value := range c.Values {
			if operator.kind == kindBoolean || operator.kind == kindNull {
				value = strings.ToLower(value)
			}
			compiled.values = append(compiled.values, values.pattern(value))
		}
		all = append(all, compiled)
	}
	return all
}

// implied reports whether all conditions hold for every request for which the
// given ones do.
func implied(conditions, given []condition) bool {
	return !slices.ContainsFunc(conditions, func(c condition) bool {
		return !slices.ContainsFunc(given, func(g condition) bool { return g.implies(c) })
	})
}

// excluded reports whether some of the conditions never holds for a request for
// which the given ones do.
func excluded(conditions, given []condition) bool {
	return slices.ContainsFunc(conditions, func(c condition) bool {
		return slices.ContainsFunc(given, func(g condition) bool { return g.excludes(c) })
	})
}
