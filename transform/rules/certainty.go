package rules

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform/template"
)

// certainty tells what the values of a template can become when it is
// deployed, as far as the template decides it.
//
// A value is certain to be a boundary when each text that it can become is the
// ARN of a managed policy: written out, built from the template's literals and
// AWS's own variables, or that of a policy of the same template. Two things are
// left to the people who deploy, because neither can leave a role unbound:
//
//   - A part of the ARN that is not known, such as ${Name} in
//     arn:aws:iam::111122223333:policy/${Name}. The text is never empty, and IAM
//     takes nothing but a policy there.
//   - A parameter whose declaration excludes the empty text, unless its default
//     or its present value is something other than a policy's ARN. In a branch of
//     Fn::If, a condition may exclude the empty text: that of the idiom
//     !If [HasBoundary, !Ref Boundary, !Ref AWS::NoValue].
//
// Everything else may be empty, or something other than a boundary: attributes
// of other resources, outputs of nested stacks, imports, dynamic references,
// parameters stored in SSM, and references to what the template does not have.
type certainty struct {
	*facts
	loops      loops
	parameters map[string]template.Node // templateParameterValues, where the template's are known
	now        bool                     // parameters have their present values, as for SAM
	nonEmpty   []string                 // parameters that the conditions around the value keep from being empty
}

// facts are what a template says that values refer to.
type facts struct {
	src        []byte
	around     loops                    // around the template
	declared   map[string]template.Node // Parameters
	conditions map[string]template.Node
	policies   map[string]*managedPolicy
	replacing  []varyingID
	mappings   mappings
	read       map[parameterKey][]string
}

// certainty is what the template says, in loops. It must be read by now.
func (v *Verdict) certainty(around loops, parameters map[string]template.Node) certainty {
	if v.facts == nil {
		v.facts = &facts{
			src:        v.Src,
			around:     v.around,
			declared:   v.section(v.parameters).ByName(),
			conditions: v.section(v.conditions).ByName(),
			policies:   v.policies,
			replacing:  v.replacing,
			mappings:   mappingsOf(v.section(v.mappings)),
			read:       map[parameterKey][]string{},
		}
	}
	return certainty{facts: v.facts, loops: around, parameters: parameters}
}

// section is one of the template. The loops around a template that is written
// into another one may put a name into a section twice, and the last one counts:
// such a section is not read, for nobody can tell what it says.
func (v *Verdict) section(at template.Span) template.Node {
	section := template.NodeAt(v.Src, at)
	if len(v.around) > 0 && v.around.anyVariesWithin(section) {
		return template.Node{}
	}
	return section
}

// What stands in the texts that a value can become for what is not known.
const (
	unknown = "\x00" // any text, also an empty one
	given   = "\x01" // the value of a parameter that cannot be empty
	foreign = "\x02" // a character that no ARN has
)

// Bounds on what is worked out about one value, so that the time stays linear
// for templates made to be slow: beyond them, any text is taken to be possible.
const (
	maxTexts = 16   // that one value can become
	maxText  = 4096 // bytes of one, more than an ARN has
	maxParts = 50   // of one text
)

func anyText() []string { return []string{unknown} }

// anyTextOrNoARN stands for text that may not fit into an ARN.
func anyTextOrNoARN() []string { return []string{unknown, foreign} }

// anyOf stands for texts that are too many.
func anyOf(texts ...[]string) []string {
	for _, text := range slices.Concat(texts...) {
		if !partOfARN.MatchString(text) {
			return anyTextOrNoARN()
		}
	}
	return anyText()
}

// partOfARN matches the texts that the ARN of a policy may have in it, and
// variables of AWS.
var partOfARN = regexp.MustCompile(`^[A-Za-z0-9_+=,.@/:${}\x00\x01-]*$`)

// isNoPolicy reports whether text is not certain to be the ARN of a policy.
func isNoPolicy(text string) bool {
	if text == given {
		return false
	}
	text = sampled(text)
	value, err := boundary.Parse(text)
	return err != nil || value.IsNone() || text != strings.TrimSpace(text)
}

// sampled puts samples in the place of parts that are not known, where the rest
// of a text leaves no doubt that it is the ARN of a policy.
func sampled(text string) string {
	const prefix, account, policy = "arn:", ":iam::", ":policy/"
	head, name, isPolicy := strings.Cut(text, policy)
	partition, id, isIAM := strings.Cut(strings.TrimPrefix(head, prefix), account)
	if !isPolicy || !isIAM || !strings.HasPrefix(head, prefix) {
		return text
	}
	if hasUnknown(partition) {
		partition = "aws"
	}
	if hasUnknown(id) {
		id = "aws"
	}
	return prefix + partition + account + id + policy + strings.NewReplacer(unknown, "x", given, "x").Replace(name)
}

func hasUnknown(text string) bool { return strings.ContainsAny(text, unknown+given) }

