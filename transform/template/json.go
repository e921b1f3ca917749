package template

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Span is the range of a value, or of a member's name with its quotes, in a JSON
// text. The zero span stands for an absent value.
type Span struct{ Start, End int }

// Absent reports whether s stands for an absent value.
func (s Span) Absent() bool { return s.End == 0 }

// Object is the span of a JSON object, with its first member, before which an
// [Insert] inserts another one.
type Object struct {
	Span
	FirstName, FirstValue Span // absent if the object is empty
}

// Add records a member. Members are added in source order.
func (o *Object) Add(name, value Span) {
	if o.FirstName.Absent() {
		o.FirstName, o.FirstValue = name, value
	}
}

// Insertion returns where a member is inserted. It becomes the first one, so that a
// diff of a template with a line for each member shows one added line.
func (o Object) Insertion() int { return o.Start + 1 }

// Unquote returns the text that a JSON string stands for. It shares memory with a
// string that has no escapes. Invalid UTF-8 becomes U+FFFD.
func Unquote(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	// Invalid UTF-8 is the only error.
	text, _ := jsontext.AppendUnquote(nil, quoted)
	return text
}

// Quote returns text as a JSON string. Invalid UTF-8 becomes U+FFFD.
func Quote(text string) []byte { return appendQuoted(nil, text) }

func appendQuoted(out []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			// Invalid UTF-8 is the only error.
			out, _ = jsontext.AppendQuote(out, strings.ToValidUTF8(text, "\uFFFD"))
			return out
		}
	}
	out = append(append(out, '"'), text...) // as most texts are: they have nothing to escape
	return append(out, '"')
}

// Node is a JSON value as a tree, for values that a single pass of a [Cursor] cannot
// decide about. The zero node stands for an absent value.
type Node struct {
	Object
	Kind     jsontext.Kind
	Text     string   // the text of a string, or any other scalar as written
	Members  []Member // of an object, in source order
	Elements []Node   // of an array
}

// Member is a member of an object.
type Member struct {
	Name  string
	Value Node
}

// IsObject reports whether n is an object.
func (n Node) IsObject() bool { return n.Kind == jsontext.KindBeginObject }

// IsArray reports whether n is an array.
func (n Node) IsArray() bool { return n.Kind == jsontext.KindBeginArray }

// IsString reports whether n is a string.
func (n Node) IsString() bool { return n.Kind == jsontext.KindString }

// IsNull reports whether n is null.
func (n Node) IsNull() bool { return n.Kind == jsontext.KindNull }

// IsEmpty reports whether n is the empty string.
func (n Node) IsEmpty() bool { return n.IsString() && n.Text == "" }

// Get returns the value of a member, the last one if the name is repeated, or the
// zero node.
func (n Node) Get(name string) Node {
	for i := len(n.Members) - 1; i >= 0; i-- {
		if n.Members[i].Name == name {
			return n.Members[i].Value
		}
	}
	return Node{}
}

// Repeats reports whether an object has one of the names more than once.
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

// Repeated returns the names of an object; the value is true for those that it has
// more than once.
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

// ByName returns the members of an object, for many calls of what Get does.
func (n Node) ByName() map[string]Node {
	members := make(map[string]Node, len(n.Members))
	for _, m := range n.Members {
		members[m.Name] = m.Value
	}
	return members
}

// Only returns the member of an object with exactly one, which is the form of an
// intrinsic function. For other values the name is empty.
func (n Node) Only() (name string, argument Node) {
	if len(n.Members) != 1 {
		return "", Node{}
	}
	return n.Members[0].Name, n.Members[0].Value
}

// Whole returns a JSON text as a tree.
func Whole(text []byte) Node { return NodeAt(text, Span{0, len(text)}) }

// NodeAt returns the value at a span of src as a tree, or the zero node for an
// absent span.
func NodeAt(src []byte, at Span) Node {
	if at.Absent() {
		return Node{}
	}
	return NewCursor(src, at).Tree()
}

// Tree reads the next value and returns it as a tree.
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
