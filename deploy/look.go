package deploy

import (
	"bytes"
	"errors"
	"io"
)

// A template is known by its words before it is parsed, for parsing all files
// of a directory takes long. Each template has the key Resources; and the
// version of the format, or what has "::" in it: resource types, Fn::ForEach,
// and other functions; or the short form of Fn::Transform, whose name may be
// spelled with %. A text that may spell these words in another way, by escapes
// or in another encoding, may be a template, too.
var otherWords = [][]byte{[]byte("::"), []byte("AWSTemplateFormatVersion"), []byte("Transform"), []byte("%")}

// resourcesWord is the key that each template has.
var resourcesWord = []byte("Resources")

// overlap is how much of a chunk is looked at again with the next one: as much
// as the longest word or escape has.
const overlap = 64

// looker takes a text in chunks.
type looker struct {
	resources, others, hidden bool
}

// look reports whether a text may be a template. It is wrong only about texts
// that are none.
func look(text io.Reader) (bool, error) {
	var l looker
	chunk := make([]byte, 0, 64<<10)
	for first := true; ; first = false {
		n, err := io.ReadFull(text, chunk[len(chunk):cap(chunk)])
		chunk = chunk[:len(chunk)+n]
		if first && isUTF16(chunk) {
			return true, nil
		}
		l.see(chunk)
		switch {
		case l.may():
			return true, nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return false, nil
		case err != nil:
			return false, err
		}
		chunk = append(chunk[:0], chunk[len(chunk)-overlap:]...)
	}
}

func (l *looker) may() bool { return l.hidden || l.resources && l.others }

func (l *looker) see(text []byte) {
	l.resources = l.resources || bytes.Contains(text, resourcesWord)
	for _, word := range otherWords {
		l.others = l.others || bytes.Contains(text, word)
	}
	l.hidden = l.hidden || hidesWords(text)
}

// isUTF16 reports whether a text begins as one in UTF-16, or in UTF-32, does.
func isUTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) ||
		bytes.IndexByte(text[:min(4, len(text))], 0) >= 0
}

// hidesWords reports whether a text has an escape of JSON or of a text in
// double quotes of YAML that stands for a letter or a colon, or joins two lines
// in the middle of a word. Where the text is not in double quotes, or the
// backslash is itself escaped, it is none: such a text is parsed in vain.
func hidesWords(text []byte) bool {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return false
		}
		behind := text[at+1:]
		if escapesLetter(behind) || at > 0 && isLetter(text[at-1]) && beginsWithBreak(behind) {
			return true
		}
		text = behind
	}
}

// escapesLetter reports whether what is behind a backslash makes a letter or a
// colon of it.
func escapesLetter(behind []byte) bool {
	for _, zeros := range []string{"x", "u00", "U000000"} {
		code, is := bytes.CutPrefix(behind, []byte(zeros))
		if is && len(code) > 1 && isLetter(hex(code[0])<<4|hex(code[1])) {
			return true
		}
	}
	return false
}

// hex is the value of a digit, 0 for what is none: it makes no letter.
func hex(digit byte) byte {
	switch {
	case '0' <= digit && digit <= '9':
		return digit - '0'
	case 'a' <= digit|0x20 && digit|0x20 <= 'f':
		return digit | 0x20 - 'a' + 10
	}
	return 0
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == ':' }

// beginsWithBreak reports whether a text begins with a line break of YAML 1.1.
func beginsWithBreak(text []byte) bool {
	for _, lineBreak := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if bytes.HasPrefix(text, []byte(lineBreak)) {
			return true
		}
	}
	return false
}
