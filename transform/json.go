package transform

import (
	"bytes"
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

// insertion is where a further member goes: first, so that the difference is
// one line more in a template that has a line for each member.
func (o object) insertion() int { return o.start + 1 }

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

// repeated are the names that an object has more than once.
func (n node) repeated() map[string]bool {
	if len(n.members) < 2 {
		return nil
	}
	seen := make(map[string]bool, len(n.members))
	for _, m := range n.members {
		_, again := seen[m.name]
		seen[m.name] = again
	}
	return seen
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

// parse reads the value at a span of src as a tree.
func parse(src []byte, at span) node {
	if at.absent() {
		return node{}
	}
	return scan(src, at).tree()
}

// tree reads the next value as a tree.
func (c *cursor) tree() node {
	n := node{kind: c.peek()}
	switch n.kind {
	case jsontext.KindBeginObject:
		n.start = c.enter()
		for c.more() {
			name, at := c.name()
			value := c.tree()
			n.members = append(n.members, member{string(name), value})
			n.add(at, value.span)
		}
		n.end = c.offset()
	case jsontext.KindBeginArray:
		n.start = c.enter()
		for c.more() {
			n.elements = append(n.elements, c.tree())
		}
		n.end = c.offset()
	case jsontext.KindString:
		n.span = c.skip()
		n.text = string(c.text(n.span))
	default:
		n.span = c.skip()
		n.text = string(c.src[n.start:n.end])
	}
	return n
}
