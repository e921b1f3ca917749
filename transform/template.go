package transform

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// Template is a template file in JSON or YAML, as its author wrote it.
type Template struct {
	src       []byte
	bom       []byte
	yaml      *yamlText // nil for JSON
	fragment  []byte
	transform []byte // as JSON, nil when there is none

	// Of JSON: the value of the section Transform, and the section with its name
	// and its comma, which the fragment is without.
	sectionValue, cut span
	lineBreaks        func() []int // where they are, for all who ask for lines
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

// ParseTemplate reads a template. JSON is also YAML: it is taken for JSON when
// it is valid.
//
// YAML is read as CloudFormation reads it: one document; booleans of YAML 1.1;
// short forms of intrinsic functions. A key that is given twice is an error.
func ParseTemplate(src []byte) (*Template, error) { return parseTemplate(src, false) }

// ParseUnpackaged reads a template that has tags of other tools, where
// [ParseTemplate] returns a [ForeignTagError]. They become functions of their
// names, as the AWS CLI makes of them when it packages a template:
// !Tool::Include is Fn::Tool::Include. The result is to be inspected, and cannot
// be rewritten.
func ParseUnpackaged(src []byte) (*Template, error) { return parseTemplate(src, true) }

func parseTemplate(src []byte, foreignTags bool) (*Template, error) {
	text := bytes.TrimPrefix(src, []byte(byteOrderMark))
	t := &Template{src: text, bom: src[:len(src)-len(text)]}
	if bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) && jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true)) {
		return t, t.readJSON()
	}
	y, err := parseYAML(text, foreignTags)
	if err != nil {
		return nil, cmp.Or(jsonError(text), err)
	}
	if y.shadow[0] != '{' {
		return nil, errors.New("it is no object")
	}
	t.yaml, t.fragment, t.transform = y, y.shadow, y.transform
	return t, nil
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
	line := 1 + bytes.Count(text[:syntax.ByteOffset], []byte("\n"))
	return fmt.Errorf("line %d: no JSON: %w", line, syntax.Err)
}

// readJSON finds the section Transform.
func (t *Template) readJSON() error {
	s := scan(t.src, span{0, len(t.src)})
	s.enter()
	end := s.offset() // of the member before
	first := true
	for ; s.more(); first = false {
		name, at := s.name()
		value := s.skip()
		if string(name) == sectionName {
			if t.transform != nil {
				return errors.New("it has two sections Transform")
			}
			t.transform = t.src[value.start:value.end]
			t.sectionValue, t.cut = value, span{end, value.end}
			if first {
				t.cut = span{at.start, t.behindComma(value.end)}
			}
		}
		end = value.end
	}
	t.fragment = slices.Concat(t.src[:t.cut.start], t.src[t.cut.end:])
	t.lineBreaks = sync.OnceValue(func() (breaks []int) {
		for at, c := range t.src {
			if c == '\n' {
				breaks = append(breaks, at)
			}
		}
		return breaks
	})
	return s.err
}

// behindComma is where the next member begins, if there is one.
func (t *Template) behindComma(at int) int {
	rest := bytes.TrimLeft(t.src[at:], " \t\r\n")
	if !bytes.HasPrefix(rest, []byte(",")) {
		return at
	}
	return len(t.src) - len(bytes.TrimLeft(rest[1:], " \t\r\n"))
}

// Syntax is how the template is written.
func (t *Template) Syntax() Syntax {
	if t.yaml == nil {
		return JSON
	}
	return YAML
}

// Fragment is the template as CloudFormation hands it to a macro: in JSON,
// without Transform. It must not be modified.
func (t *Template) Fragment() []byte { return t.fragment }

// Transform is the section Transform in JSON, nil when there is none.
func (t *Template) Transform() []byte { return t.transform }

// Line is the line of the file on which the member is that an offset of the
// fragment is in. Lines count from 1.
func (t *Template) Line(offset int) int {
	if t.yaml != nil {
		return t.yaml.line(offset)
	}
	before, _ := slices.BinarySearch(t.lineBreaks(), t.offset(offset))
	return 1 + before
}

// offset is where the file has what the fragment has at an offset.
func (t *Template) offset(fragment int) int {
	if fragment < t.cut.start {
		return fragment
	}
	return fragment + t.cut.end - t.cut.start
}

// Rewrite runs the macro on a template: the answer to an event whose fragment is
// the template's. The file comes back with the boundaries in it and without the
// macro in its section Transform; all else stays byte for byte, in the syntax
// of the file. On failure the report says why.
func (m Macro) Rewrite(ctx context.Context, event []byte, t *Template) ([]byte, Report) {
	req, edits, report := m.decide(ctx, event)
	if report.Err != nil {
		report.Changes = nil
		return nil, report
	}
	out, err := t.rewrite(edits, req.plan.fragment.start, req.macro)
	if err != nil {
		report.Err, report.Changes = err, nil
		return nil, report
	}
	return out, report
}

// rewrite applies edits of an event, in which the fragment begins at an offset.
func (t *Template) rewrite(edits []edit, base int, macro string) ([]byte, error) {
	for i := range edits {
		edits[i].move(-base)
	}
	texts, err := t.textEdits(edits)
	if err != nil {
		return nil, err
	}
	out, ok := splice(t.src, texts)
	if !ok {
		return nil, errors.New("edits are in each other's way")
	}
	out = slices.Concat(t.bom, out)
	again, err := ParseTemplate(out)
	if err != nil {
		return nil, fmt.Errorf("read the result: %w", err)
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
