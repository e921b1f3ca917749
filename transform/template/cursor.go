package template

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"

	"github.com/go-json-experiment/json/jsontext"
)

// Validate says what is wrong with a JSON text, nil if it is valid. Duplicate
// names and invalid UTF-8 pass: they are the concern of whoever reads them.
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

// Cursor reads a value of a JSON text in one pass, and tells where each value
// in it lies. The text must be valid: the cursor checks nothing, and on other
// texts it may return anything, or panic.
type Cursor struct {
	Src []byte
	Pos int // behind what was read last, or at what comes next
}

// NewCursor returns a cursor at the value at a span of src.
func NewCursor(src []byte, at Span) *Cursor { return &Cursor{src, at.Start} }

// Next is where the next token begins. Commas and colons are no tokens: in a
// valid text they say nothing that the brackets do not.
func (c *Cursor) Next() int {
	if b := c.Src[c.Pos]; b <= ' ' || b == ',' || b == ':' {
		c.Pos = tokenStart(c.Src, c.Pos)
	}
	return c.Pos
}

// Peek is the kind of the next value, or of the end of an object or array.
func (c *Cursor) Peek() jsontext.Kind {
	switch b := c.Src[c.Next()]; b {
	case '{', '}', '[', ']', '"', 't', 'f', 'n':
		return jsontext.Kind(b)
	}
	return jsontext.KindNumber
}

// Enter reads the opening delimiter of an object or array and returns its
// offset.
func (c *Cursor) Enter() int {
	at := c.Next()
	c.Pos++
	return at
}

// More reports whether the object or array goes on. If not, it reads the
// closing delimiter.
func (c *Cursor) More() bool {
	if b := c.Src[c.Next()]; b != '}' && b != ']' {
		return true
	}
	c.Pos++
	return false
}

// Name reads a member's name. The bytes stay valid as long as the source.
func (c *Cursor) Name() ([]byte, Span) {
	at := c.Next()
	end, plain := stringEnd(c.Src, at)
	c.Pos = end
	if plain {
		return c.Src[at+1 : end-1], Span{at, end}
	}
	return Unquote(c.Src[at:end]), Span{at, end}
}

// Skip reads the next value, whatever it is.
func (c *Cursor) Skip() Span {
	at := c.Next()
	switch c.Src[at] {
	case '"':
		c.Pos, _ = stringEnd(c.Src, at)
	case '{', '[':
		c.Pos = collectionEnd(c.Src, at)
	default:
		c.Pos = literalEnd(c.Src, at)
	}
	return Span{at, c.Pos}
}

// Behind says that all before an offset is read.
func (c *Cursor) Behind(offset int) { c.Pos = offset }

// Offset is behind what was read last, if nothing has looked ahead since.
func (c *Cursor) Offset() int { return c.Pos }

// Text is the meaning of the string at a span, nil when there is none.
func (c *Cursor) Text(at Span) []byte {
	if at.Absent() || c.Src[at.Start] != '"' {
		return nil
	}
	return Unquote(c.Src[at.Start:at.End])
}

// What follows looks at eight bytes at once, as lanes of a word. A lane that
// has something is marked by its highest bit.
const (
	lanes = 0x0101010101010101 // times a byte: that byte in each lane
	marks = lanes << 7
)

// word is the eight bytes at an offset, zeros where the text ends before.
func word(src []byte, at int) uint64 {
	if len(src)-at >= 8 {
		return binary.LittleEndian.Uint64(src[at:])
	}
	var last [8]byte
	copy(last[:], src[at:])
	return binary.LittleEndian.Uint64(last[:])
}

// firstLane is the lane of the lowest mark.
func firstLane(marked uint64) int { return bits.TrailingZeros64(marked) / 8 }

// firstZero marks the first lane that is zero. The subtraction borrows from the
// lanes behind it, so marks there mean nothing.
func firstZero(w uint64) uint64 { return (w - lanes) &^ w & marks }

// tokenStart is where the next token begins, behind white space and a delimiter.
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

// blankEnd is behind the white space at an offset: outside of strings, that is
// all up to the space.
func blankEnd(src []byte, at int) int {
	for ; at < len(src); at += 8 {
		w := word(src, at)
		// The addition carries into the lanes behind the first one only.
		if visible := (w + lanes*(0x7f-' ') | w) & marks; visible != 0 {
			return at + firstLane(visible)
		}
	}
	return len(src)
}

// stringEnd is behind the string at an offset. Plain says that it has no escapes.
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

// literalEnd is behind the number, true, false or null at an offset.
func literalEnd(src []byte, at int) int {
	for ; at < len(src); at++ {
		switch src[at] {
		case ' ', '\t', '\n', '\r', ',', ']', '}':
			return at
		}
	}
	return at
}

// collectionEnd is behind the object or array at an offset. Only strings and
// brackets are told apart from the rest.
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
