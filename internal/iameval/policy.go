// Package iameval decides single requests to AWS, as IAM does for a principal
// with identity policies, a permissions boundary and service control policies.
// Tests use it to try policies request by request.
//
// Parse reads a policy and Evaluate decides. Whatever the package does not know
// (Principal, resource policies, session policies, policy variables, other
// operators) is an error and never ignored.
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
// NotResource, and Condition.
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
			if string(value) != `"2012-10-17"` {
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
	if members["Version"] == nil || p.statements == nil {
		return nil, fmt.Errorf("%s: Version and Statement are required", name)
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
			s.actions, err = patterns(value)
		case "Resource", "NotResource":
			s.notResource = member == "NotResource"
			s.resources, err = patterns(value)
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
		if resource != "*" && !isARN(resource) {
			return fmt.Errorf("%s is not an ARN", resource)
		}
	}
	return nil
}

// patterns reads a string or a list of them. Policy variables are not supported.
func patterns(value json.RawMessage) ([]string, error) {
	texts, err := list[string](value)
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		if strings.Contains(text, "${") {
			return nil, fmt.Errorf("the policy variable in %s is not supported", text)
		}
	}
	return texts, nil
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

func (s statement) matches(r Request) (bool, error) {
	action := strings.ToLower(r.Action)
	isAction := slices.ContainsFunc(s.actions, func(pattern string) bool {
		return glob(pattern, action)
	})
	// A * in the ARN of a resource may match beyond a colon.
	isResource := slices.ContainsFunc(s.resources, func(pattern string) bool { return glob(pattern, r.Resource) })
	if isAction == s.notActions || isResource == s.notResource {
		return false, nil
	}
	matches := true
	for _, c := range s.conditions { // all of them, for the errors
		holds, err := c.holds(r)
		if err != nil {
			return false, err
		}
		matches = matches && holds
	}
	return matches, nil
}

// glob reports whether text matches pattern, in which * stands for any
// characters and ? for one.
func glob(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	if pattern[0] == '*' {
		return glob(pattern[1:], text) || text != "" && glob(pattern, text[1:])
	}
	return text != "" && (pattern[0] == '?' || pattern[0] == text[0]) && glob(pattern[1:], text[1:])
}
