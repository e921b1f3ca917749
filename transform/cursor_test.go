package transform

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// maxNesting is how deep jsontext lets objects and arrays be nested.
const maxNesting = 10_000

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

// The cursor finds every token of a valid text where jsontext's decoder does.
func FuzzCursor(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		options := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
		valid := jsontext.Value(text).IsValid(options...)
		require.Equal(t, valid, validate(text) == nil)
		if !valid {
			return
		}
		whole := scan(text, span{0, len(text)}).skip()
		require.Equal(t, strings.Trim(string(text), " \t\r\n"), string(text[whole.start:whole.end]))
		dec := jsontext.NewDecoder(strings.NewReader(string(text)), options...)
		stepped := scan(text, span{0, len(text)})
		steps(t, stepped, dec)
		require.Equal(t, whole.end, stepped.offset())
	})
}

// steps reads a value token by token. What follows an object or array is where
// the cursor gets by skipping it, too.
func steps(t *testing.T, c *cursor, dec *jsontext.Decoder) {
	kind, skipping := c.peek(), *c
	require.Equal(t, dec.PeekKind(), kind)
	switch kind {
	case jsontext.KindBeginObject:
		for enter(t, c, dec); c.more(); {
			name, at := c.name()
			token(t, dec, at.end)
			require.Equal(t, string(unquote(c.src[at.start:at.end])), string(name))
			steps(t, c, dec)
		}
		token(t, dec, c.offset())
	case jsontext.KindBeginArray:
		for enter(t, c, dec); c.more(); {
			steps(t, c, dec)
		}
		token(t, dec, c.offset())
	default:
		token(t, dec, c.skip().end)
	}
	if c.pos-skipping.pos < 1000 { // or deep nesting would take the square of its depth
		require.Equal(t, c.pos, skipping.skip().end)
	}
}

func enter(t *testing.T, c *cursor, dec *jsontext.Decoder) { token(t, dec, c.enter()+1) }

// token has jsontext read a token, which must end where the cursor is.
func token(t *testing.T, dec *jsontext.Decoder, end int) {
	_, err := dec.ReadToken()
	require.NoError(t, err)
	require.EqualValues(t, dec.InputOffset(), end)
}
