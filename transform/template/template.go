// Package template reads and edits a CloudFormation template as text, in JSON or
// YAML.
//
// [Parse] returns a [Document]. [Document.JSON] is what the template means, as
// JSON; a [Cursor] or [NodeAt] reads it, and an [Edit] changes it.
// [Document.Edits] renders such edits in the template's own syntax, and changes no
// other byte. The section Transform is read and edited with [Document.Transforms],
// [Document.Adopt] and [Document.Without], and [Document.Convert] writes the
// template in the other syntax.
//
// Offsets count from the start of the text that was parsed. The package knows
// nothing of roles and boundaries.
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

// Document is a template in JSON or YAML, as its author wrote it. It is immutable.
type Document struct {
	src       []byte    // without the byte order mark
	bom       []byte    // the byte order mark, or empty
	yaml      *yamlText // nil for JSON
	json      []byte    // src, or for YAML its meaning in JSON, without Transform
	transform []byte    // the section Transform in JSON, nil if there is none

	sections func() []section // in json, in source order

	// Of JSON: the value of the section Transform, and the section with its name
	// and its comma.
	sectionValue, cut Span
	lines             func() []int // where they begin
}

// section is where the name and the value of a member of the top level are.
type section struct{ name, value Span }

// ByteOrderMark may begin a text in UTF-8, and is no part of it.
const ByteOrderMark = "\ufeff"

// Syntax is the syntax of a template.
type Syntax int

// Syntaxes that CloudFormation accepts.
const (
	JSON Syntax = iota
	YAML
)

// Errors that Parse wraps for texts that cannot be templates.
var (
	ErrNotObject = errors.New("it is not an object")
	ErrTooLong   = errors.New("longer than any template")
)

// LineError is an error on a line of a text.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// Parse parses a template. Valid JSON is JSON, although it is also YAML.
//
// YAML is read as CloudFormation reads it: a single document, with booleans of
// YAML 1.1 and short forms of intrinsic functions. Any tag !Name becomes the
// function Fn::Name; see [Document.Tags]. The last of repeated keys counts, but two
// sections Transform are an error, [ErrTransforms]. Errors on a line are of type
// [LineError]. Memory is bounded: texts longer
// than [MaxYAML], or with more than 130,000 values, are refused with [ErrTooLong].
func Parse(src []byte) (*Document, error) { return parse(src, MaxYAML) }

// parse parses a template, with a limit on YAML in bytes or [Unlimited].
func parse(src []byte, limit int) (*Document, error) {
	text := bytes.TrimPrefix(src, []byte(ByteOrderMark))
	if err := checkUTF8(text); err != nil {
		return nil, err
	}
	switch first := behindSpace(text, 0); {
	case first == len(text):
		return nil, errors.New("it is empty")
	case text[first] == '[':
		return nil, &LineError{lineOf(jsonLineStarts(text), first), ErrNotObject}
	}
	t, err := ParseBody(text, limit)
	switch {
	case t == nil:
		return nil, cmp.Or(jsonError(text), err)
	case t.yaml == nil && limit != Unlimited && checkJSON(text) != nil:
		return nil, checkJSON(text)
	}
	t.bom = src[:len(src)-len(text)]
	return t, err
}

// ParseBody parses a template that is a string in another template, and so may be
// long: limit is the longest YAML that is read, in bytes, or [Unlimited].
func ParseBody(text []byte, limit int) (*Document, error) {
	if IsJSONObject(text) {
		return FromJSON(text)
	}
	y, err := parseYAML(text, limit)
	switch {
	case err != nil:
		return nil, err
	case y.json[0] != '{':
		return nil, ErrNotObject
	}
	t := &Document{src: text, yaml: y, json: y.json, transform: y.transform}
	t.sections = sync.OnceValue(t.readSections)
	return t, nil
}

// IsJSONObject reports whether text is a valid JSON object.
func IsJSONObject(text []byte) bool {
	first := behindSpace(text, 0)
	return first < len(text) && text[first] == '{' && jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true))
}

// FromJSON returns the template in a JSON text that is known to be a valid object.
// Its only error is [ErrTransforms].
func FromJSON(text []byte) (*Document, error) {
	t := &Document{src: text, json: text}
	return t, t.readJSON()
}

// checkUTF8 returns an error that names the first invalid byte, if any.
func checkUTF8(text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return &LineError{len(lineStarts(text[:at])), fmt.Errorf("byte 0x%02X, at offset %d, is not UTF-8", text[at], at)}
		}
		at += size
	}
	return nil
}

// jsonError returns the syntax error in a text that begins like JSON, or nil for
// other texts. An error about the text as YAML would mislead its author.
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
	return &LineError{len(jsonLineStarts(text[:syntax.ByteOffset])), fmt.Errorf("invalid JSON: %w", syntax.Err)}
}

// readJSON finds the section Transform.
func (t *Document) readJSON() (err error) {
	t.sections = sync.OnceValue(t.readSections)
	t.lines = sync.OnceValue(func() []int { return jsonLineStarts(t.src) })
	end := behindSpace(t.src, 0) + 1 // of the member before
	for i, s := range t.sections() {
		if s.is(t.src, TransformSection) {
			if t.transform != nil {
				err = &LineError{lineOf(t.lines(), s.name.Start), ErrTransforms}
			}
			t.transform = t.src[s.value.Start:s.value.End]
			t.sectionValue, t.cut = s.value, Span{end, s.value.End}
			if i == 0 {
				t.cut = Span{s.name.Start, t.behindComma(s.value.End)}
			}
		}
		end = s.value.End
	}
	return err
}

