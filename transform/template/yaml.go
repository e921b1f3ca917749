package template

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"

	"permissions-boundary-macro/internal/printable"

	yaml "go.yaml.in/yaml/v4"
)

// yamlText is a template in YAML. The rules read its shadow: the JSON that
// CloudFormation hands to a macro, with short forms of intrinsic functions
// expanded, and numbers and dates as spelled. It is always valid. Each value and
// name of the shadow knows the node that it comes from.
type yamlText struct {
	src   []byte
	lines []int // where each line begins
	// strides are the places in long lines that are known already, by line.
	strides map[int][]int

	shadow []byte // without the section Transform
	values []mark
	names  []mark

	root      *yaml.Node
	transform []byte              // the section Transform as JSON, nil when there is none
	repeated  map[*yaml.Node]bool // keys that their mapping has already
}

// mark is where a value or a name of the shadow comes from.
type mark struct {
	offset int // in the shadow
	node   *yaml.Node
	flow   bool // it is in a flow collection
}

// maxCopies bounds what aliases and merge keys may blow a template up to: so
// many values more than are written. CloudFormation itself takes no aliases.
const maxCopies = 100_000

// maxCopied bounds the same in bytes, for what is copied may be long. It is twice
// what Lambda takes and returns.
const maxCopied = 12 << 20

// maxDepth bounds how deep values may be nested: an alias may be inside of what
// it stands for.
const maxDepth = 1000

// MaxYAML is the longest YAML that is read, in bytes: CloudFormation takes no
// template that is longer. Source: CloudFormation quotas.
const MaxYAML = 1 << 20

// maxYAMLValues bounds the values in YAML, each of which takes some 200 bytes of
// memory. The densest of real templates has 130,000 in as many bytes as
// CloudFormation takes, all others less than 100,000.
const maxYAMLValues = 130_000

// checkLength keeps the YAML library from texts that would take much memory.
func checkLength(src []byte) error {
	if len(src) > MaxYAML {
		return fmt.Errorf("%w: %d bytes of YAML, CloudFormation takes %d", ErrTooLong, len(src), MaxYAML)
	}
	values := 0
	for i, c := range src {
		isEnd := i+1 == len(src) || isSpace(src[i+1])
		switch {
		case c == ',':
			values += 3 // at most, as in [::,]
		case c == ':' && isEnd:
			values += 2
		case c == '-' && isEnd, c == '[', c == '{', c == '?' && isEnd:
			values++
		}
	}
	if values > maxYAMLValues {
		return fmt.Errorf("%w: it may have more than %d values", ErrTooLong, maxYAMLValues)
	}
	return nil
}

// parseYAML reads the one document that a template is. One of our own making may
// be longer.
func parseYAML(src []byte, own bool) (*yamlText, error) {
	if !own {
		if err := checkLength(src); err != nil {
			return nil, err
		}
	}
	if err := checkCharacters(src); err != nil {
		return nil, err
	}
	root, err := document(src)
	if err != nil {
		return nil, err
	}
	y := &yamlText{src: src, lines: lineStarts(src), strides: map[int][]int{}, root: root}
	c := shadower{text: y}
	c.top(root)
	y.shadow = c.out
	return y, c.err
}

func document(src []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(asYAML11(src)))
	var first, next yaml.Node
	if err := dec.Decode(&first); errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	} else if err != nil {
		return nil, explained(err, src)
	}
	if err := dec.Decode(&next); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, explained(err, src)
		}
		return nil, errors.New("it has several YAML documents")
	}
	return first.Content[0], nil
}

// explained is an error of the YAML library, with what it does not read although
// CloudFormation's reader does.
func explained(err error, src []byte) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	var line int
	_, _ = fmt.Sscanf(text, "line %d:", &line) // 0 where none is named
	starts := lineStarts(src)
	switch {
	case strings.Contains(text, "found a comment without preceding whitespace"):
		text += "; write a space before the #"
	case strings.Contains(text, "invalid Unicode character escape code"):
		text += "; the YAML library takes no pair of surrogates (\\uD83D\\uDE00): write the character itself"
	case strings.Contains(text, "mapping values are not allowed") && line > 0 && line < len(starts) && !isSpace(src[starts[line-1]]) &&
		bytes.Count(src[:starts[line-1]], []byte("{")) > bytes.Count(src[:starts[line-1]], []byte("}")):
		text += "; inside of braces, the YAML library takes no plain key at the beginning of a line: indent it"
	}
	return errors.New(text)
}

