package deploy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"permissions-boundary-macro/boundary"
)

// event is a macro request as CloudFormation would build it.
func (s scope) event(target boundary.Target, values map[string]json.RawMessage, environment, macro string) ([]byte, error) {
	params, err := s.params(target, values, environment)
	if err != nil {
		return nil, err
	}
	rest, err := json.Marshal(map[string]any{
		"region":                  target.Region,
		"accountId":               target.AccountID,
		"transformId":             target.AccountID + "::" + macro,
		"requestId":               "pbm",
		"params":                  params,
		"templateParameterValues": values,
	})
	if err != nil {
		return nil, fmt.Errorf("build the macro request: %w", err)
	}
	// The fragment goes in as it is: json.Marshal would compact it.
	out := append(rest[:len(rest)-1], `,"fragment":`...)
	out = append(out, s.fragment...)
	return append(out, '}'), nil
}

// values are the values of the template's parameters: those given, and the
// defaults of the others. It notes those that are used, unless there is no
// place to: then all that are given must be declared.
func (t *template) values(given []string, used map[string]bool) (map[string]json.RawMessage, error) {
	texts := map[string]string{}
	for name, p := range t.parameters {
		if p.Default != nil {
			texts[name] = spelled(p.Default)
		}
	}
	for _, assignment := range given {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return nil, usagef("--parameter %s is not of the form NAME=VALUE", name)
		}
		_, declared := t.parameters[name]
		switch {
		case declared:
			texts[name] = value
		case used == nil:
			return nil, usagef("--parameter %s: the template declares no such parameter", name)
		}
		if declared && used != nil {
			used[name] = true
		}
	}
	values := map[string]json.RawMessage{}
	for name, text := range texts {
		value, err := parameterValue(t.parameters[name].Type, text)
		if err != nil {
			return nil, err
		}
		values[name] = value
	}
	return values, nil
}

// spelled is a default as a parameter's value, which is always text.
func spelled(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// parameterValue is a value as CloudFormation sends it: lists are arrays.
func parameterValue(typ, text string) (json.RawMessage, error) {
	if typ != "CommaDelimitedList" && !strings.HasPrefix(typ, "List<") {
		return json.Marshal(text)
	}
	items := strings.Split(text, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return json.Marshal(items)
}

// params are those that the template gives the macro where it calls it,
// references to its parameters resolved. An environment that is given wins.
func (s scope) params(target boundary.Target, values map[string]json.RawMessage, environment string) (map[string]json.RawMessage, error) {
	params := map[string]json.RawMessage{}
	if s.entry != nil {
		for name, raw := range s.entry.Parameters {
			if name == "Environment" && environment != "" {
				continue
			}
			value, err := resolve(raw, target, values)
			if err != nil {
				return nil, fmt.Errorf("parameter %s of the macro in Transform: %w", clipped(name), err)
			}
			params[name] = value
		}
	}
	if environment != "" {
		quoted, err := json.Marshal(environment)
		if err != nil {
			return nil, err
		}
		params["Environment"] = quoted
	}
	return params, nil
}

var subVariable = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// resolve evaluates a Ref or Fn::Sub of template and pseudo parameters.
// CloudFormation does so before it calls a macro.
func resolve(raw json.RawMessage, target boundary.Target, values map[string]json.RawMessage) (json.RawMessage, error) {
	var function map[string]json.RawMessage
	if json.Unmarshal(raw, &function) != nil {
		return raw, nil
	}
	var text string
	switch {
	case len(function) == 1 && json.Unmarshal(function["Ref"], &text) == nil:
		return lookUp(text, target, values)
	case len(function) == 1 && json.Unmarshal(function["Fn::Sub"], &text) == nil:
		return substitute(text, target, values)
	}
	return nil, &boundary.Problem{
		What:   "pbm evaluates only Ref, and Fn::Sub of a string",
		Remedy: "name the environment with --environment",
	}
}

func lookUp(name string, target boundary.Target, values map[string]json.RawMessage) (json.RawMessage, error) {
	pseudo := map[string]string{"AWS::Partition": target.Partition, "AWS::AccountId": target.AccountID, "AWS::Region": target.Region}
	if text, ok := pseudo[name]; ok {
		return json.Marshal(text)
	}
	if value, ok := values[name]; ok {
		return value, nil
	}
	return nil, &boundary.Problem{
		What:   fmt.Sprintf("the template parameter %s has no value", clipped(name)),
		Remedy: fmt.Sprintf("give it one: --parameter %s=VALUE", clipped(name)),
	}
}

func substitute(text string, target boundary.Target, values map[string]json.RawMessage) (json.RawMessage, error) {
	var failed error
	text = subVariable.ReplaceAllStringFunc(text, func(variable string) string {
		value, err := lookUp(variable[2:len(variable)-1], target, values)
		if err != nil {
			failed = err
		}
		return spelled(value)
	})
	if failed != nil {
		return nil, failed
	}
	return json.Marshal(text)
}
