package template

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Document is a template file in JSON or YAML, as its author wrote it.
type Document struct {
	src       []byte
	bom       []byte
	yaml      *yamlText // nil for JSON
	json      []byte    // src, or what it means in JSON; without Transform then
	transform []byte    // as JSON, nil when there is none

	// Of JSON: the value of the section Transform, and the section with its name
	// and its comma.
	sectionValue, cut Span
	lines             func() []int // where they begin
}

// ByteOrderMark may begin a text in UTF-8, and is no part of it.
const ByteOrderMark = "\ufeff"

// Syntax is how a template is written.
type Syntax int

// Syntaxes that CloudFormation takes.
const (
	JSON Syntax = iota
	YAML
)

// Errors that those of Parse wrap about texts that are no templates,
// whatever they say.
var (
	ErrNotObject = errors.New("it is not an object")
	ErrTooLong   = errors.New("longer than any template")
)

// Parse reads a template. JSON is also YAML: it is taken for JSON when
// it is valid. A list is never handed to the YAML parser.
//
// YAML is read as CloudFormation reads it: one document; booleans of YAML 1.1;
// short forms of intrinsic functions. !Name becomes Fn::Name whether there is such
// a function or not: see [Document.Tags]. Of a key that is given twice the last
// one counts; two sections Transform are an error. Memory is bounded: see MaxYAML
// and maxJSONValues.
func Parse(src []byte) (*Document, error) { return parseTemplate(src, false) }

// parseTemplate reads a template. One of our own making may be longer.
func parseTemplate(src []byte, own bool) (*Document, error) {
	text := bytes.TrimPrefix(src, []byte(ByteOrderMark))
	if err := checkUTF8(text); err != nil {
		return nil, err
	}
	t := &Document{src: text, bom: src[:len(src)-len(text)]}
	switch first := behindSpace(text, 0); {
	case first == len(text):
		return nil, errors.New("it is empty")
	case text[first] == '[':
		return nil, fmt.Errorf("line %d: %w", lineOf(jsonLineStarts(text), first), ErrNotObject)
	case IsJSONObject(text):
		if !own && bytes.Count(text, []byte(","))+bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > maxJSONValues {
			return nil, fmt.Errorf("%w: it may have more than %d values", ErrTooLong, maxJSONValues)
		}
		t.json = text
		return t, t.readJSON()
	}
	y, err := ParseYAML(text, own)
	if err != nil && !errors.Is(err, ErrNotObject) {
		return nil, cmp.Or(jsonError(text), err)
	}
	if err == nil {
		y.bom = t.bom
	}
	return y, err
}

// ParseYAML reads a template in YAML. One of our own making may be longer.
func ParseYAML(text []byte, own bool) (*Document, error) {
	y, err := parseYAML(text, own)
	if err != nil {
		return nil, err
	}
	if y.shadow[0] != '{' {
		return nil, ErrNotObject
	}
	return &Document{src: text, yaml: y, json: y.shadow, transform: y.transform}, nil
}

// IsJSONObject reports whether a text is a template in JSON, which is also YAML.
func IsJSONObject(text []byte) bool {
	first := behindSpace(text, 0)
	return first < len(text) && text[first] == '{' && jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true))
}

// Fragment is a template of JSON that is known to be a valid object.
func Fragment(text []byte) *Document {
	t := &Document{src: text, json: text}
	t.readJSON()
	return t
}

// maxJSONValues bounds the values in JSON, each of which may take some 200 bytes
// of memory. It is twice what the densest of real templates would have if it were
// as long as CloudFormation takes.
const maxJSONValues = 130_000

// checkUTF8 says where a text is not in UTF-8.
func checkUTF8(text []byte) error {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Errorf("line %d: byte 0x%02X, at offset %d, is not UTF-8", len(lineStarts(text[:at])), text[at], at)
		}
		at += size
	}
	return nil
}

// jsonError is what is wrong with a text that begins as JSON does, nil for other
// ones: what it is as YAML would mislead its author.
func jsonError(text []byte) error {
	open := behindSpace(text, 0)
	name := behindSpace(text, min(open+1, len(text)))
	if name == len(text) || text[open] != '{' || text[name] != '"' {
		return nil
	}
	var syntax *jsontext.SyntacticError
	if _, err := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true)).ReadValue(); !errors.As(err, &syntax) {
		return nil
	}
	return fmt.Errorf("line %d: invalid JSON: %w", len(jsonLineStarts(text[:syntax.ByteOffset])), syntax.Err)
}