// checkCharacters says where a text has a control character, which YAML does not
// take.
func checkCharacters(src []byte) error {
	for at, c := range src {
		if c < ' ' && !isSpace(c) {
			return fmt.Errorf("line %d: control character 0x%02X; YAML takes it only as an escape in double quotes", len(lineStarts(src[:at])), c)
		}
	}
	return nil
}

var versionDirective = regexp.MustCompile(`^(?:(?:[%#][^\r\n]*)?[\r\n]+)*%YAML[ \t]+1\.([02-9])[ \t\r\n]`)

// asYAML11 is a text with 1.1 in place of another version of YAML that it says
// it is in, for the library reads all as 1.1, and refuses other numbers.
func asYAML11(src []byte) []byte {
	at := versionDirective.FindSubmatchIndex(src)
	if at == nil {
		return src
	}
	text := bytes.Clone(src)
	text[at[2]] = '1'
	return text
}

// shadower writes the shadow. Its first error sticks.
type shadower struct {
	text   *yamlText
	out    []byte
	flow   int // how many flow collections are around
	alias  int // how many aliases are around
	copies int // values that aliases and merge keys have made
	depth  int
	err    error
}

func (c *shadower) fail(at *yaml.Node, err error) {
	if c.err == nil {
		c.err = fmt.Errorf("line %d: %w", at.Line, err)
	}
}

// top writes the template, and sets its section Transform aside.
func (c *shadower) top(n *yaml.Node) {
	switch name := shortForm(n); {
	case n.Kind != yaml.MappingNode:
		c.value(n)
		return
	case name != "":
		c.fail(n, fmt.Errorf("the tag %s makes a function of the whole template; remove it", Tag{Name: name}))
		return
	}
	c.mark(n)
	c.enter(n)
	var rest []pair
	for _, p := range c.pairs(n) {
		if p.name.Value != TransformSection {
			rest = append(rest, p)
			continue
		}
		if c.text.transform != nil {
			c.fail(p.name, ErrTransforms)
		}
		out, values, names := c.out, c.text.values, c.text.names
		c.out = nil
		c.value(p.value)
		c.text.transform, c.out, c.text.values, c.text.names = c.out, out, values, names
	}
	c.members(rest)
	c.leave(n)
}

func (c *shadower) mark(n *yaml.Node) {
	c.text.values = append(c.text.values, mark{len(c.out), n, c.flow > 0})
}

func (c *shadower) enter(n *yaml.Node) {
	if n.Style&yaml.FlowStyle != 0 {
		c.flow++
	}
}

func (c *shadower) leave(n *yaml.Node) {
	if n.Style&yaml.FlowStyle != 0 {
		c.flow--
	}
}

func (c *shadower) value(n *yaml.Node) {
	if c.alias > 0 {
		c.copies++
	}
	c.depth++
	defer func() { c.depth-- }()
	c.bound(n)
	if c.err != nil {
		return
	}
	c.mark(n)
	if n.Kind == yaml.AliasNode {
		flow := c.flow
		c.flow = 0
		c.copies++
		c.alias++
		c.tagged(n.Alias)
		c.alias--
		c.flow = flow
		return
	}
	c.tagged(n)
}

// bound ends what aliases would blow up.
func (c *shadower) bound(n *yaml.Node) {
	switch {
	case c.copies > maxCopies:
		c.fail(n, fmt.Errorf("more than %d values by aliases", maxCopies))
	case c.copies > 0 && len(c.out) > maxCopied:
		c.fail(n, fmt.Errorf("more than %d bytes by aliases", maxCopied))
	case c.depth > maxDepth:
		c.fail(n, fmt.Errorf("values in each other to a depth of more than %d", maxDepth))
	}
}

