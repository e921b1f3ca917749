package transform_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What a value becomes when CloudFormation deploys it, under every assignment
// of what the template leaves open. Written from CloudFormation's template
// reference, and without the engine.

// scope is what a value can refer to.
type scope struct {
	parameters map[string]any // their declarations
	values     map[string]any // of parameters, where they are known
	mappings   map[string]any
	conditions map[string]any
	resources  map[string]any
	loops      map[string][]string // what the identifiers of loops around stand for, nil where that is not known
	pseudo     map[string]string
}

// errDeployment is why CloudFormation deploys nothing at all.
var errDeployment = errors.New("the deployment fails")

// absent is what AWS::NoValue makes of a property.
type absent struct{}

// maxWorlds is how many assignments are looked at for one value.
const maxWorlds = 500

// outcome is what a value becomes in one world.
type outcome struct {
	text    string // empty when the property is not there
	guessed bool   // depends on something that the template does not decide
	fails   bool   // nothing is deployed
}

// everyOutcome calls look for each world in which a value is deployed, until it
// reports false.
func (s scope) everyOutcome(v any, look func(outcome) bool) {
	w := world{scope: s}
	for range maxWorlds {
		w.restart()
		got, err := w.value(v)
		text, isText := got.(string)
		if isText {
			text = w.resolved(text)
		}
		if !look(outcome{text, w.guessed, err != nil}) {
			return
		}
		if !w.next() {
			return
		}
	}
}

// world is one assignment. Choices are made as they are met; next goes through
// all of them, the last one first.
type world struct {
	scope
	made    []choice
	at      int
	known   map[string]string
	guessed bool
}

type choice struct{ picked, options int }

func (w *world) restart() {
	w.at, w.known, w.guessed = 0, map[string]string{}, false
}

func (w *world) next() bool {
	for i := w.at - 1; i >= 0; i-- {
		if w.made[i].picked+1 < w.made[i].options {
			w.made[i].picked++
			w.made = w.made[:i+1]
			return true
		}
	}
	return false
}

// choose picks one of the options, the same each time in a world.
func (w *world) choose(key string, options []string) string {
	if picked, ok := w.known[key]; ok {
		return picked
	}
	if w.at == len(w.made) {
		w.made = append(w.made, choice{0, len(options)})
	}
	picked := options[w.made[w.at].picked]
	w.at++
	w.known[key] = picked
	return picked
}

const somePolicy = "arn:aws:iam::111122223333:policy/some"

// guess is a value that the template does not decide.
func (w *world) guess(of any) string {
	key, _ := json.Marshal(of)
	w.guessed = true
	return w.choose("guess "+string(key), []string{"", somePolicy, "none"})
}

func (w *world) value(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return w.looped(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return fmt.Sprint(v), nil
	case []any:
		return w.list(v)
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				return w.function(w.looped(name), argument, v)
			}
		}
	}
	return w.guess(v), nil
}

var loopVariable = regexp.MustCompile(`([$&])\{([^{}]+)\}`)

// looped is a text in which loops have put their items, the outer ones as well
// where an item or an inner variable is made of them.
func (w *world) looped(text string) string {
	for range 5 {
		before := text
		text = loopVariable.ReplaceAllStringFunc(text, func(match string) string {
			items, isLoop := w.loops[match[2:len(match)-1]]
			if !isLoop {
				return match
			}
			item := w.item(match[2:len(match)-1], items)
			if match[0] == '&' {
				return regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(item, "")
			}
			return item
		})
		if text == before {
			break
		}
	}
	return text
}

func (w *world) item(identifier string, items []string) string {
	if items == nil {
		w.guessed = true
		items = []string{"", "x"}
	}
	if len(items) == 0 {
		return ""
	}
	return w.choose("loop "+identifier, items)
}

func (w *world) list(v []any) (any, error) {
	out := []any{}
	for _, element := range v {
		one, err := w.value(element)
		if err != nil {
			return nil, err
		}
		if one != (absent{}) {
			out = append(out, one)
		}
	}
	return out, nil
}

func (w *world) function(name string, argument any, whole any) (any, error) {
	list, _ := argument.([]any)
	switch name {
	case "Ref":
		if text, isText := argument.(string); isText {
			return w.ref(w.looped(text), w.loops, text)
		}
	case "Fn::GetAtt":
		return w.attribute(argument)
	case "Fn::If":
		if len(list) == 3 {
			holds, err := w.condition(map[string]any{"Condition": list[0]}, 0)
			if err != nil {
				return nil, err
			}
			if holds {
				return w.value(list[1])
			}
			return w.value(list[2])
		}
	case "Fn::Sub":
		return w.sub(argument)
	case "Fn::Join":
		if len(list) == 2 {
			return w.join(list[0], list[1])
		}
	case "Fn::Split":
		if len(list) == 2 {
			return w.split(list[0], list[1])
		}
	case "Fn::Select":
		if len(list) == 2 {
			return w.sel(list[0], list[1])
		}
	case "Fn::FindInMap":
		if len(list) >= 3 {
			return w.find(list)
		}
	}
	if isNewFunction(name) {
		key, _ := json.Marshal(whole)
		w.guessed = true
		if w.choose("removed "+string(key), []string{"no", "yes"}) == "yes" {
			return absent{}, nil
		}
	}
	return w.guess(whole), nil
}

