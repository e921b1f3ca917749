package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// NotInSight stands in a text for a part that is not in sight: what a reference,
// a parameter or another intrinsic function of a template yields. It may be any
// text, wildcards included.
const NotInSight = "\x00"

// Pseudo stands in a text of [Read] for the value of a pseudo parameter, such as
// AWS::AccountId. Without it, ${AWS::AccountId} is what it is for IAM: a policy
// variable that no request has, or text.
func Pseudo(name string) string { return pseudoSign + "${" + name + "}" }

// pseudoSign is not UTF-8, so no text of a document has it.
const pseudoSign = "\xff"

// Spelled is a text with pseudo parameters as templates spell them: ${AWS::AccountId}.
func Spelled(text string) string { return strings.ReplaceAll(text, pseudoSign, "") }

// Document is an identity-based policy or a permissions boundary. It is immutable.
type Document struct {
	Statements []*Statement
	variables  bool // ${...} is a variable: Version 2012-10-17
}

// Statement is a statement of a document.
type Statement struct {
	Sid        string // empty: none, or not in sight
	Offset     int    // of its first byte, in the text that the document is from
	Effect     Effect
	Actions    Elements
	Resources  Elements
	Conditions []Condition // all must hold
}

// Effect is what a statement does with the requests that it matches.
type Effect int

// Effects of a statement.
const (
	EffectNotInSight Effect = iota
	Allow
	Deny
)

// Elements are the texts of Action or NotAction, Resource or NotResource. One
// that is not in sight, or may be absent, is NotInSight.
type Elements struct {
	Except bool // NotAction, NotResource
	Texts  []string
}

// Condition is one operator on one key. What is not in sight is NotInSight.
type Condition struct {
	Operator, Key string
	Values        []string
}

// DocumentNotInSight returns a document that may say anything.
func DocumentNotInSight() *Document {
	return &Document{Statements: []*Statement{statementNotInSight(0)}}
}

func statementNotInSight(offset int) *Statement {
	any := Elements{Texts: []string{NotInSight}}
	return &Statement{Offset: offset, Actions: any, Resources: any}
}

// Parse reads the JSON text of a document. Whatever it does not know is an error:
// other elements, among them Principal, operators and versions. An offset counts
// from the start of the text.
func Parse(text []byte) (*Document, error) {
	value, err := parseValue(text)
	if err != nil {
		return nil, err
	}
	return Read(value)
}

// Mentions reports whether a condition or a policy variable is about a condition key,
// in any case.
func (d *Document) Mentions(key string) bool {
	variable := "${" + strings.ToLower(key)
	isAbout := func(text string) bool { return strings.Contains(strings.ToLower(text), variable) }
	return slices.ContainsFunc(d.Statements, func(s *Statement) bool {
		return slices.ContainsFunc(s.Resources.Texts, isAbout) || slices.ContainsFunc(s.Conditions, func(c Condition) bool {
			return strings.EqualFold(c.Key, key) || slices.ContainsFunc(c.Values, isAbout)
		})
	})
}

