package template

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// UnquoteExactly is Unquote for a string whose text is to be edited. It reports
// false for invalid UTF-8, where offsets in the text have no exact place in the
// string.
func UnquoteExactly(quoted []byte) ([]byte, bool) {
	if !utf8.Valid(quoted) {
		return nil, false
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	return text, err == nil
}

// Requote returns edits of the text of a JSON string as edits of the source that
// has the string at offset start. Bytes between the edits stay as they are, escapes
// included.
func Requote(quoted []byte, start int, edits []TextEdit) []TextEdit {
	outer := make([]TextEdit, len(edits))
	at := positions{quoted: quoted, in: 1}
	for i, e := range edits {
		piece := Quote(e.Text)
		from := start + at.of(e.Start)
		outer[i] = TextEdit{from, start + at.of(e.End), string(piece[1 : len(piece)-1])}
	}
	return outer
}

// positions maps offsets in the text of a JSON string to offsets in the string, in
// ascending order.
type positions struct {
	quoted []byte
	in     int // in quoted, after the opening quote
	out    int // in the text
}

func (p *positions) of(offset int) int {
	for p.out < offset {
		p.step()
	}
	return p.in
}

func (p *positions) step() {
	if p.quoted[p.in] != '\\' {
		p.in++
		p.out++
		return
	}
	escape := 2
	if p.quoted[p.in+1] == 'u' {
		escape = 6
		if utf16Surrogate(p.quoted[p.in:]) {
			escape = 12
		}
	}
	// A string of one escape is valid.
	one, _ := jsontext.AppendUnquote(nil, append(append([]byte{'"'}, p.quoted[p.in:p.in+escape]...), '"'))
	p.in += escape
	p.out += len(one)
}

// utf16Surrogate reports whether an escape is the first half of a surrogate pair.
func utf16Surrogate(escape []byte) bool {
	high := bytes.ToLower(escape[2:4])
	return high[0] == 'd' && bytes.IndexByte([]byte("89ab"), high[1]) >= 0
}
