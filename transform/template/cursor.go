package template

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"

	"github.com/go-json-experiment/json/jsontext"
)

// Validate returns an error if text is not valid JSON. It allows duplicate names
// and invalid UTF-8, which are left to the reader.
func Validate(text []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadValue(); err != nil {
		return err
	}
	switch _, err := dec.ReadToken(); err {
	case io.EOF:
		return nil
	case nil:
		return errors.New("more than one JSON value")
	default:
		return err
	}
}

// Cursor reads a value of a JSON text in one pass, with the span of each value in
// it. The text must be valid: a cursor checks nothing, and for other texts it may
// return anything, or panic.
type Cursor struct {
	Src []byte
	pos int // after the last token, or at the next one
}

// NewCursor returns a cursor before the value at a span of src.
func NewCursor(src []byte, at Span) *Cursor { return &Cursor{src, at.Start} }

// Next returns the offset of the next token. Commas and colons do not count as
// tokens: in a valid text, brackets alone tell the structure.
func (c *Cursor) Next() int {
	if b := c.Src[c.pos]; b <= ' ' || b == ',' || b == ':' {
		c.pos = tokenStart(c.Src, c.pos)
	}
	return c.pos
}

// Peek returns the kind of the next value, or of the end of an object or array.
func (c *Cursor) Peek() jsontext.Kind {
	switch b := c.Src[c.Next()]; b {
	case '{', '}', '[', ']', '"', 't', 'f', 'n':
		return jsontext.Kind(b)
	}
	return jsontext.KindNumber
}

// Enter reads the opening bracket of an object or array and returns its offset.
func (c *Cursor) Enter() int {
	at := c.Next()
	c.pos++
	return at
}

// More reports whether the object or array has another member or element. If not,
// it reads the closing bracket.
func (c *Cursor) More() bool {
	if b := c.Src[c.Next()]; b != '}' && b != ']' {
		return true
	}
	c.pos++
	return false
}

// Name reads the name of a member. The bytes may be shared with Src.
func (c *Cursor) Name() ([]byte, Span) {
	at := c.Next()
	end, plain := stringEnd(c.Src, at)
	c.pos = end
	if plain {
		return c.Src[at+1 : end-1], Span{at, end}
	}
	return Unquote(c.Src[at:end]), Span{at, end}
}

// Skip reads the next value and returns its span.
func (c *Cursor) Skip() Span {
	at := c.Next()
	switch c.Src[at] {
	case '"':
		c.pos, _ = stringEnd(c.Src, at)
	case '{', '[':
		c.pos = collectionEnd(c.Src, at)
	default:
		c.pos = literalEnd(c.Src, at)
	}
	return Span{at, c.pos}
}

// Seek moves the cursor to an offset, after a value that was read by other means.
func (c *Cursor) Seek(offset int) { c.pos = offset }

// Offset returns the offset after the last token, unless Next, Peek or More has
// looked at the next one since.
func (c *Cursor) Offset() int { return c.pos }

// Text returns the text of the string at a span, or nil for another value.
func (c *Cursor) Text(at Span) []byte {
	if at.Absent() || c.Src[at.Start] != '"' {
		return nil
	}
	return Unquote(c.Src[at.Start:at.End])
}

// The functions below look at eight bytes at once, the lanes of a word. The highest
// bit of a lane marks what is searched for.
const (
	lanes = 0x0101010101010101 // times a byte: that byte in each lane
	marks = lanes << 7
)

// word returns the eight bytes at an offset, with zeros after the end of src.
func word(src []byte, at int) uint64 {
	if len(src)-at >= 8 {
		return binary.LittleEndian.Uint64(src[at:])
	}
	var last [8]byte
	copy(last[:], src[at:])
	return binary.LittleEndian.Uint64(last[:])
}

// firstLane returns the lane of the lowest mark.
func firstLane(marked uint64) int { return bits.TrailingZeros64(marked) / 8 }

// firstZero marks the first lane that is zero. Marks in later lanes are meaningless,
// because the subtraction borrows from them.
func firstZero(w uint64) uint64 { return (w - lanes) &^ w & marks }

// tokenStart returns where the next token begins, after white space, commas and
// colons.
func tokenStart(src []byte, at int) int {
	for {
		switch b := src[at]; {
		case b == ',' || b == ':':
			at++
		case b > ' ':
			return at
		default:
			at = blankEnd(src, at)
		}
	}
}

// blankEnd returns the end of the white space at an offset. Outside strings, every
// byte up to the space character is white space.
func blankEnd(src []byte, at int) int {
	for ; at < len(src); at += 8 {
		w := word(src, at)
		// The addition carries only into lanes after the first visible one.
		if visible := (w + lanes*(0x7f-' ') | w) & marks; visible != 0 {
			return at + firstLane(visible)
		}
	}
	return len(src)
}

// stringEnd returns the end of the string at an offset, and whether it is plain:
// without escapes.
func stringEnd(src []byte, at int) (end int, plain bool) {
	plain = true
	for at++; ; {
		w := word(src, at)
		special := firstZero(w^lanes*'"') | firstZero(w^lanes*'\\')
		if special == 0 {
			at += 8
			continue
		}
		at += firstLane(special)
		if src[at] == '"' {
			return at + 1, plain
		}
		at += len(`\"`)
		plain = false
	}
}

// literalEnd returns the end of the number, true, false or null at an offset.
func literalEnd(src []byte, at int) int {
	for ; at < len(src); at++ {
		switch src[at] {
		case ' ', '\t', '\n', '\r', ',', ']', '}':
			return at
		}
	}
	return at
}

// collectionEnd returns the end of the object or array at an offset. It looks only
// for strings and brackets.
func collectionEnd(src []byte, at int) int {
	for depth := 0; ; {
		switch src[at] {
		case '"':
			at, _ = stringEnd(src, at)
			continue
		case ' ', '\t', '\n', '\r':
			at = blankEnd(src, at+1)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
		at++
	}
}