// Read reads a document of a template from a tree of values, as Parse does. Values
// of the kind Unknown are not in sight.
func Read(document Value) (*Document, error) {
	if document.Kind == Unknown {
		return DocumentNotInSight(), nil
	}
	members, err := object(document, "Version", "Id", "Statement")
	if err != nil {
		return nil, err
	}
	// Without a version it is 2008-10-17, in which variables are text:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
	d := &Document{}
	switch version, given := members["Version"]; {
	case given && version.Kind == Unknown:
		return DocumentNotInSight(), nil
	case given && version.Kind == String && version.Text == "2012-10-17":
		d.variables = true
	case given && (version.Kind != String || version.Text != "2008-10-17"):
		return nil, fmt.Errorf("the Version is neither 2012-10-17 nor 2008-10-17")
	}
	statements, given := members["Statement"]
	if !given {
		return nil, errors.New("no Statement")
	}
	total := 0
	for i, value := range listed(statements) {
		s, err := d.readStatement(value)
		if err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
		size := s.size()
		if total += size; size > maxPolicy || total > maxAlternatives {
			return nil, fmt.Errorf("statement %d: the document is longer than any policy", i+1)
		}
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

// maxPolicy is how many characters the policies of a role have at most:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const maxPolicy = 10240

// maxAlternatives is for a document of a template, which has the statements of both
// branches of Fn::If. It bounds what it costs to compare patterns.
const maxAlternatives = 10 * maxPolicy

// size counts the characters of the texts of a statement, except those of pseudo
// parameters, whose values may be shorter.
func (s *Statement) size() int {
	texts := slices.Concat(s.Actions.Texts, s.Resources.Texts)
	for _, c := range s.Conditions {
		texts = append(append(texts, c.Operator, c.Key), c.Values...)
	}
	size := 0
	for _, text := range texts {
		before, rest, isPseudo := strings.Cut(text, pseudoSign)
		for size += utf8.RuneCountInString(before); isPseudo; size += utf8.RuneCountInString(before) {
			_, rest, _ = strings.Cut(rest, "}")
			before, rest, isPseudo = strings.Cut(rest, pseudoSign)
		}
	}
	return size
}

func (d *Document) readStatement(value Value) (*Statement, error) {
	if value.Kind == Unknown {
		return statementNotInSight(value.Offset), nil
	}
	members, err := object(value, "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
	if err != nil {
		return nil, err
	}
	s := &Statement{Offset: value.Offset}
	if sid := members["Sid"]; sid.Kind == String && !strings.Contains(sid.Text, NotInSight) {
		s.Sid = sid.Text
	}
	if s.Effect, err = readEffect(members); err != nil {
		return nil, err
	}
	if s.Actions, err = readElements(members, "Action", checkAction); err != nil {
		return nil, err
	}
	if s.Resources, err = readElements(members, "Resource", d.checkResource); err != nil {
		return nil, err
	}
	condition, given := members["Condition"]
	if !given {
		return s, nil
	}
	if s.Conditions, err = d.readConditions(condition); err != nil {
		return nil, fmt.Errorf("Condition: %w", err)
	}
	return s, nil
}

func readEffect(members map[string]Value) (Effect, error) {
	effect, given := members["Effect"]
	switch {
	case !given:
		return 0, errors.New("no Effect")
	case effect.Kind == Unknown, effect.Kind == String && strings.Contains(effect.Text, NotInSight):
		return EffectNotInSight, nil
	case effect.Kind == String && effect.Text == "Allow":
		return Allow, nil
	case effect.Kind == String && effect.Text == "Deny":
		return Deny, nil
	}
	return 0, errors.New("the Effect is neither Allow nor Deny")
}

func readElements(members map[string]Value, name string, check func(string) error) (Elements, error) {
	value, given := members[name]
	except, excepted := members["Not"+name]
	if given == excepted {
		return Elements{}, fmt.Errorf("not exactly one of %s and Not%s", name, name)
	}
	if excepted {
		name, value = "Not"+name, except
	}
	texts, err := readTexts(value)
	if err != nil {
		return Elements{}, fmt.Errorf("%s: %w", name, err)
	}
	for _, text := range texts {
		err := check(text)
		if utf8.RuneCountInString(text) > maxARN {
			err = errors.New("a text that is longer than any ARN")
		}
		if err != nil {
			return Elements{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return Elements{Except: excepted, Texts: texts}, nil
}

// maxARN is IAM's limit on the length of an ARN, in characters:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const maxARN = 2048

// readTexts reads a string or a list of them.
func readTexts(value Value) ([]string, error) {
	var texts []string
	for _, element := range listed(value) {
		switch element.Kind {
		case String:
			texts = append(texts, element.Text)
		case Unknown:
			texts = append(texts, NotInSight)
		default:
			return nil, errors.New("not a string or a list of strings")
		}
	}
	if texts == nil {
		return nil, errors.New("an empty list")
	}
	return texts, nil
}

func (d *Document) readConditions(value Value) ([]Condition, error) {
	notInSight := Condition{Operator: NotInSight, Key: NotInSight, Values: []string{NotInSight}}
	if value.Kind == Unknown {
		return []Condition{notInSight}, nil
	}
	if _, err := object(value); err != nil {
		return nil, err
	}
	var all []Condition
	for _, operator := range value.Members {
		if operator.Value.Kind == Unknown || strings.Contains(operator.Name, NotInSight) {
			all = append(all, notInSight)
			continue
		}
		if _, err := parseOperator(operator.Name); err != nil {
			return nil, err
		}
		if _, err := object(operator.Value); err != nil {
			return nil, fmt.Errorf("%s: %w", operator.Name, err)
		}
		for _, key := range operator.Value.Members {
			c := Condition{Operator: operator.Name, Key: key.Name}
			var err error
			if c.Values, err = d.readConditionValues(key.Value); err != nil {
				return nil, fmt.Errorf("%s of %s: %w", operator.Name, key.Name, err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

// readConditionValues reads a value or a list of them. Numbers and Booleans may
// stand without quotes.
func (d *Document) readConditionValues(value Value) ([]string, error) {
	var elements []Value
	for _, element := range listed(value) {
		if element.Kind == Literal {
			element.Kind = String
		}
		elements = append(elements, element)
	}
	texts, err := readTexts(Value{Kind: List, Elements: elements})
	for _, text := range texts {
		if err := d.checkVariables(text); err != nil {
			return nil, err
		}
	}
	return texts, err
}

// listed are the elements of a list, or the value that stands alone.
func listed(value Value) []Value {
	if value.Kind == List {
		return value.Elements
	}
	return []Value{value}
}

// object returns the members of an object by name. If names are known, others
// are an error.
func object(value Value, known ...string) (map[string]Value, error) {
	if value.Kind != Object {
		return nil, errors.New("not an object")
	}
	members := map[string]Value{}
	for _, member := range value.Members {
		if known != nil && !slices.Contains(known, member.Name) {
			return nil, fmt.Errorf("%q is not an element of an identity-based policy", member.Name)
		}
		if _, twice := members[member.Name]; twice {
			return nil, fmt.Errorf("%q twice", member.Name)
		}
		members[member.Name] = member.Value
	}
	return members, nil
}

// checkAction accepts * and service:name, both of which may have wildcards.
func checkAction(text string) error {
	service, name, found := strings.Cut(text, ":")
	switch {
	case text == "*", strings.Contains(text, NotInSight), found && service != "" && name != "" && !strings.ContainsAny(text, "${} "):
		return nil
	}
	return fmt.Errorf("%q is not an action", Spelled(text))
}

// checkResource accepts ARNs, and what begins with a wildcard or is not in sight.
func (d *Document) checkResource(text string) error {
	if !strings.HasPrefix(text, "arn:") && !strings.HasPrefix(text, "*") && !strings.HasPrefix(text, NotInSight) {
		return fmt.Errorf("%q is not an ARN or *", Spelled(text))
	}
	return d.checkVariables(text)
}

// checkVariables reports a variable that does not end.
func (d *Document) checkVariables(text string) error {
	for behind := text; d.variables; {
		var found bool
		if _, behind, found = strings.Cut(behind, "${"); !found {
			return nil
		}
		if _, behind, found = strings.Cut(behind, "}"); !found {
			return fmt.Errorf("the variable in %q has no end", Spelled(text))
		}
	}
	return nil
}