// texts are those that a value can become, with ${AWS::Partition},
// ${AWS::AccountId} and ${AWS::Region} in them. There is at least one.
func (c certainty) texts(n template.Node) []string {
	switch {
	case n.IsString():
		return c.literal(n.Text)
	case !n.IsObject():
		return scalarTexts(n)
	}
	if _, either := branches(n); either != nil {
		return union(c.texts(either[0]), c.texts(either[1]))
	}
	name, argument := n.Only()
	if f := functions[name]; f.texts != nil {
		return f.texts(c, argument)
	}
	return anyText()
}

// plain is a literal without the characters that no ARN has, so that those
// left are the ones of AWS's own variables.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(partsOfVariable, r) {
			return rune(foreign[0])
		}
		return r
	}, text)
}

// literal are the texts that loops make of one.
func (c certainty) literal(text string) []string {
	made := []string{""}
	for range maxParts {
		before, v, rest := c.loops.cut(text)
		switch {
		case v == nil:
			return followed(made, []string{plain(before)})
		case strings.ContainsAny(before, partsOfVariable):
			return anyText() // a variable whose name is made of another one
		}
		made = followed(followed(made, []string{plain(before)}), v.texts())
		text = rest
	}
	return anyText()
}

// texts are those that the variable stands for.
func (v *variable) texts() []string {
	values, known := v.values()
	switch {
	case !v.alphanumeric && slices.ContainsFunc(v.of, func(l *loop) bool { return l.hasParts }):
		return anyTextOrNoARN()
	case !known || len(values) == 0:
		return anyText()
	case len(values) > maxTexts:
		return anyOf(values)
	}
	return values
}

// followed are the texts of one list, each followed by those of another. If one of
// them is too long, none of them is told.
func followed(first, second []string) []string {
	if len(first)*len(second) > maxTexts {
		return anyOf(first, second)
	}
	var all []string
	for _, a := range first {
		for _, b := range second {
			if len(a)+len(b) > maxText {
				return anyTextOrNoARN()
			}
			all = append(all, a+b)
		}
	}
	return all
}

