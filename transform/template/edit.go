package template

import "bytes"

// Edit replaces bytes of the source by a piece of JSON that holds a boundary.
type Edit struct {
	Start, End int
	Piece      piece
	Into       Object // whose style the piece follows
	Boundary   []byte

	ID, Type string     // of what is edited, for messages
	Inner    []TextEdit // of the text that a string means, where piece is requoted
}

// piece is what an edit writes.
type piece int

const (
	BoundaryValue    piece = iota // the boundary itself
	BoundaryMember                // "PermissionsBoundary": boundary
	PropertiesValue               // {"PermissionsBoundary": boundary}
	PropertiesMember              // "Properties": {"PermissionsBoundary": boundary}
	Requoted                      // boundary holds the finished string
)

// append writes the edit's piece.
func (e Edit) append(out, src []byte) []byte {
	switch e.Piece {
	case BoundaryMember:
		out = e.appendName(out, src, `"PermissionsBoundary"`)
		out = e.appendBoundary(out, src)
		return e.appendComma(out)
	case PropertiesMember:
		out = e.appendName(out, src, `"Properties"`)
		out = e.appendProperties(out, src)
		return e.appendComma(out)
	case PropertiesValue:
		return e.appendProperties(out, src)
	case Requoted:
		return append(out, e.Boundary...)
	}
	return e.appendBoundary(out, src)
}

func (e Edit) appendProperties(out, src []byte) []byte {
	out = append(out, `{"PermissionsBoundary":`...)
	out = append(out, e.space(src)...)
	out = e.appendBoundary(out, src)
	return append(out, '}')
}

// appendBoundary writes the boundary: a string, or a Fn::Sub.
func (e Edit) appendBoundary(out, src []byte) []byte {
	if name := []byte(`{"Fn::Sub":`); bytes.HasPrefix(e.Boundary, name) {
		out = append(append(out, name...), e.space(src)...)
		return append(out, e.Boundary[len(name):]...)
	}
	return append(out, e.Boundary...)
}

// space is what the author writes between the colon of a member and a value on
// the same line: a space or nothing.
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

// appendName begins a new member. White space around its name is that of the
// member that was first, so that the result looks as its author writes.
func (e Edit) appendName(out, src []byte, name string) []byte {
	name1, value1 := e.Into.FirstName, e.Into.FirstValue
	if name1.Absent() {
		out = append(out, name...)
		out = append(out, ':')
		return append(out, e.space(src)...)
	}
	out = append(out, src[e.Start:name1.Start]...)
	out = append(out, name...)
	return append(out, src[name1.End:value1.Start]...)
}

func (e Edit) appendComma(out []byte) []byte {
	if e.Into.FirstName.Absent() {
		return out
	}
	return append(out, ',')
}

// usualPiece is about how many bytes an edit writes.
const usualPiece = 128

// AppendEdited appends the pieces that the bytes of src at a span are in, edited.
func AppendEdited(pieces [][]byte, src []byte, at Span, edits []Edit) [][]byte {
	written := make([]byte, 0, len(edits)*usualPiece)
	from := at.Start
	for _, e := range edits {
		start := len(written)
		written = e.append(written, src)
		pieces = append(pieces, src[from:e.Start], written[start:])
		from = e.End
	}
	return append(pieces, src[from:at.End])
}

// textEdits are edits of JSON as edits of its text.
func textEdits(edits []Edit, src []byte) []TextEdit {
	texts := make([]TextEdit, len(edits))
	for i, e := range edits {
		texts[i] = TextEdit{e.Start, e.End, string(e.append(nil, src))}
	}
	return texts
}
