package template

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	yaml "go.yaml.in/yaml/v4"
)

// yamlText is a template in YAML, with the JSON that it means: what CloudFormation
// passes to a macro, with short forms of intrinsic functions expanded, and numbers
// and dates as written. Each value and name of the JSON has a mark with its node.
type yamlText struct {
	src   []byte
	lines func() []int // where each line begins
	// strides are the places in long lines that are known already, by line.
	strides map[int][]int

	json   []byte // without the section Transform
	values []mark
	names  []mark

	root      *yaml.Node
	transform []byte              // the section Transform as JSON, nil if there is none
	repeated  map[*yaml.Node]bool // keys that their mapping already has
}

// mark is the origin of a value or name of the JSON.
type mark struct {
	offset int // in the JSON
	node   *yaml.Node
	flow   bool // the node is in a flow collection
}

// parseYAML parses a template, which is a single document.
func parseYAML(src []byte, limit int) (*yamlText, error) {
	if limit != Unlimited {
		if err := checkYAML(src, limit); err != nil {
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
	c := jsonWriter{text: y, out: make([]byte, 0, len(src))}
	c.top(root)
	y.json = c.out
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

// search returns the index of the first mark at or after an offset, and whether it
// is at the offset.
func search(marks []mark, offset int) (int, bool) {
	return slices.BinarySearchFunc(marks, offset, func(m mark, offset int) int { return cmp.Compare(m.offset, offset) })
}

// valueAt returns the mark of the value that begins at an offset of the JSON.
func (y *yamlText) valueAt(offset int) (mark, bool) {
	i, found := search(y.values, offset)
	if !found {
		return mark{}, false
	}
	return y.values[i], true
}

// nameBefore returns the last name before an offset of the JSON, or nil.
func (y *yamlText) nameBefore(offset int) *yaml.Node {
	i, found := search(y.names, offset)
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return y.names[i].node
}

// line returns the line of the member around an offset of the JSON.
func (y *yamlText) line(offset int) int {
	if name := y.nameBefore(offset); name != nil {
		return name.Line
	}
	return 1
}

// column returns the column of the member around an offset of the JSON.
func (y *yamlText) column(offset int) int {
	if name := y.nameBefore(offset); name != nil {
		return name.Column
	}
	return 1
}

// lineInside returns the line that has a line of the string at an offset of the
// JSON.
func (y *yamlText) lineInside(offset, line int) int {
	at, ok := y.valueAt(offset)
	if !ok || at.mapping().Style&yaml.LiteralStyle == 0 {
		return y.line(offset)
	}
	return y.lineOf(y.content(at.mapping())) + line
}
