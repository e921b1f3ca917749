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
	"strconv"
	"strings"
	"sync"

	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/internal/printable"
)

// yamlText is a template in YAML. What others read is its shadow: the JSON that
// CloudFormation passes to a macro, with short forms of intrinsic functions
// expanded, and numbers and dates as written. It is valid JSON. Each value and name
// of the shadow has a mark with its node.
type yamlText struct {
	src   []byte
	lines func() []int // where each line begins
	// strides are the places in long lines that are known already, by line.
	strides map[int][]int

	shadow []byte // without the section Transform
	values []mark
	names  []mark

	root      *yaml.Node
	transform []byte              // the section Transform as JSON, nil if there is none
	repeated  map[*yaml.Node]bool // keys that their mapping already has
}

// mark is the origin of a value or name of the shadow.
type mark struct {
	offset int // in the shadow
	node   *yaml.Node
	flow   bool // the node is in a flow collection
}

// maxCopies bounds the number of values that aliases and merge keys add.
// CloudFormation itself accepts no aliases.
const maxCopies = 100_000

// maxCopied bounds the shadow of a template with aliases or merge keys, in bytes. It
// is twice the longest request that Lambda accepts.
const maxCopied = 12 << 20

// maxDepth bounds the nesting of values: an alias may stand for a value around it.
const maxDepth = 1000

// MaxYAML is the length of the longest YAML that is read, in bytes. CloudFormation
// accepts no longer template. Source: CloudFormation quotas.
const MaxYAML = 1 << 20

// maxYAMLValues bounds the number of values in YAML, each of which takes some 200
// bytes of memory. Scaled to MaxYAML, the densest real template has 130,000, and
// all others have fewer than 100,000.
const maxYAMLValues = 130_000

// maxPerByte is how many values a byte can be in, as the comma in [::,].
const maxPerByte = 3

// checkLength keeps the YAML library from texts that would take much memory.
func checkLength(src []byte) error {
	if len(src) > MaxYAML {
		return fmt.Errorf("%w: %d bytes of YAML, CloudFormation takes %d", ErrTooLong, len(src), MaxYAML)
	}
	if len(src) <= maxYAMLValues/maxPerByte {
		return nil
	}
	values := 0
	for i, c := range src {
		isEnd := i+1 == len(src) || isSpace(src[i+1])
		switch {
		case c == ',':
			values += maxPerByte
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

// parseYAML parses a template, which is a single document. With own, the text may
// exceed the limits on input.
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
	y := &yamlText{src: src, lines: sync.OnceValue(func() []int { return lineStarts(src) }), strides: map[int][]int{}, root: root}
	c := shadower{text: y, out: make([]byte, 0, len(src))}
	c.top(root)
	y.shadow = c.out
	return y, c.err
}

// document returns the root of the only YAML document in a text.
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

// explained returns an error of the YAML library. It adds what to do about YAML that
// CloudFormation accepts and the library does not.
func explained(err error, src []byte) error {
	load, ok := errors.AsType[*yaml.LoadError](err)
	if !ok || load.Mark.Line == 0 {
		return err
	}
	text, line, starts := load.Message, load.Mark.Line, lineStarts(src)
	switch {
	case strings.Contains(text, "found a comment without preceding whitespace"):
		text += "; write a space before the #"
	case strings.Contains(text, "invalid Unicode character escape code"):
		text += "; the YAML library takes no pair of surrogates (\\uD83D\\uDE00): write the character itself"
	case strings.Contains(text, "mapping values are not allowed") && line < len(starts) && !isSpace(src[starts[line-1]]) &&
		bytes.Count(src[:starts[line-1]], []byte("{")) > bytes.Count(src[:starts[line-1]], []byte("}")):
		text += "; inside of braces, the YAML library takes no plain key at the beginning of a line: indent it"
	}
	return &LineError{line, errors.New(text)}
}

// checkCharacters returns an error for a control character, which YAML does not
// allow.
func checkCharacters(src []byte) error {
	for at, c := range src {
		if c < ' ' && !isSpace(c) {
			return &LineError{len(lineStarts(src[:at])), fmt.Errorf("control character 0x%02X; YAML takes it only as an escape in double quotes", c)}
		}
	}
	return nil
}

var versionDirective = regexp.MustCompile(`^(?:(?:[%#][^\r\n]*)?[\r\n]+)*%YAML[ \t]+1\.([02-9])[ \t\r\n]`)

// asYAML11 returns a text with 1.1 as the version in its YAML directive. The library
// reads every text as 1.1, and refuses other versions.
func asYAML11(src []byte) []byte {
	if !bytes.Contains(src, []byte("%YAML")) {
		return src
	}
	at := versionDirective.FindSubmatchIndex(src)
	if at == nil {
		return src
	}
	text := bytes.Clone(src)
	text[at[2]] = '1'
	return text
}

// shadower writes the shadow. It keeps its first error.
type shadower struct {
	text   *yamlText
	out    []byte
	flow   int // number of flow collections around
	alias  int // number of aliases around
	copies int // number of values that aliases and merge keys have added
	depth  int // number of values around
	err    error
}

func (c *shadower) fail(at *yaml.Node, err error) {
	if c.err == nil {
		c.err = &LineError{at.Line, err}
	}
}

// top writes the template, except its section Transform, which it keeps apart.
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

// bound fails if the template exceeds a limit.
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

// errBinary is the error for a text in Base64.
var errBinary = errors.New("!!binary is not read; write the text itself")

// tagged writes a node, as a function if its tag is a short form.
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

// shortForm returns the name after the exclamation mark of a node's tag, or "" for
// a tag of YAML itself, such as !!str.
func shortForm(n *yaml.Node) string {
	if n.Style&yaml.TaggedStyle == 0 || strings.HasPrefix(n.ShortTag(), "!!") {
		return ""
	}
	name, _ := strings.CutPrefix(n.Tag, "!")
	return name
}

// maxTag is the longest tag in a message, in bytes.
const maxTag = 40

// Tag is a tag of YAML that stands for a function: a short form, or a tag of
// another tool.
type Tag struct {
	Name string // without the exclamation mark
	Line int    // of the file, from 1
}

// String returns the tag as written, clipped.
func (t Tag) String() string { return "!" + printable.Clip(t.Name, maxTag) }

// Function returns the function that the tag stands for, which may not exist.
func (t Tag) Function() string {
	if t.Name == "Ref" || t.Name == "Condition" {
		return t.Name
	}
	return "Fn::" + t.Name
}

// Tags returns the tags of a template in YAML, in order.
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
		c.out = appendQuoted(c.out, n.Value)
	default:
		c.plain(n)
	}
	c.out = append(c.out, '}')
}