// readJSON finds the section Transform, the last one if there are two.
func (t *Document) readJSON() (err error) {
	t.lines = sync.OnceValue(func() []int { return jsonLineStarts(t.src) })
	s := NewCursor(t.src, Span{})
	s.Enter()
	end := s.Offset() // of the member before
	for first := true; s.More(); first = false {
		name, at := s.Name()
		value := s.Skip()
		if string(name) == TransformSection {
			if t.transform != nil {
				err = fmt.Errorf("line %d: %w", lineOf(t.lines(), at.Start), ErrTransforms)
			}
			t.transform = t.src[value.Start:value.End]
			t.sectionValue, t.cut = value, Span{end, value.End}
			if first {
				t.cut = Span{at.Start, t.behindComma(value.End)}
			}
		}
		end = value.End
	}
	return err
}

// behindSpace is the offset of what follows the white space at an offset.
func behindSpace(text []byte, at int) int {
	return len(text) - len(bytes.TrimLeft(text[at:], " \t\r\n"))
}

// behindComma is where the next member begins, if there is one.
func (t *Document) behindComma(at int) int {
	if comma := behindSpace(t.src, at); t.src[comma] == ',' {
		return behindSpace(t.src, comma+1)
	}
	return at
}

// Syntax is how the template is written.
func (t *Document) Syntax() Syntax {
	if t.yaml == nil {
		return JSON
	}
	return YAML
}

// JSON is the template as JSON, which the offsets of a report refer to. Of one in
// YAML it is what the template means, without the section Transform. It must not
// be modified.
func (t *Document) JSON() []byte { return t.json }

// Fragment is the template as CloudFormation hands it to a macro: JSON without
// the section Transform.
func (t *Document) Fragment() []byte {
	if t.cut.Absent() {
		return bytes.TrimSpace(t.json)
	}
	return bytes.TrimSpace(slices.Concat(t.json[:t.cut.Start], t.json[t.cut.End:]))
}

// TransformSpan is where the section Transform is in the JSON, absent when it is
// not in it.
func (t *Document) TransformSpan() Span { return t.sectionValue }

// Transform is the section Transform in JSON, nil when there is none.
func (t *Document) Transform() []byte { return t.transform }

// Line is the line of the file on which the member is that an offset of the
// JSON is in. Lines count from 1.
func (t *Document) Line(offset int) int {
	if t.yaml != nil {
		return t.yaml.line(offset)
	}
	return lineOf(t.lines(), offset)
}

// SectionLine is the line of the file on which the name of a section is, 1 when
// there is none. Of several it is the last.
func (t *Document) SectionLine(name string) int {
	line := 1
	if t.yaml != nil {
		for i := 0; i+1 < len(t.yaml.root.Content); i += 2 {
			if t.yaml.root.Content[i].Value == name {
				line = t.yaml.root.Content[i].Line
			}
		}
		return line
	}
	s := NewCursor(t.src, Span{0, len(t.src)})
	for s.Enter(); s.More(); s.Skip() {
		if found, at := s.Name(); string(found) == name {
			line = lineOf(t.lines(), at.Start)
		}
	}
	return line
}

// Edits renders edits of the template's JSON as edits of its text. The result is
// read again, and must mean exactly what the edited JSON says; if not, the first
// edit that is at fault is returned.
func (t *Document) Edits(edits []Edit) (texts []TextEdit, fault *Edit) {
	switch {
	case len(edits) == 0:
		return nil, nil
	case t.yaml != nil:
		_, texts, fault = t.yaml.edit(edits)
		return texts, fault
	}
	return textEdits(edits, t.json), nil
}

// ErrDefect is why a result of ours is discarded.
var ErrDefect = errors.New("the result is not a template")

// Edited is the template with edits of its JSON. Fault is an edit that its syntax
// does not take.
func (t *Document) Edited(edits []Edit) (out *Document, fault *Edit, err error) {
	texts, fault := t.Edits(edits)
	if fault != nil {
		return nil, fault, nil
	}
	text, ok := Splice(t.src, texts)
	if !ok {
		return nil, nil, fmt.Errorf("two edits overlap: %w", ErrDefect)
	}
	out, err = parseTemplate(slices.Concat(t.bom, text), true)
	if err != nil {
		return nil, nil, ErrDefect
	}
	return out, nil, nil
}

// Text is the template as it is written, its byte order mark included.
func (t *Document) Text() []byte { return slices.Concat(t.bom, t.src) }

func (t *Document) IsSame(other *Document) bool { return bytes.Equal(t.src, other.src) }

// ParseBody reads a template that was written into a string, without limits.
func ParseBody(text []byte) (*Document, error) {
	if IsJSONObject(text) {
		return Fragment(text), nil
	}
	return ParseYAML(text, true)
}