// readSections finds the members of the top level.
func (t *Document) readSections() []section {
	all := make([]section, 0, usualSections)
	c := NewCursor(t.json, Span{})
	for c.Enter(); c.More(); {
		_, name := c.Name()
		all = append(all, section{name, c.Skip()})
	}
	return all
}

// usualSections is as many as most templates have.
const usualSections = 8

// is reports whether a section has a name.
func (s section) is(src []byte, name string) bool {
	quoted := src[s.name.Start:s.name.End]
	return len(quoted) == len(name)+2 && string(quoted[1:len(quoted)-1]) == name ||
		bytes.IndexByte(quoted, '\\') >= 0 && string(Unquote(quoted)) == name
}

// named is the last section of a name, zero when there is none.
func (t *Document) named(name string) (found section) {
	for _, s := range t.sections() {
		if s.is(t.json, name) {
			found = s
		}
	}
	return found
}

// Span is where the value of a section is in the JSON, absent when the section
// is not in it.
func (t *Document) Span(name string) Span { return t.named(name).value }

// Section is the value of a section as a tree, the zero node when there is none.
// The section Transform of YAML has a reader of its own: see [Document.Entries].
func (t *Document) Section(name string) Node { return NodeAt(t.json, t.Span(name)) }

// behindSpace returns the offset after the white space at an offset.
func behindSpace(text []byte, at int) int {
	return len(text) - len(bytes.TrimLeft(text[at:], " \t\r\n"))
}

// behindComma returns where the next member begins, or the offset itself if there
// is none.
func (t *Document) behindComma(at int) int {
	if comma := behindSpace(t.src, at); t.src[comma] == ',' {
		return behindSpace(t.src, comma+1)
	}
	return at
}

// Syntax returns the syntax of the template.
func (t *Document) Syntax() Syntax {
	if t.yaml == nil {
		return JSON
	}
	return YAML
}

// JSON returns the template as JSON, which offsets and edits refer to. For YAML it
// is the meaning of the template, without the section Transform. It must not be
// modified.
func (t *Document) JSON() []byte { return t.json }

// Fragment returns the template as CloudFormation passes it to a macro: JSON without
// the section Transform.
func (t *Document) Fragment() []byte {
	if t.cut.Absent() {
		return bytes.TrimSpace(t.json)
	}
	return bytes.TrimSpace(slices.Concat(t.json[:t.cut.Start], t.json[t.cut.End:]))
}

// Transform returns the section Transform in JSON, or nil.
func (t *Document) Transform() []byte { return t.transform }

// Line returns the line of the member around an offset of JSON. Lines count from 1.
func (t *Document) Line(offset int) int {
	if t.yaml != nil {
		return t.yaml.line(offset)
	}
	return lineOf(t.lines(), offset)
}

// maxColumn is the last column that Column counts to. A template in JSON may be one
// line, and to count to the end of it for each of its resources takes long.
const maxColumn = 10_000

// Column returns the column, in characters from 1, of the member around an offset of
// JSON, or 0 if it is beyond a limit.
func (t *Document) Column(offset int) int {
	if t.yaml != nil {
		return t.yaml.column(offset)
	}
	before := t.src[t.lines()[t.Line(offset)-1]:offset]
	if len(before) > maxColumn {
		return 0
	}
	return utf8.RuneCount(before) + 1
}

// LineInside returns the line of the template that has a line of the text of a
// string. The string begins at an offset of JSON. In styles other than a literal
// block, it is the line of the string's member.
func (t *Document) LineInside(offset, line int) int {
	if t.yaml != nil {
		return t.yaml.lineInside(offset, line)
	}
	return t.Line(offset)
}

// SectionLine returns the line of the name of a section, the last one if it is
// repeated, or 1 if there is none.
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
	if at := t.named(name).name; !at.Absent() {
		line = lineOf(t.lines(), at.Start)
	}
	return line
}

// Edits renders edits of the JSON as edits of the text, without its byte order mark.
// For YAML, the edited text is parsed again and must mean exactly what the edited
// JSON says; otherwise Edits returns the first edit at fault.
func (t *Document) Edits(edits []Edit) (texts []TextEdit, fault *Edit) {
	switch {
	case len(edits) == 0:
		return nil, nil
	case t.yaml != nil:
		return t.yaml.edit(edits)
	}
	return textEdits(edits, t.json), nil
}

// ErrDefect is the error for edited text that is not a template: a bug in this
// package.
var ErrDefect = errors.New("the result is not a template")

// Edited returns the template with edits of its JSON, or the edit at fault, as
// [Document.Edits] does.
func (t *Document) Edited(edits []Edit) (out *Document, fault *Edit, err error) {
	texts, fault := t.Edits(edits)
	if fault != nil {
		return nil, fault, nil
	}
	text, ok := Splice(t.src, texts)
	if !ok {
		return nil, nil, fmt.Errorf("two edits overlap: %w", ErrDefect)
	}
	out, err = parse(slices.Concat(t.bom, text), Unlimited)
	if err != nil {
		return nil, nil, ErrDefect
	}
	return out, nil, nil
}

// Text returns the text of the template, with its byte order mark.
func (t *Document) Text() []byte { return slices.Concat(t.bom, t.src) }

// IsSame reports whether two templates are the same text.
func (t *Document) IsSame(other *Document) bool { return bytes.Equal(t.src, other.src) }