// plain writes a node and ignores its tag.
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
		c.out = appendScalar(c.out, n)
	}
}

func (c *shadower) members(pairs []pair) {
	c.out = append(c.out, '{')
	for i, p := range pairs {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.text.names = append(c.text.names, mark{len(c.out), p.name, c.flow > 0})
		c.out = appendQuoted(c.out, p.name.Value)
		c.out = append(c.out, ':')
		c.value(p.value)
		if c.err != nil {
			return
		}
	}
	c.out = append(c.out, '}')
}

type pair struct{ name, value *yaml.Node }

// pairs returns the members of a mapping, with those of merge keys that the mapping
// does not have itself. A key in two merge keys is an error: some readers take the
// first, some the last.
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
	by := make(map[string]int, len(merged)) // the merge key of each name
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

// merge returns the members in the value of a merge key: one mapping or several.
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

// appendScalar writes a scalar as JSON: numbers as spelled; what JSON cannot spell, such
// as a date or an account ID with a leading zero, is a string.
func appendScalar(out []byte, n *yaml.Node) []byte {
	if value, is := boolean(n); is {
		return strconv.AppendBool(out, value)
	}
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		return append(out, "null"...)
	case (tag == "!!int" || tag == "!!float") && jsonNumber.MatchString(n.Value):
		return append(out, n.Value...)
	}
	return appendQuoted(out, n.Value)
}

// boolean reads a boolean of YAML 1.1, as CloudFormation does: Yes and off are
// booleans, too, unless they are quoted.
// Source: CloudFormation's user guide, template formats.
func boolean(n *yaml.Node) (value, is bool) {
	if n.Style != 0 || !isBoolean(n.Value) {
		return false, false
	}
	switch n.Value {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	}
	return false, true
}

// isBoolean reports whether a plain scalar is a boolean in YAML 1.1, which
// CloudFormation reads.
func isBoolean(text string) bool {
	switch text {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON",
		"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return true
	}
	return false
}

// valueAt returns the mark of the value that begins at an offset of the shadow.
func (y *yamlText) valueAt(offset int) (mark, bool) {
	i, found := slices.BinarySearchFunc(y.values, offset, func(m mark, offset int) int { return cmp.Compare(m.offset, offset) })
	if !found {
		return mark{}, false
	}
	return y.values[i], true
}

// nameBefore returns the last name before an offset of the shadow, or nil.
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

// line returns the line of the member around an offset of the shadow.
func (y *yamlText) line(offset int) int {
	if name := y.nameBefore(offset); name != nil {
		return name.Line
	}
	return 1
}