// errBinary is why a text in Base64 is not read: it stands for another one.
var errBinary = errors.New("!!binary is not read; write the text itself")

// tagged writes a node by its tag: a short form, or as it is.
func (c *shadower) tagged(n *yaml.Node) {
	if n.ShortTag() == "!!binary" {
		c.fail(n, errBinary)
		return
	}
	if name := shortForm(n); name != "" {
		c.function(name, n)
		return
	}
	c.plain(n)
}

// shortForm is the name behind the exclamation mark of a node's tag, empty where
// it has none, or one of YAML itself, such as !!str.
func shortForm(n *yaml.Node) string {
	if n.Style&yaml.TaggedStyle == 0 || strings.HasPrefix(n.ShortTag(), "!!") {
		return ""
	}
	name, _ := strings.CutPrefix(n.Tag, "!")
	return name
}

// maxTag is how much of a tag a message shows.
const maxTag = 40

// Tag is a tag of YAML that stands for a function: a short form, or a tag of
// another tool.
type Tag struct {
	Name string // without the exclamation mark
	Line int    // of the file, from 1
}

func (t Tag) String() string { return "!" + printable.Clip(t.Name, maxTag) }

// Function is the function that the tag stands for, whether there is one or not.
func (t Tag) Function() string {
	if t.Name == "Ref" || t.Name == "Condition" {
		return t.Name
	}
	return "Fn::" + t.Name
}

// Tags are those of a template in YAML, in order.
func (t *Document) Tags() iter.Seq[Tag] {
	return func(yield func(Tag) bool) {
		if t.yaml != nil {
			eachTag(t.yaml.root, yield)
		}
	}
}

func eachTag(n *yaml.Node, yield func(Tag) bool) bool {
	if name := shortForm(n); name != "" && !yield(Tag{name, n.Line}) {
		return false
	}
	for _, inner := range n.Content {
		if !eachTag(inner, yield) {
			return false
		}
	}
	return true
}

// function writes {"Fn::Name": argument}.
func (c *shadower) function(name string, n *yaml.Node) {
	c.out = append(c.out, '{')
	c.out = append(c.out, Quote(Tag{Name: name}.Function())...)
	c.out = append(c.out, ':')
	c.mark(n)
	switch {
	case n.Kind == yaml.ScalarNode && name == "GetAtt":
		resource, attribute, _ := strings.Cut(n.Value, ".")
		c.out = append(c.out, '[')
		c.out = append(c.out, Quote(resource)...)
		c.out = append(c.out, ',')
		c.out = append(c.out, Quote(attribute)...)
		c.out = append(c.out, ']')
	case n.Kind == yaml.ScalarNode:
		c.out = append(c.out, Quote(n.Value)...)
	default:
		c.plain(n)
	}
	c.out = append(c.out, '}')
}

// plain writes a node without regard to its tag.
func (c *shadower) plain(n *yaml.Node) {
	c.enter(n)
	defer c.leave(n)
	switch n.Kind {
	case yaml.MappingNode:
		c.members(c.pairs(n))
	case yaml.SequenceNode:
		c.out = append(c.out, '[')
		for i, element := range n.Content {
			if i > 0 {
				c.out = append(c.out, ',')
			}
			c.value(element)
		}
		c.out = append(c.out, ']')
	default:
		c.out = append(c.out, scalar(n)...)
	}
}

func (c *shadower) members(pairs []pair) {
	c.out = append(c.out, '{')
	for i, p := range pairs {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.text.names = append(c.text.names, mark{len(c.out), p.name, c.flow > 0})
		c.out = append(c.out, Quote(p.name.Value)...)
		c.out = append(c.out, ':')
		c.value(p.value)
		if c.err != nil {
			return
		}
	}
	c.out = append(c.out, '}')
}

type pair struct{ name, value *yaml.Node }

