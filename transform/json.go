package transform

import (
	"bytes"
	"errors"
	"slices"
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
	src   []byte // up to the end of the value that is read
	start int
	pos   int    // behind what was read last
	ahead int    // where the next token begins, 0 when that is not known
	delim byte   // what must stand before it: a colon, a comma, or nothing
	open  []byte // the closing delimiters to come
	err   error
}

// scan returns a scanner of the value at a span of src.
func scan(src []byte, at span) *scanner {
	return &scanner{src: src[:at.end], start: at.start, pos: at.start}
}

// peek is the kind of the next value, or of the end of an object or array, or
// invalid after an error.
func (s *scanner) peek() jsontext.Kind {
	at := s.next()
	if s.err != nil {
		return jsontext.KindInvalid
	}
	switch c := s.src[at]; c {
	case '{', '}', '[', ']', '"', 't', 'f', 'n':
		return jsontext.Kind(c)
	}
	return jsontext.KindNumber
}

// next is where the next token begins.
func (s *scanner) next() int {
	if s.ahead == 0 {
		s.advance()
	}
	return s.ahead
}

// advance looks for the next token, and checks the delimiter before it.
func (s *scanner) advance() {
	if s.err != nil {
		return
	}
	at := behindSpace(s.src, s.pos)
	if s.delim != 0 && at < len(s.src) {
		if c := s.src[at]; c == s.delim {
			at = behindSpace(s.src, at+1)
			if at < len(s.src) && isClosing(s.src[at]) {
				at = len(s.src)
			}
		} else if s.delim == ':' || !isClosing(c) {
			at = len(s.src)
		}
	}
	if at == len(s.src) {
		s.fail()
		return
	}
	s.ahead = at
}

func isClosing(c byte) bool { return c == '}' || c == ']' }

// behind says that all before an offset is read, and what must come first then.
func (s *scanner) behind(at int, delim byte) {
	s.pos, s.ahead, s.delim = at, 0, delim
	if delim != 0 && at+1 < len(s.src) && s.src[at] == delim && s.src[at+1] > ' ' && !isClosing(s.src[at+1]) {
		s.ahead = at + 1 // as almost always, without white space
	}
}

// fail ends the reading. What is wrong with the text is said by jsontext.
func (s *scanner) fail() {
	dec := jsontext.NewDecoder(bytes.NewBuffer(s.src[s.start:]),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, s.err = dec.ReadValue(); s.err != nil {
		return
	}
	if _, s.err = dec.ReadToken(); s.err == nil {
		s.err = errors.New("more than one JSON value")
	}
}

// enter reads the opening delimiter of an object or array and returns its
// offset.
func (s *scanner) enter() int {
	at := s.next()
	if s.err != nil {
		return 0
	}
	switch {
	case len(s.open) == maxNesting:
		s.fail()
	case s.src[at] == '{':
		s.open = append(s.open, '}')
	case s.src[at] == '[':
		s.open = append(s.open, ']')
	default:
		s.fail()
	}
	s.behind(at+1, 0)
	return at
}

// more reports whether the object or array goes on. If not, it reads the
// closing delimiter.
func (s *scanner) more() bool {
	at := s.next()
	if s.err != nil {
		return false
	}
	if !isClosing(s.src[at]) {
		return true
	}
	last := len(s.open) - 1
	if s.open[last] != s.src[at] {
		s.fail()
	}
	s.open = s.open[:last]
	s.behind(at+1, ',')
	return false
}

// name reads a member's name. The bytes stay valid as long as the source.
func (s *scanner) name() ([]byte, span) {
	at := s.next()
	if s.err != nil {
		return nil, span{}
	}
	end, plain := behindString(s.src, at)
	if end == invalid {
		s.fail()
		return nil, span{}
	}
	s.behind(end, ':')
	if plain {
		return s.src[at+1 : end-1], span{at, end}
	}
	return unquote(s.src[at:end]), span{at, end}
}

// skip reads the next value, whatever it is.
func (s *scanner) skip() span {
	at := s.next()
	if s.err != nil {
		return span{}
	}
	end := behindValue(s.src, at, len(s.open))
	if end == invalid {
		s.fail()
		return span{}
	}
	s.behind(end, ',')
	return span{at, end}
}

// end checks that nothing but white space follows the last value.
func (s *scanner) end() {
	if s.err == nil && behindSpace(s.src, s.pos) != len(s.src) {
		s.fail()
	}
}

func (s *scanner) offset() int { return s.pos }

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

// repeats reports whether one of the names is given more than once.
func (n node) repeats(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		count := 0
		for _, m := range n.members {
			if m.name == name {
				count++
			}
		}
		return count > 1
	})
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
