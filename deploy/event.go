package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform"
)

// deployment is what CloudFormation would ask the macro about a scope.
func (t *templateFile) deployment(s scope, target boundary.Target, values map[string]json.RawMessage, environment, macro string) (transform.Deployment, error) {
	params, err := t.params(s, target, values, environment)
	if err != nil {
		return transform.Deployment{}, err
	}
	d := transform.Deployment{Template: s.template, AccountID: target.AccountID, Region: target.Region, Macro: macro}
	if d.Parameters, err = json.Marshal(params); err != nil {
		return d, err
	}
	d.TemplateParameters, err = json.Marshal(values)
	return d, err
}

// values are the values of the template's parameters: those given, and the
// defaults of the others, unless the default is where a deployment finds it. It notes those that are used, unless there is no
// place to: then all that are given must be declared.
func (t *templateFile) values(given []string, used map[string]bool) (map[string]json.RawMessage, error) {
	texts := map[string]string{}
	for name, p := range t.parameters {
		if p.Default != nil && !p.isKey() {
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

// awaited is the template parameter that would name the environment, were its
// value known. The macro asks them in this order.
func (t *templateFile) awaited(names []string, values map[string]json.RawMessage) string {
	for _, name := range names {
		declared := t.parameterNamed(name)
		value, known := values[declared]
		switch {
		case declared == "" || string(value) == `""`:
		case known:
			return ""
		default:
			return declared
		}
	}
	return ""
}

// parameterNamed is a declared parameter of a name in whatever case, one that
// is spelled alike before others.
func (t *templateFile) parameterNamed(name string) string {
	if _, declared := t.parameters[name]; declared {
		return name
	}
	return t.folded()[strings.ToLower(name)]
}

// foldedNames are the declared parameters by their names in lower case, of
// several the first one.
func (t *templateFile) foldedNames() map[string]string {
	folded := make(map[string]string, len(t.parameters))
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(t.parameters))) {
		folded[strings.ToLower(name)] = name
	}
	return folded
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

// params are those of the macro, as the template gives them where it calls it,
// with what names the environment evaluated: one that is given goes before. Which
// of them it takes, the macro says.
func (t *templateFile) params(s scope, target boundary.Target, values map[string]json.RawMessage, environment string) (map[string]json.RawMessage, error) {
	params := map[string]json.RawMessage{}
	if s.entry != nil {
		maps.Copy(params, s.entry.Parameters)
	}
	if environment != "" {
		if s.environment() == nil {
			params["Environment"] = nil
		}
		given, err := json.Marshal(environment)
		if err != nil {
			return nil, err
		}
		for name := range params {
			if transform.IsEnvironmentParameter(name) {
				params[name] = given
			}
		}
		return params, nil
	}
	for name, raw := range params {
		if !transform.IsEnvironmentParameter(name) {
			continue
		}
		value, err := t.resolve(raw, target, values)
		if err != nil {
			return nil, fmt.Errorf("parameter %s of the macro in Transform: %w", name, err)
		}
		params[name] = value
	}
	return params, nil
}

// errAtDeployment is what errors wrap about what only a deployment knows.
var errAtDeployment = errors.New("known at deployment")

var subVariable = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// resolve evaluates a Ref or Fn::Sub of template and pseudo parameters.
// CloudFormation does so before it calls a macro.
func (t *templateFile) resolve(raw json.RawMessage, target boundary.Target, values map[string]json.RawMessage) (json.RawMessage, error) {
	var function map[string]json.RawMessage
	if json.Unmarshal(raw, &function) != nil {
		return raw, nil
	}
	var text string
	switch {
	case len(function) == 1 && json.Unmarshal(function["Ref"], &text) == nil:
		return t.lookUp(text, target, values)
	case len(function) == 1 && json.Unmarshal(function["Fn::Sub"], &text) == nil:
		return t.substitute(text, target, values)
	case isIntrinsic(function):
		return nil, boundary.Problem{
			What:   "pbm evaluates only Ref, and Fn::Sub of a string",
			Remedy: "name the environment with --environment",
			Kind:   errAtDeployment,
		}
	}
	return nil, boundary.Problem{What: "it is neither a text nor an intrinsic function", Remedy: "name the environment"}
}

func isIntrinsic(function map[string]json.RawMessage) bool {
	names := slices.Collect(maps.Keys(function))
	return len(names) == 1 && strings.HasPrefix(names[0], "Fn::")
}

func (t *templateFile) lookUp(name string, target boundary.Target, values map[string]json.RawMessage) (json.RawMessage, error) {
	pseudo := map[string]string{"AWS::Partition": target.Partition, "AWS::AccountId": target.AccountID, "AWS::Region": target.Region}
	if text := pseudo[name]; text != "" {
		return json.Marshal(text)
	}
	if value, ok := values[name]; ok {
		return value, nil
	}
	problem := boundary.Problem{Kind: errAtDeployment}
	_, declared := t.parameters[name]
	switch {
	case declared:
		problem.What = fmt.Sprintf("the template parameter %s has no value", clipped(name))
		problem.Remedy = fmt.Sprintf("give it one: --parameter %s=VALUE", printable.Shell(clipped(name)))
	case strings.HasPrefix(name, "AWS::"):
		problem.What, problem.Remedy = "pbm does not know "+clipped(name), "name the environment with --environment"
	default: // no deployment knows it either
		problem.Kind = nil
		problem.What, problem.Remedy = "the template declares no parameter "+clipped(name), "declare it, or name another one"
	}
	return nil, problem
}

func (t *templateFile) substitute(text string, target boundary.Target, values map[string]json.RawMessage) (json.RawMessage, error) {
	var failed error
	text = subVariable.ReplaceAllStringFunc(text, func(variable string) string {
		value, err := t.lookUp(variable[2:len(variable)-1], target, values)
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