// documented are the functions of CloudFormation's template reference.
var documented = regexp.MustCompile(`(?s)^Fn::(And|Base64|Cidr|Contains|EachMember(Equals|In)|Equals|FindInMap|ForEach::.*|GetAtt|GetAZs|If|ImportValue|` +
	`Join|Length|Not|Or|RefAll|Select|Split|Sub|ToJsonString|Transform|ValueOf(All)?)$`)

// isNewFunction reports whether a name is that of a function that may do
// anything, for nothing documents it.
func isNewFunction(name string) bool {
	return strings.HasPrefix(name, "Fn::") && !documented.MatchString(name)
}

// hasNewFunction reports whether a member of an object is one.
func hasNewFunction(v any) bool {
	for name := range object(v) {
		if isNewFunction(name) {
			return true
		}
	}
	return false
}

// condition evaluates a condition as far as the template defines it.
func (w *world) condition(v any, depth int) (bool, error) {
	for name, argument := range object(v) {
		list, _ := argument.([]any)
		switch id, isText := argument.(string); {
		case depth > 10:
		case name == "Condition" && isText && w.conditions[id] != nil:
			return w.condition(w.conditions[id], depth+1)
		case name == "Fn::Not" && len(list) == 1:
			holds, err := w.condition(list[0], depth+1)
			return !holds, err
		case name == "Fn::Equals" && len(list) == 2:
			a, err := w.text(list[0])
			if err != nil {
				return false, err
			}
			b, err := w.text(list[1])
			return a == b, err
		}
	}
	key, _ := json.Marshal(v)
	return w.choose("condition "+string(key), []string{"true", "false"}) == "true", nil
}

func (w *world) ref(name string, loops map[string][]string, identifier string) (any, error) {
	if items, isLoop := loops[identifier]; isLoop {
		return w.item(identifier, items), nil
	}
	if name == "AWS::NoValue" {
		return absent{}, nil
	}
	if text, ok := w.pseudo[name]; ok {
		w.guessed = w.guessed || strings.HasPrefix(name, "AWS::Stack") // the template does not name its stack
		return text, nil
	}
	if declaration, ok := w.parameters[name]; ok {
		return w.parameter(name, object(declaration))
	}
	if object(w.resources[name])["Type"] == "AWS::IAM::ManagedPolicy" {
		return w.policy(name)
	}
	return w.guess(map[string]any{"Ref": name}), nil
}

func (w *world) attribute(argument any) (any, error) {
	list, _ := argument.([]any)
	if text, isText := argument.(string); isText {
		resource, attribute, _ := strings.Cut(text, ".")
		list = []any{resource, attribute}
	}
	if len(list) == 2 && list[1] == "PolicyArn" {
		if id, isText := list[0].(string); isText && object(w.resources[w.looped(id)])["Type"] == "AWS::IAM::ManagedPolicy" {
			return w.policy(w.looped(id))
		}
	}
	return w.guess(map[string]any{"Fn::GetAtt": argument}), nil
}

func (w *world) policy(id string) (any, error) {
	properties := object(object(w.resources[id])["Properties"])
	name, err := w.value(properties["ManagedPolicyName"])
	if properties["ManagedPolicyName"] == nil || name == (absent{}) {
		name = "stack-" + id + "-1ABC"
	}
	if err != nil {
		return nil, err
	}
	path, err := w.value(properties["Path"])
	if properties["Path"] == nil || path == (absent{}) {
		path = "/"
	}
	if err != nil {
		return nil, err
	}
	arn := fmt.Sprintf("arn:%s:iam::%s:policy%v%v", w.pseudo["AWS::Partition"], w.pseudo["AWS::AccountId"], path, name)
	if !isPolicyARN(arn) {
		return nil, errDeployment // IAM makes no such policy
	}
	return arn, nil
}

// isScalar reports whether a value is a text, a number or a boolean.
func isScalar(v any) bool {
	switch v.(type) {
	case nil, []any, map[string]any:
		return false
	}
	return true
}

