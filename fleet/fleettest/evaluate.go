package fleettest

import (
	"fmt"
	"regexp"
	"strings"

	"permissions-boundary-macro/boundary"
)

// evaluation is what intrinsic functions refer to.
type evaluation struct {
	pseudo, parameters map[string]string
	conditions         map[string]any
	physical           map[string]string // IDs of resources by logical ID
}

// evaluation is that of a template without its resources, whose physical IDs are
// added as they become known.
func (a *Account) evaluation(region string, parameters []Parameter, conditions map[string]any) *evaluation {
	partition := boundary.PartitionOf(region)
	e := &evaluation{
		pseudo: map[string]string{
			"AWS::AccountId": a.ID, "AWS::Partition": partition, "AWS::Region": region, "AWS::NoValue": "",
		},
		parameters: map[string]string{}, conditions: conditions, physical: map[string]string{},
	}
	for _, p := range parameters {
		e.parameters[p.Key] = p.text()
	}
	return e
}

// text is a value that must be text. An absent one and AWS::NoValue are empty.
func (e *evaluation) text(value any) (string, error) {
	value, err := e.value(value)
	if err != nil || value == nil {
		return "", err
	}
	switch value.(type) {
	case map[string]any, []any:
		return "", fmt.Errorf("a value of type %T is not text", value)
	}
	return fmt.Sprint(value), nil
}

// value is what a value of a template becomes. Functions that are not known are
// errors.
func (e *evaluation) value(value any) (any, error) {
	switch value := value.(type) {
	case []any:
		out := make([]any, len(value))
		for i := range value {
			var err error
			if out[i], err = e.value(value[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		if len(value) == 1 {
			for name, argument := range value {
				return e.call(name, argument)
			}
		}
		return nil, fmt.Errorf("an object with %d members is not an intrinsic function", len(value))
	}
	return value, nil
}

func (e *evaluation) call(name string, argument any) (any, error) {
	list, _ := argument.([]any)
	switch {
	case name == "Ref":
		return e.ref(fmt.Sprint(argument))
	case name == "Fn::Sub":
		return e.sub(argument)
	case name == "Fn::Join" && len(list) == 2:
		return e.join(list[0], list[1])
	case name == "Fn::If" && len(list) == 3:
		holds, err := e.conditionHolds(fmt.Sprint(list[0]))
		if err != nil {
			return nil, err
		}
		if holds {
			return e.value(list[1])
		}
		return e.value(list[2])
	}
	return nil, fmt.Errorf("fleettest does not evaluate %s here", name)
}

func (e *evaluation) ref(name string) (any, error) {
	for _, known := range []map[string]string{e.pseudo, e.parameters, e.physical} {
		if text, found := known[name]; found {
			return text, nil
		}
	}
	return nil, fmt.Errorf("fleettest has no value for Ref %s", name)
}

var placeholder = regexp.MustCompile(`\$\{([^!{}][^{}]*)\}`)

func (e *evaluation) sub(argument any) (any, error) {
	text, isText := argument.(string)
	if !isText {
		return nil, fmt.Errorf("fleettest does not evaluate Fn::Sub with variables of its own")
	}
	var failed error
	text = placeholder.ReplaceAllStringFunc(text, func(found string) string {
		value, err := e.ref(found[2 : len(found)-1])
		if err != nil {
			failed = err
		}
		return fmt.Sprint(value)
	})
	return strings.ReplaceAll(text, "${!", "${"), failed
}

func (e *evaluation) join(separator, elements any) (any, error) {
	elements, err := e.value(elements)
	if err != nil {
		return nil, err
	}
	list, isList := elements.([]any)
	if !isList {
		return nil, fmt.Errorf("the elements of Fn::Join are not a list")
	}
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = fmt.Sprint(list[i])
	}
	return strings.Join(texts, fmt.Sprint(separator)), nil
}

// conditionHolds evaluates the condition that a resource or an Fn::If names. A
// resource that names none exists.
func (e *evaluation) conditionHolds(condition string) (bool, error) {
	if condition == "" {
		return true, nil
	}
	definition, defined := e.conditions[condition]
	if !defined {
		return false, invalid("Template error: unresolved condition dependency %s", condition)
	}
	return e.holds(definition)
}

// holds evaluates a condition function.
func (e *evaluation) holds(condition any) (bool, error) {
	function, _ := condition.(map[string]any)
	for name, argument := range function {
		list, _ := argument.([]any)
		switch {
		case name == "Condition":
			return e.conditionHolds(fmt.Sprint(argument))
		case name == "Fn::Equals" && len(list) == 2:
			left, err := e.text(list[0])
			if err != nil {
				return false, err
			}
			right, err := e.text(list[1])
			return left == right, err
		case name == "Fn::Not" && len(list) == 1:
			holds, err := e.holds(list[0])
			return !holds, err
		case name == "Fn::And":
			return e.all(list, true)
		case name == "Fn::Or":
			some, err := e.all(list, false)
			return !some, err
		}
	}
	return false, fmt.Errorf("fleettest does not evaluate a condition")
}

// all reports whether all conditions evaluate to want.
func (e *evaluation) all(conditions []any, want bool) (bool, error) {
	for _, c := range conditions {
		holds, err := e.holds(c)
		if err != nil || holds != want {
			return false, err
		}
	}
	return true, nil
}
