package deploy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
)

// A template is known by its words before it is parsed, for parsing all files
// of a directory takes long. It has the key AWSTemplateFormatVersion or
// Transform, which may bring all resources; or the key Resources and what has
// "::" in it: resource types, Fn::ForEach, and other functions; or the short form
// of Fn::Transform, whose name may be spelled with %. A text that may spell these
// words in another way, by escapes or in another encoding, may be a template, too.
var (
	versionWord   = []byte("AWSTemplateFormatVersion")
	transformWord = []byte("Transform")
	transformKey  = regexp.MustCompile(`Transform["']?\s*:`)
	resourcesWord = []byte("Resources")
	otherWords    = [][]byte{[]byte("::"), transformWord, []byte("%")}
)

// overlap is how much of a chunk is looked at again with the next one: as much
// as the longest word or escape has.
const overlap = 64

// looker looks at texts, in chunks, one after the other.
type looker struct {
	chunk []byte
}

func newLooker() *looker { return &looker{make([]byte, 256<<10)} }

// look reports whether a text may be a template. It is wrong only about texts
// that are not.
func (l *looker) look(ctx context.Context, text io.Reader) (bool, error) {
	resources, others := false, false
	kept := 0 // of the chunk before
	for first := true; ; first = false {
		n, err := io.ReadFull(text, l.chunk[kept:])
		chunk := l.chunk[:kept+n]
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return false, err
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		resources = resources || bytes.Contains(chunk, resourcesWord)
		others = others || (resources || !last) && hasOtherWord(chunk)
		switch {
		case resources && others, hasSection(chunk), hidesWords(chunk), first && isUTF16(chunk):
			return true, nil
		case last:
			return false, nil
		}
		kept = copy(l.chunk, chunk[len(chunk)-overlap:])
	}
}

// hasSection reports whether a text has a key that makes a template of it.
func hasSection(text []byte) bool {
	return bytes.Contains(text, versionWord) || bytes.Contains(text, transformWord) && transformKey.Match(text)
}

func hasOtherWord(text []byte) bool {
	return slices.ContainsFunc(otherWords, func(word []byte) bool { return bytes.Contains(text, word) })
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
	if len(behind) == 0 {
		return false
	}
	var zeros string
	switch behind[0] {
	case 'x':
	case 'u':
		zeros = "00"
	case 'U':
		zeros = "000000"
	default:
		return false
	}
	code := behind[1:]
	if len(code) < len(zeros)+2 || string(code[:len(zeros)]) != zeros {
		return false
	}
	return isLetter(hex(code[len(zeros)])<<4 | hex(code[len(zeros)+1]))
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
	if len(text) == 0 {
		return false
	}
	switch text[0] {
	case '\n', '\r':
		return true
	case '\xc2', '\xe2': // U+0085, U+2028, U+2029 and others, in UTF-8
		return true
	}
	return false
}