// union are the texts of both lists.
func union(first, second []string) []string {
	all := slices.Clip(first)
	for _, text := range second {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if len(all) > maxTexts {
		return anyOf(all)
	}
	return all
}

// referred are the texts that a Ref stands for.
func (c certainty) referred(argument template.Node) []string {
	name := argument.Text
	return c.varied(name, func() []string { return c.outside(name) })
}

// varied are the texts of a name that may be the variable of a loop. One that
// only may be stands for what it is outside of loops, too.
func (c certainty) varied(name string, outside func() []string) []string {
	of := c.loops.seen().named(name)
	switch {
	case len(of) == 0:
		return outside()
	case slices.ContainsFunc(of, func(l *loop) bool { return l.isNamed(name) }):
		return (&variable{of: of}).texts()
	}
	return union((&variable{of: of}).texts(), outside())
}

// outside are the texts that a Ref stands for outside of loops.
func (c certainty) outside(name string) []string {
	switch name {
	case "AWS::Partition", "AWS::AccountId", "AWS::Region":
		return []string{"${" + name + "}"}
	}
	if policy, ok := c.policies[name]; ok {
		return c.arnOf(policy)
	}
	if value, known := c.parameters[name]; known && c.now {
		return scalarTexts(value)
	}
	return c.parameter(name)
}

// scalarTexts are the text of a string, a number or a boolean outside of loops.
func scalarTexts(n template.Node) []string {
	if n.IsObject() || n.IsArray() || n.IsNull() || n.Kind == jsontext.KindInvalid {
		return anyText()
	}
	return []string{plain(n.Text)}
}

// attributeOf are the texts of an attribute: a list, or resource.attribute.
func (c certainty) attributeOf(argument template.Node) []string {
	resource, attribute, _ := strings.Cut(argument.Text, ".")
	if e := argument.Elements; len(e) == 2 && e[0].IsString() && e[1].IsString() {
		resource, attribute = e[0].Text, e[1].Text
	}
	return c.attribute(resource, attribute)
}

func (c certainty) attribute(resource, name string) []string {
	policy, ok := c.policies[resource]
	if !ok || name != "PolicyArn" {
		return anyText()
	}
	return c.arnOf(policy)
}

// substituted are the texts that a Fn::Sub makes.
func (c certainty) substituted(argument template.Node) []string {
	text, values := argument, template.Node{}
	if len(argument.Elements) == 2 {
		text, values = argument.Elements[0], argument.Elements[1]
	}
	if !text.IsString() {
		return anyText()
	}
	made, rest := []string{""}, text.Text
	for range maxParts {
		before, name, isAlphanumeric, behind, found := c.cutVariable(rest)
		made = followed(made, []string{plain(before)})
		switch {
		case !found:
			return made
		case strings.ContainsAny(name, partsOfVariable):
			return anyText() // a variable whose name is made of another one
		case isAlphanumeric:
			made = followed(made, (&variable{of: c.loops.named(name), alphanumeric: true}).texts())
		default:
			made = followed(made, c.variable(name, values))
		}
		rest = behind
	}
	return anyText()
}

// cutVariable splits text at its first variable: ${name}, or &{name} of a loop.
// ${!name} is not a variable but that text.
func (c certainty) cutVariable(text string) (before, name string, isAlphanumeric bool, behind string, found bool) {
	for at := 1; at < len(text); at++ {
		if text[at] != '{' || text[at-1] != '$' && text[at-1] != '&' {
			continue
		}
		name, behind, found = strings.Cut(text[at+1:], "}")
		isAlphanumeric = text[at-1] == '&'
		switch {
		case !found:
			return text, "", false, "", false
		case name == "", name[0] == '!', isAlphanumeric && c.loops.named(name) == nil:
			continue
		}
		return text[:at-1], name, isAlphanumeric, behind, true
	}
	return text, "", false, "", false
}

// variable are the texts of a variable of a Fn::Sub, which may be given values.
func (c certainty) variable(name string, values template.Node) []string {
	return c.varied(name, func() []string { return c.variableOutside(name, values) })
}

func (c certainty) variableOutside(name string, values template.Node) []string {
	if slices.ContainsFunc(values.Members, func(m template.Member) bool { return c.loops.vary(m.Name) || strings.HasPrefix(m.Name, functionPrefix) }) {
		return anyText()
	}
	for _, m := range values.Members {
		if m.Name == name {
			return c.texts(values.Get(name))
		}
	}
	if resource, attribute, isAttribute := strings.Cut(name, "."); isAttribute {
		return c.attribute(resource, attribute)
	}
	return c.outside(name)
}

// joined are the texts that a Fn::Join makes of a list that is written out.
func (c certainty) joined(argument template.Node) []string {
	e := argument.Elements
	if len(e) != 2 || !e[0].IsString() || !e[1].IsArray() || len(e[1].Elements) > maxParts {
		return anyText()
	}
	made, delimiter := []string{""}, c.literal(e[0].Text)
	for i, element := range e[1].Elements {
		if i > 0 {
			made = followed(made, delimiter)
		}
		made = followed(made, c.texts(element))
	}
	return made
}

// selected are the texts that a Fn::Select takes out of a list that is written
// out, or split from a text that is.
func (c certainty) selected(argument template.Node) []string {
	e := argument.Elements
	if len(e) != 2 {
		return anyText()
	}
	at, err := strconv.Atoi(e[0].Text)
	isNumber := err == nil
	if name, split := e[1].Only(); name == "Fn::Split" && isNumber {
		return c.splitAt(split.Elements, at)
	}
	list := e[1].Elements
	switch {
	case len(list) == 0, len(list) > maxParts, isNumber && (at < 0 || at >= len(list)):
		return anyText()
	case isNumber:
		return c.texts(list[at])
	}
	var all []string
	for _, element := range list {
		all = union(all, c.texts(element))
	}
	return all
}

// splitAt are the texts at one place of what a Fn::Split makes.
func (c certainty) splitAt(argument []template.Node, at int) []string {
	if len(argument) != 2 || !argument[0].IsString() || argument[0].Text == "" || strings.ContainsAny(argument[0].Text, partsOfVariable) {
		return anyText()
	}
	var all []string
	texts := c.texts(argument[1])
	for _, text := range texts {
		parts := strings.Split(text, argument[0].Text)
		if hasUnknown(text) || strings.Contains(text, "${") || at < 0 || at >= len(parts) {
			return anyOf(texts)
		}
		all = union(all, parts[at:at+1])
	}
	return all
}

// found are the texts that a Fn::FindInMap can find, by all that is known of
// its keys, and its default.
func (c certainty) found(argument template.Node) []string {
	e := argument.Elements
	if len(e) < 3 || !e[0].IsString() || c.loops.vary(e[0].Text) {
		return anyText()
	}
	mapping, readable := c.mappings.of(e[0].Text)
	if !readable || mapping == nil && c.loops.inTransform() {
		return anyText()
	}
	var all []string
	mayMiss := false
	for _, top := range c.keys(e[1]) {
		for _, second := range c.keys(e[2]) {
			texts, known := mapping[lookup{top, second}]
			mayMiss = mayMiss || !known || top.any || second.any
			all = union(all, texts)
		}
	}
	if mayMiss && len(e) > 3 {
		all = union(all, c.texts(e[3].Get("DefaultValue")))
	}
	if len(all) == 0 {
		return anyText()
	}
	return all
}

// keys are what a value says about a key of a mapping.
func (c certainty) keys(n template.Node) []key {
	var keys []key
	for _, text := range c.texts(n) {
		if hasUnknown(text) || strings.Contains(text, "${") {
			return []key{{any: true}}
		}
		keys = append(keys, key{name: text})
	}
	return keys
}