// parameter is one of the values that its declaration allows.
func (w *world) parameter(name string, declaration map[string]any) (any, error) {
	if declaration["Type"] != "String" {
		return w.guess(map[string]any{"Ref": name}), nil
	}
	candidates := []any{"", somePolicy, "none", declaration["Default"], w.values[name]}
	allowed, isOneOf := declaration["AllowedValues"].([]any)
	candidates = append(candidates, allowed...)
	var options []string
	for _, c := range candidates {
		if !isScalar(c) { // CloudFormation refuses the declaration
			continue
		}
		text := fmt.Sprint(c)
		if w.allows(declaration, text) && (!isOneOf || slices.Contains(allowed, c)) && !slices.Contains(options, text) {
			options = append(options, text)
		}
	}
	if len(options) == 0 {
		return nil, errDeployment
	}
	w.guessed = w.guessed || !isOneOf
	return w.choose("parameter "+name, options), nil
}

func (w *world) allows(declaration map[string]any, text string) bool {
	if least, err := strconv.Atoi(fmt.Sprint(declaration["MinLength"])); err == nil && len(text) < least {
		return false
	}
	pattern, isText := declaration["AllowedPattern"].(string)
	whole, err := regexp.Compile(`^(?:` + pattern + `)$`)
	return !isText || err != nil || whole.MatchString(text)
}

func (w *world) text(v any) (string, error) {
	got, err := w.value(v)
	if text, isText := got.(string); err != nil || isText {
		return text, err
	}
	if got == (absent{}) {
		return w.choose("absent text", []string{"", "x"}), nil // the template does not decide
	}
	return "", errDeployment
}

var subVariable = regexp.MustCompile(`\$\{([^!{}][^{}]*)\}`)

func (w *world) sub(argument any) (any, error) {
	values := map[string]any{}
	if list, isList := argument.([]any); isList && len(list) == 2 {
		argument, values = list[0], object(list[1])
	}
	text, isText := argument.(string)
	if !isText {
		return w.guess(map[string]any{"Fn::Sub": argument}), nil
	}
	var failed error
	made := subVariable.ReplaceAllStringFunc(w.looped(text), func(match string) string {
		part, err := w.subVariable(match[2:len(match)-1], values)
		failed = errors.Join(failed, err)
		return part
	})
	return strings.ReplaceAll(made, "${!", "${"), failed
}

func (w *world) subVariable(name string, values map[string]any) (string, error) {
	for given, v := range values {
		if w.looped(given) == name {
			return w.text(v)
		}
	}
	if resource, attribute, isAttribute := strings.Cut(name, "."); isAttribute {
		return w.text(map[string]any{"Fn::GetAtt": []any{resource, attribute}})
	}
	return w.text(map[string]any{"Ref": name})
}

func (w *world) elements(v any) ([]any, error) {
	got, err := w.value(v)
	list, isList := got.([]any)
	if err == nil && !isList {
		err = errDeployment
	}
	return list, err
}

func (w *world) join(delimiter, elements any) (any, error) {
	between, err := w.text(delimiter)
	if err != nil {
		return nil, err
	}
	list, err := w.elements(elements)
	if err != nil {
		return nil, err
	}
	var parts []string
	for _, one := range list {
		text, isText := one.(string)
		if !isText {
			return nil, errDeployment
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, between), nil
}

func (w *world) split(delimiter, of any) (any, error) {
	between, err := w.text(delimiter)
	if err != nil {
		return nil, err
	}
	text, err := w.text(of)
	var list []any
	for part := range strings.SplitSeq(text, between) {
		list = append(list, part)
	}
	return list, err
}

func (w *world) sel(index, of any) (any, error) {
	position, err := w.text(index)
	if err != nil {
		return nil, err
	}
	list, err := w.elements(of)
	at, notNumber := strconv.Atoi(position)
	if err != nil || notNumber != nil || at < 0 || at >= len(list) {
		return nil, errDeployment
	}
	return list[at], nil
}

func (w *world) find(list []any) (any, error) {
	var keys [3]string
	for i := range keys {
		key, err := w.text(list[i])
		if err != nil {
			return nil, err
		}
		keys[i] = key
	}
	if found, ok := object(object(w.mappings[keys[0]])[keys[1]])[keys[2]]; ok {
		return w.value(found)
	}
	if w.mappings == nil { // the template is not in sight
		return w.guess(list), nil
	}
	if len(list) > 3 {
		if fallback, ok := object(list[3])["DefaultValue"]; ok {
			return w.value(fallback)
		}
	}
	return nil, errDeployment
}

var dynamicReference = regexp.MustCompile(`\{\{resolve:[^{}]*\}\}`)

// resolved is a text whose dynamic references have values.
func (w *world) resolved(text string) string {
	return dynamicReference.ReplaceAllStringFunc(text, func(match string) string { return w.guess(match) })
}

var policyARN = regexp.MustCompile(`^arn:[a-z][a-z0-9-]*:iam::([0-9]{12}|aws):policy(/[A-Za-z0-9.,+@=_-]+)+$`)

// isPolicyARN reports whether IAM takes a text for a boundary if the policy
// exists.
func isPolicyARN(text string) bool {
	return policyARN.MatchString(text) && len(text) >= 20 && len(text) <= 2048 && len(text[strings.LastIndexByte(text, '/')+1:]) <= 128
}
