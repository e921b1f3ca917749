package transform

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Template is a template file in JSON or YAML, as its author wrote it.
type Template struct {
	src       []byte
	bom       []byte
	yaml      *yamlText // nil for JSON
	fragment  []byte
	transform []byte // as JSON, nil when there is none

	// Of JSON: where the fragment begins, the value of the section Transform, and
	// the section with its name and its comma, which the fragment is without.
	lead              int
	sectionValue, cut span
	lines             func() []int // where they begin
}

// byteOrderMark may begin a text in UTF-8, and is no part of it.
const byteOrderMark = "\ufeff"

// Syntax is how a template is written.
type Syntax int

// Syntaxes that CloudFormation takes.
const (
	JSON Syntax = iota
	YAML
)

// Errors that those of ParseTemplate wrap about texts that are no templates,
// whatever they say.
var (
	ErrNotObject = errors.New("it is not an object")
	ErrTooLong   = errors.New("longer than any template")
)

// ParseTemplate reads a template. JSON is also YAML: it is taken for JSON when
// it is valid. A list is never handed to the YAML parser.
//
// YAML is read as CloudFormation reads it: one document; booleans of YAML 1.1;
// short forms of intrinsic functions. Of a key that is given twice the last one
// counts; two sections Transform are an error. Memory is bounded: see maxYAML
// and maxJSONValues.
func ParseTemplate(src []byte) (*Template, error) { return parseTemplate(src, reading{}) }

// ParseUnpackaged reads a template that has tags of other tools, where
// [ParseTemplate] returns a [ForeignTagError]. They become functions of their
// names, as the AWS CLI makes of them when it packages a template:
// !Tool::Include is Fn::Tool::Include. The result is to be inspected, and cannot
// be rewritten.
func ParseUnpackaged(src []byte) (*Template, error) {
	return parseTemplate(src, reading{foreignTags: true})
}

// reading is what a text may be, beside a template that ParseTemplate reads.
type reading struct {
	own         bool // of our own making, so that it may be longer
	foreignTags bool
}

func parseTemplate(src []byte, how reading) (*Template, error) {
	text := bytes.TrimPrefix(src, []byte(byteOrderMark))
	if err := checkUTF8(text); err != nil {
		return nil, err
	}
	t := &Template{src: text, bom: src[:len(src)-len(text)]}
	switch first := behindSpace(text, 0); {
	case first == len(text):
		return nil, errors.New("it is empty")
	case text[first] == '[':
		return nil, fmt.Errorf("line %d: %w", lineOf(jsonLineStarts(text), first), ErrNotObject)
	case text[first] == '{' && jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true)):
		if !how.own && bytes.Count(text, []byte(","))+bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > maxJSONValues {
			return nil, fmt.Errorf("%w: it may have more than %d values", ErrTooLong, maxJSONValues)
		}
		return t, t.readJSON()
	}
	y, err := parseYAML(text, how)
	if err != nil {
		return nil, cmp.Or(jsonError(text), err)
	}
	if y.shadow[0] != '{' {
		return nil, ErrNotObject
	}
	t.yaml, t.fragment, t.transform = y, y.shadow, y.transform
	return t, nil
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

// readJSON finds the section Transform.
func (t *Template) readJSON() error {
	s := scan(t.src, span{0, len(t.src)})
	start := s.enter()
	end := s.offset() // of the member before
	first := true
	for ; s.more(); first = false {
		name, at := s.name()
		value := s.skip()
		if string(name) == sectionName {
			if t.transform != nil {
				return fmt.Errorf("line %d: %w", len(jsonLineStarts(t.src[:at.start])), errTransforms)
			}
			t.transform = t.src[value.start:value.end]
			t.sectionValue, t.cut = value, span{end, value.end}
			if first {
				t.cut = span{at.start, t.behindComma(value.end)}
			}
		}
		end = value.end
	}
	if t.cut.absent() {
		t.cut = span{s.offset(), s.offset()}
	}
	t.lead = start
	t.fragment = slices.Concat(t.src[start:t.cut.start], t.src[t.cut.end:s.offset()])
	t.lines = sync.OnceValue(func() []int { return jsonLineStarts(t.src) })
	return nil
}

// behindSpace is the offset of what follows the white space at an offset.
func behindSpace(text []byte, at int) int {
	return len(text) - len(bytes.TrimLeft(text[at:], " \t\r\n"))
}

