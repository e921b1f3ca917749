package template

import "github.com/go-json-experiment/json/jsontext"

// Edit changes one place of a template's JSON.
type Edit struct {
	Op         Op
	Start, End int    // what is replaced; both are Into.Insertion() for Insert
	Into       Object // the object that the edit is in, whose style it follows

	// Path names members, each inside the one before. For Replace it names the
	// member of Into that has the value.
	Path  []string
	Value []byte // JSON: a string, or an object with a single string

	ID, Type string     // of the edited resource, for messages
	Inner    []TextEdit // for EditString: edits of the text that the string stands for
}

// Op is what an Edit does.
type Op int

// Operations.
const (
	Insert     Op = iota // insert the member Path, first in the object Into
	Replace              // replace a value in Into by Value
	Fill                 // replace a value that stands for no object, Into, by an object with the member Path
	EditString           // edit the text of a string; Value is the edited string
)

// append writes what the edit puts in place of the bytes from Start to End.
func (e Edit) append(out, src []byte) []byte {
	switch e.Op {
	case Insert:
		return e.appendInsertion(out, src)
	case Fill:
		return e.appendObject(out, e.Path, e.space(src))
	case EditString:
		return append(out, e.Value...)
	}
	return e.appendValue(out, e.space(src))
}

// appendInsertion writes a member and what separates it from the next. It copies the
// white space around the name of the member that was first.
func (e Edit) appendInsertion(out, src []byte) []byte {
	name, value := e.Into.FirstName, e.Into.FirstValue
	if name.Absent() {
		return e.appendMember(out, e.Path, e.space(src))
	}
	out = append(out, src[e.Start:name.Start]...)
	out = appendQuoted(out, e.Path[0])
	out = append(out, src[name.End:value.Start]...)
	out = e.appendObject(out, e.Path[1:], e.space(src))
	return append(out, ',')
}

// appendObject writes an object with a member at a path, or only the value if
// the path is empty.
func (e Edit) appendObject(out []byte, path []string, space string) []byte {
	if len(path) == 0 {
		return e.appendValue(out, space)
	}
	return append(e.appendMember(append(out, '{'), path, space), '}')
}

func (e Edit) appendMember(out []byte, path []string, space string) []byte {
	out = append(appendQuoted(out, path[0]), ':')
	return e.appendObject(append(out, space...), path[1:], space)
}

func (e Edit) appendValue(out []byte, space string) []byte {
	name, text := e.function()
	if name == "" {
		return append(out, e.Value...)
	}
	out = append(appendQuoted(append(out, '{'), name), ':')
	return append(appendQuoted(append(out, space...), text), '}')
}

// function returns the member of a Value that is an object.
func (e Edit) function() (name, text string) {
	if jsontext.Value(e.Value).Kind() != jsontext.KindBeginObject {
		return "", ""
	}
	name, argument := Whole(e.Value).Only()
	return name, argument.Text
}

// space returns what the author writes between a colon and a value on the same
// line: a space or nothing.
func (e Edit) space(src []byte) string {
	before := e.Into.FirstValue.Start
	if e.Into.FirstName.Absent() {
		before = e.Into.Start
	}
	if before >= len(": ") && string(src[before-len(": "):before]) == ": " {
		return " "
	}
	return ""
}

// usualEdit is about how many bytes an edit writes.
const usualEdit = 128

// AppendEdited appends the edited bytes of src at a span to pieces. Bytes that no
// edit replaces are shared with src, not copied.
func AppendEdited(pieces [][]byte, src []byte, at Span, edits []Edit) [][]byte {
	written := make([]byte, 0, len(edits)*usualEdit)
	from := at.Start
	for _, e := range edits {
		start := len(written)
		written = e.append(written, src)
		pieces = append(pieces, src[from:e.Start], written[start:])
		from = e.End
	}
	return append(pieces, src[from:at.End])
}

// textEdits returns edits of JSON as edits of its text.
func textEdits(edits []Edit, src []byte) []TextEdit {
	texts := make([]TextEdit, len(edits))
	for i, e := range edits {
		texts[i] = TextEdit{e.Start, e.End, string(e.append(nil, src))}
	}
	return texts
}
