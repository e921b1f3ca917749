package transform_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// An expander of Fn::ForEach, written from CloudFormation's documentation of
// Fn::ForEach and AWS::LanguageExtensions, and a reader of what it makes. They
// share no code with the engine.

// ordered is an object that keeps the order of its members, and those that have the same name: a
// loop may make a name that is there already, and either may count.
type ordered []pair

type pair struct {
	name  string
	value any // ordered, []any, string, json.Number, bool or nil
}

// all are the values of the members with a name.
func (o ordered) all(name string) (values []any) {
	for _, p := range o {
		if p.name == name {
			values = append(values, p.value)
		}
	}
	return values
}

func parseOrdered(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return readOrdered(dec)
}

func readOrdered(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := ordered{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			value, err := readOrdered(dec)
			if err != nil {
				return nil, err
			}
			o = append(o, pair{name.(string), value})
		}
		_, err = dec.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			value, err := readOrdered(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = dec.Token()
		return list, err
	}
	return token, nil
}

func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(p.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// withoutOrder is a value with maps for objects, where the last of the same name counts.
func withoutOrder(v any) any {
	switch v := v.(type) {
	case ordered:
		m := map[string]any{}
		for _, p := range v {
			m[p.name] = withoutOrder(p.value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = withoutOrder(v[i])
		}
		return list
	}
	return v
}

// expander replaces loops by what they make.
type expander struct {
	lists map[string][]string // template parameters that are lists
	// innermost has inner loops expanded first. The documentation does not name
	// the order, and reads as if it were the outer ones.
	innermost bool
}

// errLoop is a loop that CloudFormation refuses.
var errLoop = fmt.Errorf("is not [identifier, collection, {key: value}]")

func (e expander) expandText(template []byte) ([]byte, error) {
	t, err := parseOrdered(template)
	if err != nil {
		return nil, err
	}
	made, err := e.expand(t)
	if err != nil {
		return nil, err
	}
	return json.Marshal(made)
}

func (e expander) expand(v any) (any, error) {
	switch v := v.(type) {
	case ordered:
		return e.object(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			one, err := e.expand(v[i])
			if err != nil {
				return nil, err
			}
			list[i] = one
		}
		return list, nil
	}
	return v, nil
}

func (e expander) object(o ordered) (any, error) {
	made := ordered{}
	for _, p := range o {
		if strings.HasPrefix(p.name, "Fn::ForEach::") {
			more, err := e.loop(p.value)
			if err != nil {
				return nil, err
			}
			made = append(made, more...)
			continue
		}
		value, err := e.expand(p.value)
		if err != nil {
			return nil, err
		}
		made = append(made, pair{p.name, value})
	}
	return made, nil
}

func (e expander) loop(v any) (ordered, error) {
	list, _ := v.([]any)
	if len(list) != 3 {
		return nil, errLoop
	}
	identifier, isText := list[0].(string)
	items, isList := e.items(list[1])
	if _, isObject := list[2].(ordered); !isText || !isList || !isObject {
		return nil, errLoop
	}
	body := list[2]
	if e.innermost {
		var err error
		if body, err = e.expand(body); err != nil {
			return nil, err
		}
	}
	var made ordered
	for _, item := range items {
		more, err := e.expand(replaced(body, identifier, item))
		if err != nil {
			return nil, err
		}
		made = append(made, more.(ordered)...)
	}
	return made, nil
}

// items are those of a collection: texts, or a parameter that is a list.
func (e expander) items(v any) ([]string, bool) {
	if list, isList := v.([]any); isList {
		var items []string
		for _, one := range list {
			item, isText := one.(string)
			if !isText {
				return nil, false
			}
			items = append(items, item)
		}
		return items, true
	}
	reference, _ := v.(ordered)
	if len(reference) != 1 || reference[0].name != "Ref" {
		return nil, false
	}
	name, _ := reference[0].value.(string)
	items, isList := e.lists[name]
	return items, isList
}

// replaced is a value in which an item stands for the identifier of a loop.
func replaced(v any, identifier, item string) any {
	switch v := v.(type) {
	case string:
		if !strings.Contains(v, "{"+identifier+"}") {
			return v
		}
		return strings.NewReplacer("${"+identifier+"}", item, "&{"+identifier+"}", lettersAndDigits(item)).Replace(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = replaced(v[i], identifier, item)
		}
		return list
	case ordered:
		if len(v) == 1 && v[0].name == "Ref" && v[0].value == identifier {
			return item
		}
		o := make(ordered, len(v))
		for i, p := range v {
			o[i] = pair{replaced(p.name, identifier, item).(string), replaced(p.value, identifier, item)}
		}
		return o
	}
	return v
}

func lettersAndDigits(item string) string {
	var kept []rune
	for _, r := range item {
		if strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", r) {
			kept = append(kept, r)
		}
	}
	return string(kept)
}

// expandedCheck looks for roles in a template without loops.
type expandedCheck struct {
	expander
	boundCheck // judges the values
	roles      *int
}

func (c expandedCheck) template(v any) error {
	t, _ := v.(ordered)
	c.scope = c.scopeOf(object(withoutOrder(v)))
	for _, section := range t.all("Resources") {
		resources, _ := section.(ordered)
		for _, p := range resources {
			if err := c.resource(p.value); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

// resource checks what a resource may be, whichever Type and Properties count.
func (c expandedCheck) resource(v any) error {
	r, _ := v.(ordered)
	for _, typ := range r.all("Type") {
		properties := r.all("Properties")
		switch typ {
		case "AWS::IAM::User":
			if !c.options.BoundUsers {
				continue
			}
			fallthrough
		case "AWS::IAM::Role":
			if err := c.bound(properties); err != nil {
				return err
			}
		case "AWS::Serverless::Function", "AWS::Serverless::StateMachine":
			if err := c.bound(properties); err != nil && !c.makesNoRole(typ, properties) {
				return err
			}
			if err := c.events(properties); err != nil {
				return err
			}
		case "AWS::CloudFormation::StackSet", "AWS::CloudFormation::ChangeSet":
			if err := c.bodies(properties); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c expandedCheck) bound(properties []any) error {
	*c.roles++
	if len(properties) == 0 {
		return fmt.Errorf("no Properties")
	}
	for _, one := range properties {
		object, _ := one.(ordered)
		boundaries := object.all("PermissionsBoundary")
		if len(boundaries) == 0 {
			return fmt.Errorf("no boundary")
		}
		for _, boundary := range boundaries {
			if err := c.value("it", withoutOrder(boundary)); err != nil {
				return err
			}
		}
	}
	return nil
}

// makesNoRole reports whether SAM makes no role of its own for a function or a
// state machine, which is given one. Those of a state machine's events take its
// boundary.
func (c expandedCheck) makesNoRole(typ any, properties []any) bool {
	return !slices.ContainsFunc(properties, func(one any) bool {
		p, _ := one.(ordered)
		roles := p.all("Role")
		isGiven := c.isTrue
		if typ == "AWS::Serverless::Function" {
			isGiven = isFunctionRole
		}
		return len(roles) == 0 || typ == "AWS::Serverless::StateMachine" && p.all("Events") != nil || slices.ContainsFunc(roles, func(v any) bool { return !isGiven(withoutOrder(v)) })
	})
}

func (c expandedCheck) events(properties []any) error {
	for _, one := range properties {
		p, _ := one.(ordered)
		for _, events := range p.all("Events") {
			all, _ := events.(ordered)
			for _, event := range all {
				e, _ := event.value.(ordered)
				if !slices.Contains(e.all("Type"), any("ScheduleV2")) {
					continue
				}
				if err := c.bound(e.all("Properties")); err != nil {
					return fmt.Errorf("%s: %w", event.name, err)
				}
			}
		}
	}
	return nil
}

// bodies checks the templates of StackSets. Where one has loops, those are
// expanded when it is deployed.
func (c expandedCheck) bodies(properties []any) error {
	for _, one := range properties {
		p, _ := one.(ordered)
		for _, body := range p.all("TemplateBody") {
			text, _ := body.(string)
			t, err := parseOrdered([]byte(text))
			if err != nil {
				continue // nothing that is deployed
			}
			made, err := c.expand(t)
			if err != nil {
				continue
			}
			inner := c
			inner.boundCheck.elsewhere()
			if err := inner.template(made); err != nil {
				return fmt.Errorf("TemplateBody: %w", err)
			}
		}
	}
	return nil
}
