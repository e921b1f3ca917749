package transform

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
)

// texts are JSON and what is not quite JSON.
var texts = []string{
	`{}`, `[]`, `{"a":1}`, `[1,2]`, ` [ 1 , { "a" : [ ] } ] `, "\t{\r\n\"a\":\"b\"}\n", `"a"`, `""`, `null`, `true`, `false`,
	``, ` `, `{`, `[`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{"a":1 "b":2}`, `{a:1}`, `{1:1}`, `{"a":}`, `{]`,
	`[1,]`, `[,]`, `[1 2]`, `[}`, `[1`, `[[]`, `]`, `}`, `,`, `:`, `{} {}`, `{}x`, `nul`, `nulll`, `True`, `tru e`,
	`0`, `-0`, `-`, `01`, `1.`, `1.0`, `.5`, `1e5`, `1E+5`, `1e-5`, `1e`, `1e+`, `+1`, `--1`, `1.5.2`, `[1,-2.5e+10]`, `1a`, `0x1`, `[0 ]`,
	`"a`, `"\`, `"\"`, `"\""`, `"\\"`, `"\u00e9"`, `"\u00E"`, `"\u00eg"`, `"\ud800"`, `"\ud83d\ude00"`, `"\x"`, `"\n\t\r\b\f\/"`,
	"\"\x01\"", "\"1234567\n\"", "\"\x7f\"", "\"\xff\"", "\"\xe2\x82\"", "\"é€😀\"", `"1234567"`, `"12345678"`, `"123456789"`, `"1234567\u00e9 and more"`,
	`"` + strings.Repeat("x", 100) + `"`, `"!#[]` + "\u0080" + `~"`, `{"a":1,"a":2}`, "\ufeff{}", "{}\x00", "\v{}",
	strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting),
	strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1),
	strings.Repeat(`{"a":`, maxNesting) + "1" + strings.Repeat("}", maxNesting),
	strings.Repeat(`{"a":`, maxNesting+1) + "1" + strings.Repeat("}", maxNesting+1),
}

// What is JSON, and where its values are, is what the library says.
func FuzzGrammar(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, valid := read(text)
		whole := scan(text, span{0, len(text)})
		at := whole.skip()
		whole.end()
		assert.Equal(t, valid, whole.err == nil, "%q: %v", text, whole.err)
		stepped := scan(text, span{0, len(text)})
		steps(stepped)
		stepped.end()
		assert.Equal(t, valid, stepped.err == nil, "%q: %v", text, stepped.err)
		if valid {
			assert.Equal(t, string(value), string(text[at.start:at.end]))
			assert.Equal(t, at.end, stepped.offset())
		}
	})
}

// read has jsontext read a text that is one value.
func read(text []byte) (jsontext.Value, bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	value, err := dec.ReadValue()
	if err != nil {
		return nil, false
	}
	value = value.Clone()
	_, err = dec.ReadToken()
	return value, err == io.EOF
}

// steps reads a value token by token.
func steps(s *scanner) {
	switch s.peek() {
	case jsontext.KindBeginObject:
		for s.enter(); s.more(); {
			s.name()
			steps(s)
		}
	case jsontext.KindBeginArray:
		for s.enter(); s.more(); {
			steps(s)
		}
	default:
		s.skip()
	}
}
