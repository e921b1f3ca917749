package deploy

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/template"
)

// values are those of a template's parameters before a deployment.
type values struct {
	byName  map[string]template.Node
	object  template.Node // the same
	awaited []string      // parameters that have none
}

// deployment is what CloudFormation would ask the macro about a scope.
func (t *templateFile) deployment(s scope, target boundary.Target, v values, environment, macro string) (transform.Deployment, error) {
	params, err := t.params(s, target, v, environment)
	return transform.Deployment{
		Template: s.template, AccountID: target.AccountID, Region: target.Region, Macro: macro,
		Parameters: object(params), TemplateParameters: v.object, Awaited: v.awaited, Verdict: s.verdict,
	}, err
}

// values are the values of the template's parameters: those given, and the
// defaults of the others, unless the default is where a deployment finds it. It
// notes those that are used, unless there is no place to: then all that are given
// must be declared.
func (t *templateFile) values(given []string, used map[string]bool) (values, error) {
	v := values{byName: map[string]template.Node{}}
	for name, p := range t.parameters {
		if !p.Default.Absent() && !p.isKey() {
			v.byName[name] = parameterValue(p.Type, t.spelled(p.Default))
		}
	}
	for _, assignment := range given {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return v, usagef("--parameter %s is not of the form NAME=VALUE", name)
		}
		p, declared := t.parameters[name]
		switch {
		case declared:
			v.byName[name] = parameterValue(p.Type, value)
		case used == nil:
			return v, usagef("--parameter %s: the template declares no such parameter", name)
		}
		if declared && used != nil {
			used[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.parameters)) {
		if _, known := v.byName[name]; !known {
			v.awaited = append(v.awaited, name)
		}
	}
	v.object = object(v.byName)
	return v, nil
}

// spelled is a default as a parameter's value, which is always text.
func (t *templateFile) spelled(n template.Node) string {
	switch {
	case n.IsNull():
		return ""
	case n.IsObject(), n.IsArray():
		return string(t.source(n))
	}
	return n.Text
}

// parameterValue is a value as CloudFormation sends it: lists are arrays.
func parameterValue(typ, value string) template.Node {
	if typ != "CommaDelimitedList" && !strings.HasPrefix(typ, "List<") {
		return text(value)
	}
	list := template.Node{Kind: jsontext.KindBeginArray}
	for item := range strings.SplitSeq(value, ",") {
		list.Elements = append(list.Elements, text(strings.TrimSpace(item)))
	}
	return list
}

func text(s string) template.Node { return template.Node{Kind: jsontext.KindString, Text: s} }

func object(members map[string]template.Node) template.Node {
	n := template.Node{Kind: jsontext.KindBeginObject}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		n.Members = append(n.Members, template.Member{Name: name, Value: members[name]})
	}
	return n
}

// params are those of the macro, as the template gives them where it calls it,
// with what names the environment evaluated: one that is given goes before. Which
// of them it takes, the macro says.
func (t *templateFile) params(s scope, target boundary.Target, v values, environment string) (map[string]template.Node, error) {
	params := map[string]template.Node{}
	maps.Copy(params, s.parameters)
	if environment != "" && s.environment().Absent() {
		params["Environment"] = text(environment)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		value := params[name]
		switch {
		case !transform.IsEnvironmentParameter(name):
		case environment != "":
			params[name] = text(environment)
		default:
			resolved, err := t.resolve(value, target, v)
			if err != nil {
				return nil, fmt.Errorf("parameter %s of the macro in Transform: %w", name, err)
			}
			params[name] = resolved
		}
	}
	return params, nil
}

// errAtDeployment is what errors wrap about what only a deployment knows.
var errAtDeployment = errors.New("known at deployment")

var subVariable = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// resolve evaluates a Ref or Fn::Sub of template and pseudo parameters.
// CloudFormation does so before it calls a macro.
func (t *templateFile) resolve(n template.Node, target boundary.Target, v values) (template.Node, error) {
	if !n.IsObject() && !n.IsNull() {
		return n, nil
	}
	switch name, argument := n.Only(); {
	case name == "Ref" && argument.IsString():
		return t.lookUp(argument.Text, target, v)
	case name == "Fn::Sub" && argument.IsString():
		return t.substitute(argument.Text, target, v)
	case strings.HasPrefix(name, "Fn::"):
		return n, boundary.Problem{
			What:   "pbm evaluates only Ref, and Fn::Sub of a string",
			Remedy: "name the environment with --environment",
			Kind:   errAtDeployment,
		}
	}
	return n, boundary.Problem{What: "it is neither a text nor an intrinsic function", Remedy: "name the environment"}
}

func (t *templateFile) lookUp(name string, target boundary.Target, v values) (template.Node, error) {
	pseudo := map[string]string{"AWS::Partition": target.Partition, "AWS::AccountId": target.AccountID, "AWS::Region": target.Region}
	if value := pseudo[name]; value != "" {
		return text(value), nil
	}
	if value, ok := v.byName[name]; ok {
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
	return template.Node{}, problem
}

func (t *templateFile) substitute(sub string, target boundary.Target, v values) (template.Node, error) {
	var failed error
	sub = subVariable.ReplaceAllStringFunc(sub, func(variable string) string {
		value, err := t.lookUp(variable[2:len(variable)-1], target, v)
		if err == nil && !value.IsString() {
			err = boundary.Problem{What: "the template parameter " + clipped(variable[2:len(variable)-1]) + " is a list", Remedy: "name the environment with a text"}
		}
		if err != nil && (failed == nil || errors.Is(failed, errAtDeployment)) {
			failed = err
		}
		return value.Text
	})
	return text(sub), failed
}
