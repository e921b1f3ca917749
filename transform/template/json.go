package template

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Span is a range of bytes of the source: of a value, or of a member's name
// with its quotes. The zero span stands for a value that is absent, which is
// unambiguous as no member's value starts at 0.
type Span struct{ Start, End int }

func (s Span) Absent() bool { return s.End == 0 }

// Object is where a JSON object lies, and where its first member lies, before
// which another one can be inserted.
type Object struct {
	Span
	FirstName, FirstValue Span // absent when the object is empty
}

// Add takes note of a member, in source order.
func (o *Object) Add(name, value Span) {
	if o.FirstName.Absent() {
		o.FirstName, o.FirstValue = name, value
	}
}

// Insertion is where a further member goes: first, so that the difference is
// one line more in a template that has a line for each member.
func (o Object) Insertion() int { return o.Start + 1 }

// Unquote is the meaning of a JSON string. Without escapes it is part of the
// string itself.
func Unquote(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	// The only error is invalid UTF-8, which becomes U+FFFD.
	text, _ := jsontext.AppendUnquote(nil, quoted)
	return text
}

// Quote returns text as a JSON string. Invalid UTF-8 becomes U+FFFD.
func Quote(text string) []byte { return appendQuoted(nil, text) }

func appendQuoted(out []byte, text string) []byte {
	// Invalid UTF-8 is the only error.
	out, _ = jsontext.AppendQuote(out, strings.ToValidUTF8(text, "\uFFFD"))
	return out
}

// Node is a small part of the source as a tree: of what the rules must look at
// from more than one side. The zero node stands for an absent value.
type Node struct {
	Object
	Kind     jsontext.Kind
	Text     string   // meaning of a string; spelling of any other scalar
	Members  []Member // of an object, in source order
	Elements []Node   // of an array
}

type Member struct {
	Name  string
	Value Node
}

func (n Node) IsObject() bool { return n.Kind == jsontext.KindBeginObject }
func (n Node) IsArray() bool  { return n.Kind == jsontext.KindBeginArray }
func (n Node) IsString() bool { return n.Kind == jsontext.KindString }
func (n Node) IsNull() bool   { return n.Kind == jsontext.KindNull }
func (n Node) IsEmpty() bool  { return n.IsString() && n.Text == "" }

// Get returns the value of a member. Where a name is given twice, the last
// one counts, as it does for most parsers.
func (n Node) Get(name string) Node {
	for i := len(n.Members) - 1; i >= 0; i-- {
		if n.Members[i].Name == name {
			return n.Members[i].Value
		}
	}
	return Node{}
}

// Repeats reports whether one of the names is given more than once.
func (n Node) Repeats(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		count := 0
		for _, m := range n.Members {
			if m.Name == name {
				count++
			}
		}
		return count > 1
	})
}

// Repeated are the names that an object has more than once.
func (n Node) Repeated() map[string]bool {
	if len(n.Members) < 2 {
		return nil
	}
	seen := make(map[string]bool, len(n.Members))
	for _, m := range n.Members {
		_, again := seen[m.Name]
		seen[m.Name] = again
	}
	return seen
}

// ByName are the members of an object, for many lookups. Where a name is given
// twice, the last one counts.
func (n Node) ByName() map[string]Node {
	members := make(map[string]Node, len(n.Members))
	for _, m := range n.Members {
		members[m.Name] = m.Value
	}
	return members
}

// Only returns the member of an object that has exactly one, which is the form
// of an intrinsic function.
func (n Node) Only() (name string, argument Node) {
	if len(n.Members) != 1 {
		return "", Node{}
	}
	return n.Members[0].Name, n.Members[0].Value
}

// Whole is a JSON text as a tree.
func Whole(text []byte) Node { return NodeAt(text, Span{0, len(text)}) }

// NodeAt reads the value at a span of src as a tree.
func NodeAt(src []byte, at Span) Node {
	if at.Absent() {
		return Node{}
	}
	return NewCursor(src, at).Tree()
}

// Tree reads the next value as a tree.
func (c *Cursor) Tree() Node {
	n := Node{Kind: c.Peek()}
	switch n.Kind {
	case jsontext.KindBeginObject:
		n.Start = c.Enter()
		for c.More() {
			name, at := c.Name()
			value := c.Tree()
			n.Members = append(n.Members, Member{string(name), value})
			n.Add(at, value.Span)
		}
		n.End = c.Offset()
	case jsontext.KindBeginArray:
		n.Start = c.Enter()
		for c.More() {
			n.Elements = append(n.Elements, c.Tree())
		}
		n.End = c.Offset()
	case jsontext.KindString:
		n.Span = c.Skip()
		n.Text = string(c.Text(n.Span))
	default:
		n.Span = c.Skip()
		n.Text = string(c.Src[n.Start:n.End])
	}
	return n
}
