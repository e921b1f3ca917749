// Package iameval decides single requests to AWS, as IAM does for a principal
// with identity policies, a permissions boundary and service control policies.
// Tests use it to try policies request by request.
//
// Parse reads a policy and Evaluate decides. Whatever the package does not know
// (Principal, resource policies, session policies, other operators) is an error
// and never ignored. It tries one request at a time and shares no code with
// package policy, whose proofs it checks.
package iameval

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Policy is a policy document. Name is what Decision calls it.
type Policy struct {
	Name       string
	statements []statement
	variables  bool // Version 2012-10-17
}

type statement struct {
	sid         string
	deny        bool
	actions     []string
	notActions  bool
	resources   []string
	notResource bool
	conditions  []condition
}

// Parse reads a policy that grants or denies by Action or NotAction, Resource or
// NotResource, and Condition. Without a Version it is of 2008-10-17.
func Parse(name string, document []byte) (*Policy, error) {
	if !jsontext.Value(document).IsValid() { // a name given twice is not
		return nil, fmt.Errorf("%s: invalid JSON, or a name given twice", name)
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := &Policy{Name: name}
	for member, value := range members {
		switch member {
		case "Version":
			p.variables = string(value) == `"2012-10-17"`
			if !p.variables && string(value) != `"2008-10-17"` {
				return nil, fmt.Errorf("%s: Version %s is not supported", name, value)
			}
		case "Statement":
			if err := p.parseStatements(value); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		default:
			return nil, fmt.Errorf("%s: %s is not supported", name, member)
		}
	}
	if p.statements == nil {
		return nil, fmt.Errorf("%s: Statement is required", name)
	}
	return p, nil
}

func (p *Policy) parseStatements(value json.RawMessage) error {
	elements, err := list[map[string]json.RawMessage](value)
	if err != nil {
		return err
	}
	for i, element := range elements {
		s := statement{sid: fmt.Sprintf("statement %d", i+1)}
		if err := s.parse(element); err != nil {
			return fmt.Errorf("%s: %w", s.sid, err)
		}
		p.statements = append(p.statements, s)
	}
	return nil
}

func (s *statement) parse(members map[string]json.RawMessage) error {
	for _, exclusive := range [][2]string{{"Action", "NotAction"}, {"Resource", "NotResource"}} {
		if (members[exclusive[0]] == nil) == (members[exclusive[1]] == nil) {
			return fmt.Errorf("has not exactly one of %s and %s", exclusive[0], exclusive[1])
		}
	}
	if members["Effect"] == nil {
		return fmt.Errorf("has no Effect")
	}
	for member, value := range members {
		var err error
		switch member {
		case "Sid":
			err = json.Unmarshal(value, &s.sid)
		case "Effect":
			s.deny = string(value) == `"Deny"`
			if !s.deny && string(value) != `"Allow"` {
				err = fmt.Errorf("the value %s of Effect is neither Allow nor Deny", value)
			}
		case "Action", "NotAction":
			s.notActions = member == "NotAction"
			s.actions, err = list[string](value)
		case "Resource", "NotResource":
			s.notResource = member == "NotResource"
			s.resources, err = list[string](value)
		case "Condition":
			s.conditions, err = parseConditions(value)
		default:
			err = fmt.Errorf("not supported")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", member, err)
		}
	}
	for i, action := range s.actions {
		s.actions[i] = strings.ToLower(action) // names of actions are case-insensitive
		if service, _, found := strings.Cut(action, ":"); action != "*" && (!found || strings.ContainsAny(service, "*?")) {
			return fmt.Errorf("%s is not an action", action)
		}
	}
	for _, resource := range s.resources {
		if resource != "*" && !strings.HasPrefix(resource, "arn:") {
			return fmt.Errorf("%s is not an ARN", resource)
		}
	}
	return nil
}

// list reads a value that may stand alone or in a list, which must not be empty.
func list[T any](value json.RawMessage) ([]T, error) {
	var one T
	if !strings.HasPrefix(string(value), "[") {
		err := json.Unmarshal(value, &one)
		return []T{one}, err
	}
	var several []T
	if err := json.Unmarshal(value, &several); err != nil {
		return nil, err
	}
	if len(several) == 0 {
		return nil, fmt.Errorf("an empty list")
	}
	return several, nil
}

// matches reports whether a statement is about a request.
func (s statement) matches(q question) (bool, error) {
	action := strings.ToLower(q.Action)
	isAction := slices.ContainsFunc(s.actions, func(pattern string) bool { return glob(q.wildcards(pattern), action) })
	isResource := slices.ContainsFunc(s.resources, func(resource string) bool {
		pattern, resolved := q.expand(q.wildcards(resource))
		return resolved && q.matchesResource(pattern)
	})
	if q.InvalidWithoutValue && !q.resolves(s) || isAction == s.notActions || isResource == s.notResource {
		return false, nil
	}
	matches := true
	for _, c := range s.conditions { // all of them, for the errors
		holds, err := c.holds(q)
		if err != nil {
			return false, err
		}
		matches = matches && holds
	}
	return matches, nil
}

// Wildcards of a pattern, so that those in the value of a variable are text.
const (
	anyString    = '\x01'
	anyInSegment = '\x02' // a * that matches no colon
	anyCharacter = '\x03'
	wildcardsOf  = "\x01\x02\x03"
)

// wildcards marks the wildcards of a pattern. In the name of a variable there are
// none.
func (q question) wildcards(text string) string {
	var out strings.Builder
	for text != "" {
		if variable := variable(text); variable != "" && q.variables {
			out.WriteString(variable)
			text = text[len(variable):]
			continue
		}
		switch text[0] {
		case '*':
			out.WriteByte(anyString)
		case '?':
			out.WriteByte(anyCharacter)
		default:
			out.WriteByte(text[0])
		}
		text = text[1:]
	}
	return out.String()
}

// variable is the variable that a text begins with.
func variable(text string) string {
	end := strings.IndexByte(text, '}')
	if !strings.HasPrefix(text, "${") || end < 0 {
		return ""
	}
	return text[:end+1]
}

// question is a request to a policy, and how to read the policy.
type question struct {
	Request
	Reading
	variables bool // are in the policy
}

// matchesResource reports whether a pattern matches the resource of a request.
// A * for the partition never reaches beyond it; about others see Reading.
func (q question) matchesResource(pattern string) bool {
	parts := strings.Split(pattern, ":")
	isIncomplete := parts[0] == "arn" && len(parts) < 6
	switch {
	case isIncomplete && q.IncompleteARNs:
		return q.matchesResource(pattern + strings.Repeat(":"+string(anyString), 6-len(parts)))
	case isIncomplete:
		return pattern == q.Resource
	}
	if q.StarsInSegments {
		for i := range parts {
			parts[i] = strings.ReplaceAll(strings.TrimRight(parts[i], string(anyString)), string(anyString), string(anyInSegment)) +
				parts[i][len(strings.TrimRight(parts[i], string(anyString))):]
		}
	}
	if parts[0] == "arn" && q.RegionsInSegments && !strings.ContainsAny(parts[2], wildcardsOf) {
		for i := 3; i < 5; i++ {
			parts[i] = strings.ReplaceAll(parts[i], string(anyString), string(anyInSegment))
		}
	}
	resource := strings.SplitN(q.Resource, ":", 3)
	if parts[0] == "arn" && !strings.ContainsAny(parts[2], wildcardsOf) && len(resource) == 3 {
		return resource[0] == "arn" && glob(parts[1], resource[1]) && glob(strings.Join(parts[2:], ":"), resource[2])
	}
	return glob(strings.Join(parts, ":"), q.Resource)
}

// expand replaces the variables of a text by their values. One without a value
// matches nothing.
func (q question) expand(text string) (expanded string, resolved bool) {
	if !q.variables {
		return text, true
	}
	var out strings.Builder
	for text != "" {
		variable := variable(text)
		if variable == "" {
			out.WriteByte(text[0])
			text = text[1:]
			continue
		}
		value, found := q.value(variable[len("${") : len(variable)-len("}")])
		if !found {
			return "", false
		}
		out.WriteString(value)
		text = text[len(variable):]
	}
	return out.String(), true
}

func (q question) value(name string) (value string, found bool) {
	if name == "*" || name == "?" || name == "$" {
		return name, true
	}
	name, fallback, hasDefault := strings.Cut(name, ",")
	if values := q.values(strings.TrimSpace(name)); len(values) == 1 {
		return values[0], true
	}
	return strings.Trim(strings.TrimSpace(fallback), "'"), hasDefault
}

// resolves reports whether all variables of a statement have a value.
func (q question) resolves(s statement) bool {
	texts := slices.Clone(s.resources)
	for _, c := range s.conditions {
		texts = append(texts, c.values...)
	}
	return !slices.ContainsFunc(texts, func(text string) bool {
		_, resolved := q.expand(text)
		return !resolved
	})
}

// glob reports whether text matches a pattern with marked wildcards.
func glob(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	switch pattern[0] {
	case anyString, anyInSegment:
		return glob(pattern[1:], text) || text != "" && (pattern[0] == anyString || text[0] != ':') && glob(pattern, text[1:])
	case anyCharacter:
		return text != "" && glob(pattern[1:], text[1:])
	}
	return text != "" && pattern[0] == text[0] && glob(pattern[1:], text[1:])
}