// behindComma is where the next member begins, if there is one.
func (t *Template) behindComma(at int) int {
	if comma := behindSpace(t.src, at); t.src[comma] == ',' {
		return behindSpace(t.src, comma+1)
	}
	return at
}

// Syntax is how the template is written.
func (t *Template) Syntax() Syntax {
	if t.yaml == nil {
		return JSON
	}
	return YAML
}

// Fragment is the template as CloudFormation hands it to a macro: one JSON
// value, without Transform. It must not be modified.
func (t *Template) Fragment() []byte { return t.fragment }

// Transform is the section Transform in JSON, nil when there is none.
func (t *Template) Transform() []byte { return t.transform }

// Line is the line of the file on which the member is that an offset of the
// fragment is in. Lines count from 1.
func (t *Template) Line(offset int) int {
	if t.yaml != nil {
		return t.yaml.line(offset)
	}
	return lineOf(t.lines(), t.offset(offset))
}

// SectionLine is the line of the file on which the name of a section is, 1 when
// there is none. Of several it is the last.
func (t *Template) SectionLine(name string) int {
	line := 1
	if t.yaml != nil {
		for i := 0; i+1 < len(t.yaml.root.Content); i += 2 {
			if t.yaml.root.Content[i].Value == name {
				line = t.yaml.root.Content[i].Line
			}
		}
		return line
	}
	s := scan(t.src, span{0, len(t.src)})
	for s.enter(); s.more(); s.skip() {
		if found, at := s.name(); string(found) == name {
			line = lineOf(t.lines(), at.start)
		}
	}
	return line
}

// offset is where the file has what the fragment has at an offset.
func (t *Template) offset(fragment int) int {
	at := t.lead + fragment
	if at < t.cut.start {
		return at
	}
	return at + t.cut.end - t.cut.start
}

// Rewrite runs the macro on a template: the answer to an event whose fragment is
// the template's. The file comes back with the boundaries in it and without the
// macro in its section Transform; all else stays byte for byte, in the syntax
// of the file. The result is verified before it is returned. On failure the
// report says why.
func (m Macro) Rewrite(ctx context.Context, event []byte, t *Template) ([]byte, Report) {
	m.Store = &recall{Reader: m.Store, answers: map[string]answer{}}
	req, edits, report := m.decide(ctx, event)
	if report.Err != nil {
		report.Changes = nil
		return nil, report
	}
	out, err := m.rewrite(ctx, event, req, edits, report, t)
	if err != nil {
		report.Err, report.Changes = err, nil
		return nil, report
	}
	return slices.Concat(out.bom, out.src), report
}

// rewrite applies the edits of a request, and verifies the result.
func (m Macro) rewrite(ctx context.Context, event []byte, req *request, edits []edit, report Report, t *Template) (*Template, error) {
	out, err := t.rewrite(edits, req.plan.fragment.start, req.macro)
	if err != nil || bytes.Equal(out.src, t.src) {
		return out, err
	}
	return out, m.verify(ctx, event, req, report, t, out)
}

// rewrite applies edits of an event, in which the fragment begins at an offset.
func (t *Template) rewrite(edits []edit, base int, macro string) (*Template, error) {
	for i := range edits {
		edits[i].move(-base)
	}
	texts, err := t.textEdits(edits)
	if err != nil {
		return nil, err
	}
	out, ok := splice(t.src, texts)
	if !ok {
		return nil, defective("two edits overlap")
	}
	again, err := parseTemplate(slices.Concat(t.bom, out), reading{own: true})
	if err != nil {
		return nil, defective("the result cannot be read")
	}
	return again.without(macro)
}

// move shifts what an edit says about its source.
func (e *edit) move(by int) {
	e.start += by
	e.end += by
	for _, s := range []*span{&e.into.span, &e.into.firstName, &e.into.firstValue} {
		if !s.absent() {
			s.start += by
			s.end += by
		}
	}
}

func (t *Template) textEdits(edits []edit) ([]textEdit, error) {
	if len(edits) == 0 {
		return nil, nil
	}
	if t.yaml != nil {
		_, texts, fault := t.yaml.edit(edits)
		if fault != nil {
			return nil, &Refusal{[]Finding{t.yaml.cannotEdit(fault)}}
		}
		return texts, nil
	}
	texts := textEdits(edits, t.fragment)
	for i := range texts {
		texts[i].start, texts[i].end = t.offset(texts[i].start), t.offset(texts[i].end)
	}
	return texts, nil
}
