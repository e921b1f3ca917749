package transform

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// span is a range of bytes of the source: of a value, or of a member's name
// with its quotes. The zero span stands for a value that is absent, which is
// unambiguous as no member's value starts at 0.
type span struct{ start, end int }

func (s span) absent() bool { return s.end == 0 }

// object is where a JSON object lies, and where its first member lies, before
// which another one can be inserted.
type object struct {
	span
	firstName, firstValue span // absent when the object is empty
}

// add takes note of a member, in source order.
func (o *object) add(name, value span) {
	if o.firstName.absent() {
		o.firstName, o.firstValue = name, value
	}
}

// scanner reads a JSON text value by value, in one pass, and tells where each
// value lies. Its first error sticks, and ends every loop over members and
// elements. Duplicate names and invalid UTF-8 pass: what the engine does not
// look at is none of its business.
type scanner struct {
	src  []byte
	base int // where in src the decoder began
	dec  *jsontext.Decoder
	err  error
}

// scan returns a scanner of the value at a span of src.
func scan(src []byte, at span) *scanner {
	return &scanner{
		src:  src,
		base: at.start,
		dec: jsontext.NewDecoder(bytes.NewBuffer(src[at.start:at.end]),
			jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
	}
}

// peek is the kind of the next value, or invalid at the end of an object or
// array, and after an error.
func (s *scanner) peek() jsontext.Kind {
	if s.err != nil {
		return jsontext.KindInvalid
	}
	return s.dec.PeekKind()
}

// enter reads the opening delimiter of an object or array and returns its
// offset.
func (s *scanner) enter() int {
	s.token()
	return s.offset() - 1
}

// more reports whether the object or array goes on. If not, it reads the
// closing delimiter.
func (s *scanner) more() bool {
	switch s.peek() {
	case jsontext.KindEndObject, jsontext.KindEndArray:
		s.token()
		return false
	}
	return s.err == nil
}

func (s *scanner) token() {
	if s.err == nil {
		_, s.err = s.dec.ReadToken()
	}
}

// name reads a member's name. The bytes stay valid as long as the source.
func (s *scanner) name() ([]byte, span) {
	at := s.skip()
	return s.text(at), at
}

// skip reads the next value, whatever it is.
func (s *scanner) skip() span {
	if s.err != nil {
		return span{}
	}
	value, err := s.dec.ReadValue()
	if err != nil {
		s.err = err
		return span{}
	}
	end := s.offset()
	return span{end - len(value), end}
}

// end checks that nothing but white space follows the last value.
func (s *scanner) end() {
	if s.err != nil {
		return
	}
	switch _, err := s.dec.ReadToken(); err {
	case io.EOF:
	case nil:
		s.err = errors.New("more than one JSON value")
	default:
		s.err = err
	}
}

func (s *scanner) offset() int { return s.base + int(s.dec.InputOffset()) }

// text is the meaning of the string at a span, nil when there is none.
func (s *scanner) text(at span) []byte {
	if s.err != nil || at.absent() || s.src[at.start] != '"' {
		return nil
	}
	return unquote(s.src[at.start:at.end])
}

// unquote is the meaning of a JSON string. Without escapes it is part of the
// string itself.
func unquote(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	// The only error is invalid UTF-8, which becomes U+FFFD.
	text, _ := jsontext.AppendUnquote(nil, quoted)
	return text
}

// quote writes text as a JSON string.
func quote(text string) []byte {
	// Valid UTF-8 is the only thing that AppendQuote asks for.
	quoted, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "\uFFFD"))
	return quoted
}

// node is a small part of the source as a tree: of what the rules must look at
// from more than one side. The zero node stands for an absent value.
type node struct {
	object
	kind     jsontext.Kind
	text     string   // meaning of a string; spelling of any other scalar
	members  []member // of an object, in source order
	elements []node   // of an array
}

type member struct {
	name  string
	value node
}

func (n node) isObject() bool { return n.kind == jsontext.KindBeginObject }
func (n node) isArray() bool  { return n.kind == jsontext.KindBeginArray }
func (n node) isString() bool { return n.kind == jsontext.KindString }
func (n node) isNull() bool   { return n.kind == jsontext.KindNull }
func (n node) isEmpty() bool  { return n.isString() && n.text == "" }

// get returns the value of a member. Where a name is given twice, the last
// one counts, as it does for most parsers.
func (n node) get(name string) node {
	for i := len(n.members) - 1; i >= 0; i-- {
		if n.members[i].name == name {
			return n.members[i].value
		}
	}
	return node{}
}

// byName are the members of an object, for many lookups. Where a name is given
// twice, the last one counts.
func (n node) byName() map[string]node {
	members := make(map[string]node, len(n.members))
	for _, m := range n.members {
		members[m.name] = m.value
	}
	return members
}

// only returns the member of an object that has exactly one, which is the form
// of an intrinsic function.
func (n node) only() (name string, argument node) {
	if len(n.members) != 1 {
		return "", node{}
	}
	return n.members[0].name, n.members[0].value
}

// parse reads the value at a span of src as a tree. It was read before, so it
// is valid.
func parse(src []byte, at span) node {
	if at.absent() {
		return node{}
	}
	return scan(src, at).tree()
}

func (s *scanner) tree() node {
	n := node{kind: s.peek()}
	switch n.kind {
	case jsontext.KindBeginObject:
		n.start = s.enter()
		for s.more() {
			name, at := s.name()
			value := s.tree()
			n.members = append(n.members, member{string(name), value})
			n.add(at, value.span)
		}
		n.end = s.offset()
	case jsontext.KindBeginArray:
		n.start = s.enter()
		for s.more() {
			n.elements = append(n.elements, s.tree())
		}
		n.end = s.offset()
	case jsontext.KindString:
		n.span = s.skip()
		n.text = string(s.text(n.span))
	default:
		n.span = s.skip()
		if s.err == nil {
			n.text = string(s.src[n.start:n.end])
		}
	}
	return n
}
