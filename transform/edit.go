package transform

import "bytes"

// edit replaces bytes of the source by a piece of JSON that holds a boundary.
type edit struct {
	start, end int
	piece      piece
	into       object // whose style the piece follows
	boundary   []byte

	id, typ string     // of what is edited, for messages
	inner   []textEdit // of the text that a string means, where piece is requoted
}

// piece is what an edit writes.
type piece int

const (
	boundaryValue    piece = iota // the boundary itself
	boundaryMember                // "PermissionsBoundary": boundary
	propertiesValue               // {"PermissionsBoundary": boundary}
	propertiesMember              // "Properties": {"PermissionsBoundary": boundary}
	requoted                      // boundary holds the finished string
)

// append writes the edit's piece.
func (e edit) append(out, src []byte) []byte {
	switch e.piece {
	case boundaryMember:
		out = e.appendName(out, src, `"PermissionsBoundary"`)
		out = e.appendBoundary(out, src)
		return e.appendComma(out)
	case propertiesMember:
		out = e.appendName(out, src, `"Properties"`)
		out = e.appendProperties(out, src)
		return e.appendComma(out)
	case propertiesValue:
		return e.appendProperties(out, src)
	case requoted:
		return append(out, e.boundary...)
	}
	return e.appendBoundary(out, src)
}

func (e edit) appendProperties(out, src []byte) []byte {
	out = append(out, `{"PermissionsBoundary":`...)
	out = append(out, e.space(src)...)
	out = e.appendBoundary(out, src)
	return append(out, '}')
}

// appendBoundary writes the boundary: a string, or a Fn::Sub.
func (e edit) appendBoundary(out, src []byte) []byte {
	if name := []byte(`{"Fn::Sub":`); bytes.HasPrefix(e.boundary, name) {
		out = append(append(out, name...), e.space(src)...)
		return append(out, e.boundary[len(name):]...)
	}
	return append(out, e.boundary...)
}

// space is what the author writes between the colon of a member and a value on
// the same line: a space or nothing.
func (e edit) space(src []byte) string {
	before := e.into.firstValue.start
	if e.into.firstName.absent() {
		before = e.into.start
	}
	if before >= len(": ") && string(src[before-len(": "):before]) == ": " {
		return " "
	}
	return ""
}

// appendName begins a new member. White space around its name is that of the
// member that was first, so that the result looks as its author writes.
func (e edit) appendName(out, src []byte, name string) []byte {
	name1, value1 := e.into.firstName, e.into.firstValue
	if name1.absent() {
		out = append(out, name...)
		out = append(out, ':')
		return append(out, e.space(src)...)
	}
	out = append(out, src[e.start:name1.start]...)
	out = append(out, name...)
	return append(out, src[name1.end:value1.start]...)
}

func (e edit) appendComma(out []byte) []byte {
	if e.into.firstName.absent() {
		return out
	}
	return append(out, ',')
}

// usualPiece is about how many bytes an edit writes.
const usualPiece = 128

// appendEdited appends the pieces that the bytes of src at a span are in, edited.
func appendEdited(pieces [][]byte, src []byte, at span, edits []edit) [][]byte {
	written := make([]byte, 0, len(edits)*usualPiece)
	from := at.start
	for _, e := range edits {
		start := len(written)
		written = e.append(written, src)
		pieces = append(pieces, src[from:e.start], written[start:])
		from = e.end
	}
	return append(pieces, src[from:at.end])
}

// textEdits are edits of JSON as edits of its text.
func textEdits(edits []edit, src []byte) []textEdit {
	texts := make([]textEdit, len(edits))
	for i, e := range edits {
		texts[i] = textEdit{e.start, e.end, string(e.append(nil, src))}
	}
	return texts
}
