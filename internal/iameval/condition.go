package iameval

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A condition is one operator on one key.
type condition struct {
	operator string // without what follows
	set      string // ForAnyValue, ForAllValues or nothing
	ifExists bool
	key      string
	values   []string
}

// An operator compares one value of a request with one of a policy. A negated
// operator holds if no value of the policy matches.
type operator struct {
	negated bool
	match   func(pattern, value string) bool
}

var operators = map[string]operator{
	"StringEquals":              {false, equal},
	"StringNotEquals":           {true, equal},
	"StringEqualsIgnoreCase":    {false, strings.EqualFold},
	"StringNotEqualsIgnoreCase": {true, strings.EqualFold},
	"StringLike":                {false, glob},
	"StringNotLike":             {true, glob},
	"ArnEquals":                 {false, arnLike}, // IAM does not distinguish Equals from Like
	"ArnNotEquals":              {true, arnLike},
	"ArnLike":                   {false, arnLike},
	"ArnNotLike":                {true, arnLike},
	"Bool":                      {false, strings.EqualFold},
	"NumericEquals":             {false, numeric(func(policy, request float64) bool { return request == policy })},
	"NumericNotEquals":          {true, numeric(func(policy, request float64) bool { return request == policy })},
	"NumericLessThan":           {false, numeric(func(policy, request float64) bool { return request < policy })},
	"NumericLessThanEquals":     {false, numeric(func(policy, request float64) bool { return request <= policy })},
	"NumericGreaterThan":        {false, numeric(func(policy, request float64) bool { return request > policy })},
	"NumericGreaterThanEquals":  {false, numeric(func(policy, request float64) bool { return request >= policy })},
	"IpAddress":                 {false, inNetwork},
	"NotIpAddress":              {true, inNetwork},
}

func equal(pattern, value string) bool { return pattern == value }

func numeric(compare func(policy, request float64) bool) func(pattern, value string) bool {
	return func(pattern, value string) bool {
		policy, err1 := strconv.ParseFloat(pattern, 64)
		request, err2 := strconv.ParseFloat(value, 64)
		return err1 == nil && err2 == nil && compare(policy, request)
	}
}

func inNetwork(pattern, value string) bool {
	network, err1 := netip.ParsePrefix(pattern)
	address, err2 := netip.ParseAddr(value)
	return err1 == nil && err2 == nil && network.Contains(address)
}

// arnLike compares the six parts of two ARNs one by one, so that a * matches
// nothing beyond a colon but in the last part, which may contain colons.
func arnLike(pattern, value string) bool {
	return isARN(value) && slices.EqualFunc(arnParts(pattern), arnParts(value), glob)
}

func arnParts(text string) []string { return strings.SplitN(text, ":", 6) }

func isARN(text string) bool {
	parts := arnParts(text)
	return len(parts) == 6 && parts[0] == "arn"
}

func parseConditions(value json.RawMessage) ([]condition, error) {
	var blocks map[string]map[string]json.RawMessage
	if err := json.Unmarshal(value, &blocks); err != nil {
		return nil, err
	}
	var all []condition
	for name, keys := range blocks {
		for key, value := range keys {
			c, err := parseCondition(name, value)
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", name, key, err)
			}
			c.key = key
			all = append(all, c)
		}
	}
	return all, nil
}

func parseCondition(name string, value json.RawMessage) (condition, error) {
	c := condition{operator: name}
	if set, rest, found := strings.Cut(name, ":"); found {
		if set != "ForAnyValue" && set != "ForAllValues" {
			return c, fmt.Errorf("%s is not supported", set)
		}
		c.set, c.operator = set, rest
	}
	c.operator, c.ifExists = strings.CutSuffix(c.operator, "IfExists")
	if _, known := operators[c.operator]; !known && c.operator != "Null" {
		return c, fmt.Errorf("not supported")
	}
	if c.operator == "Null" && (c.ifExists || c.set != "") {
		return c, fmt.Errorf("this combination is not supported")
	}
	var err error
	if c.values, err = conditionValues(value); err != nil {
		return c, err
	}
	return c, c.checkValues()
}

// conditionValues reads a value or a list of them. A Boolean may be written
// without quotes.
func conditionValues(value json.RawMessage) ([]string, error) {
	if written := string(value); written == "true" || written == "false" {
		return []string{written}, nil
	}
	return list[string](value)
}

func (c condition) checkValues() error {
	for _, value := range c.values {
		switch {
		case strings.HasPrefix(c.operator, "Arn") && !isARN(value) && !strings.HasPrefix(value, "${"):
			return fmt.Errorf("%s is not an ARN", value)
		case (c.operator == "Bool" || c.operator == "Null") && value != "true" && value != "false":
			return fmt.Errorf("%s is neither true nor false", value)
		}
	}
	if c.operator == "Null" && len(c.values) != 1 {
		return fmt.Errorf("takes one value")
	}
	return nil
}

func (c condition) holds(q question) (bool, error) {
	values := q.values(c.key)
	if c.operator == "Null" {
		return c.values[0] == strconv.FormatBool(len(values) == 0), nil
	}
	operator := operators[c.operator]
	var patterns []string
	for _, value := range c.values {
		if strings.Contains(c.operator, "Like") || strings.HasPrefix(c.operator, "Arn") {
			value = q.wildcards(value)
		}
		if pattern, resolved := q.expand(value); resolved {
			patterns = append(patterns, pattern)
		}
	}
	one := func(value string) bool {
		match := slices.ContainsFunc(patterns, func(pattern string) bool { return operator.match(pattern, value) })
		return match != operator.negated
	}
	switch {
	case len(values) == 0 && c.ifExists:
		return true, nil
	case c.set == "ForAllValues":
		return !slices.ContainsFunc(values, func(value string) bool { return !one(value) }), nil
	case c.set == "ForAnyValue":
		return slices.ContainsFunc(values, one), nil
	case len(values) == 0:
		return operator.negated, nil
	case len(values) > 1:
		return false, fmt.Errorf("%s has several values, and %s compares one", c.key, c.operator)
	}
	return one(values[0]), nil
}