// pairs are the members of a mapping, those of merge keys included as far as
// the mapping does not have them itself. Readers differ about two merge keys
// that bring the same key: some take the first, some the last.
func (c *shadower) pairs(n *yaml.Node) []pair {
	var merged [][]pair // by merge key
	own := make([]pair, 0, len(n.Content)/2)
	known := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if name.Kind == yaml.AliasNode {
			name = name.Alias
		}
		switch {
		case name.ShortTag() == "!!binary":
			c.fail(name, errBinary)
		case name.Kind != yaml.ScalarNode:
			c.fail(name, errors.New("a key that is no scalar"))
		case shortForm(name) != "":
			c.fail(name, fmt.Errorf("the tag %s makes a function of a key; remove it", Tag{Name: shortForm(name)}))
		case isMergeKey(name):
			merged = append(merged, c.merge(value))
		default:
			if known[name.Value] {
				c.text.repeat(n.Content[i])
			}
			known[name.Value] = true
			own = append(own, pair{name, value})
		}
	}
	by := make(map[string]int, len(merged)) // which merge key has brought a name
	for i, pairs := range merged {
		for _, m := range pairs {
			first, isBrought := by[m.name.Value]
			switch {
			case isBrought && first != i:
				c.fail(n, errors.New("two merge keys that bring the same key; write one with a list, whose first entry counts"))
			case !known[m.name.Value]:
				known[m.name.Value] = true
				by[m.name.Value] = i
				own = append(own, m)
			}
		}
	}
	return own
}

func isMergeKey(name *yaml.Node) bool { return name.ShortTag() == "!!merge" }

// merge are the members that a merge key brings: of one mapping or of several.
func (c *shadower) merge(value *yaml.Node) []pair {
	c.copies++
	c.depth++
	defer func() { c.depth-- }()
	c.bound(value)
	if c.err != nil {
		return nil
	}
	switch {
	case value.Kind == yaml.AliasNode:
		return c.merge(value.Alias)
	case shortForm(value) != "":
	case value.Kind == yaml.MappingNode:
		pairs := c.pairs(value)
		c.copies += len(pairs)
		return pairs
	case value.Kind == yaml.SequenceNode:
		var all []pair
		for _, element := range value.Content {
			all = append(all, c.merge(element)...)
		}
		return all
	}
	c.fail(value, errors.New("a merge key of something that is no mapping"))
	return nil
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// scalar is a scalar as JSON: numbers as spelled; what JSON cannot spell, such
// as a date or an account ID with a leading zero, is a string.
func scalar(n *yaml.Node) []byte {
	if value, is := boolean(n); is {
		return fmt.Append(nil, value)
	}
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		return []byte("null")
	case (tag == "!!int" || tag == "!!float") && jsonNumber.MatchString(n.Value):
		return []byte(n.Value)
	}
	return Quote(n.Value)
}

// boolean reads a boolean as YAML 1.1 does, which CloudFormation follows: Yes
// and off are such, too, unless they are quoted.
// Source: CloudFormation's user guide, template formats.
func boolean(n *yaml.Node) (value, is bool) {
	if n.Style != 0 || !IsBoolean(n.Value) {
		return false, false
	}
	switch n.Value {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	}
	return false, true
}

// IsBoolean reports whether CloudFormation takes a plain scalar of YAML for a
// boolean, as YAML 1.1 does.
func IsBoolean(text string) bool {
	switch text {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON",
		"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return true
	}
	return false
}

// valueAt is where the value comes from that begins at an offset of the shadow.
func (y *yamlText) valueAt(offset int) (mark, bool) {
	i, found := slices.BinarySearchFunc(y.values, offset, func(m mark, offset int) int { return cmp.Compare(m.offset, offset) })
	if !found {
		return mark{}, false
	}
	return y.values[i], true
}

// nameBefore is the member's name that an offset of the shadow is behind.
func (y *yamlText) nameBefore(offset int) *yaml.Node {
	i, found := slices.BinarySearchFunc(y.names, offset, func(m mark, offset int) int { return cmp.Compare(m.offset, offset) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return y.names[i].node
}

// line is the line of what lies at an offset of the shadow, or of the member
// that it is the value of.
func (y *yamlText) line(offset int) int {
	if name := y.nameBefore(offset); name != nil {
		return name.Line
	}
	return 1
}
