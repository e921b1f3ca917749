package fleettest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// knownAfterApply is what descriptions of change sets have for a value that
// CloudFormation does not know yet. Source: recorded on AWS.
const knownAfterApply = "{{changeSet:KNOWN_AFTER_APPLY}}"

// noValue stands for AWS::NoValue, which removes what it is the value of.
type noValue struct{}

// resolve evaluates a value of any shape. Functions that are not known stay,
// with their arguments resolved, so that two values are equal if and only if
// what they depend on is.
func (e *evaluation) resolve(value any) any {
	switch value := value.(type) {
	case []any:
		out := []any{}
		for _, element := range value {
			if resolved := e.resolve(element); resolved != (noValue{}) {
				out = append(out, resolved)
			}
		}
		return out
	case map[string]any:
		if name, argument, isOne := functionOf(value); isOne {
			return e.resolveCall(name, argument)
		}
		out := map[string]any{}
		for name, member := range value {
			if resolved := e.resolve(member); resolved != (noValue{}) {
				out[name] = resolved
			}
		}
		return out
	}
	return value
}

// functionOf is the intrinsic function that an object calls, if it calls one.
func functionOf(object map[string]any) (name string, argument any, isOne bool) {
	for name, argument := range object {
		if len(object) == 1 && (name == "Ref" || strings.HasPrefix(name, "Fn::")) {
			return name, argument, true
		}
	}
	return "", nil, false
}

func (e *evaluation) resolveCall(name string, argument any) any {
	list, _ := argument.([]any)
	switch {
	case name == "Ref" && argument == "AWS::NoValue":
		return noValue{}
	case name == "Fn::GetAtt":
		return e.attribute(argument)
	case name == "Fn::If" && len(list) == 3:
		condition, _ := list[0].(string)
		if holds, err := e.conditionHolds(condition); err == nil {
			return e.resolve(list[map[bool]int{true: 1, false: 2}[holds]])
		}
	}
	value, err := e.call(name, argument)
	switch {
	case name == "Fn::Sub":
		value = e.resolveSub(argument)
	case err != nil:
		return map[string]any{name: e.resolve(argument)}
	}
	if text, isText := value.(string); isText && strings.Contains(text, knownAfterApply) {
		return knownAfterApply
	}
	return value
}

// resolveSub replaces the placeholders of Fn::Sub by variables of its own, by
// attributes, and by what a Ref is. Those that are not known stay.
func (e *evaluation) resolveSub(argument any) any {
	text, _ := argument.(string)
	variables := map[string]any{}
	if list, isList := argument.([]any); isList && len(list) == 2 {
		text, _ = list[0].(string)
		variables, _ = list[1].(map[string]any)
	}
	text = placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		if variable, isOwn := variables[name]; isOwn {
			return textOf(e.resolve(variable))
		}
		if strings.Contains(name, ".") {
			return textOf(e.attribute(name))
		}
		value, err := e.ref(name)
		if err != nil {
			return found
		}
		return fmt.Sprint(value)
	})
	return strings.ReplaceAll(text, "${!", "${")
}

// attribute is text that is the same as long as the resource is.
func (e *evaluation) attribute(argument any) any {
	name, _ := argument.(string)
	if list, isList := argument.([]any); isList && len(list) == 2 {
		id, _ := list[0].(string)
		attribute, _ := list[1].(string)
		name = id + "." + attribute
	}
	id, attribute, _ := strings.Cut(name, ".")
	physical, known := e.physical[id]
	if !known || physical == knownAfterApply {
		return knownAfterApply
	}
	return physical + "." + attribute
}

// references are the names that a value refers to by Ref, Fn::Sub and
// Fn::GetAtt, sorted. Those of attributes are LogicalID.Attribute.
func references(value any) []string {
	found := map[string]bool{}
	collectReferences(value, found)
	return slices.Sorted(maps.Keys(found))
}

func collectReferences(value any, found map[string]bool) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			collectReferences(element, found)
		}
	case map[string]any:
		for name, member := range value {
			text, isText := member.(string)
			list, _ := member.([]any)
			switch {
			case name == "Ref" && isText, name == "Fn::GetAtt" && isText:
				found[text] = true
			case name == "Fn::GetAtt" && len(list) == 2:
				id, _ := list[0].(string)
				attribute, _ := list[1].(string)
				found[id+"."+attribute] = true
			case name == "Fn::Sub" && isText:
				collectPlaceholders(text, found)
			case name == "Fn::Sub" && len(list) > 0:
				text, _ = list[0].(string)
				collectPlaceholders(text, found)
			}
			collectReferences(member, found)
		}
	}
}

func collectPlaceholders(text string, found map[string]bool) {
	for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
		found[match[1]] = true
	}
}
