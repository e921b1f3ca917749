package transform

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform/template"
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
		require.Equal(t, valid, template.Validate(text) == nil)
		if !valid {
			return
		}
		whole := template.NewCursor(text, template.Span{End: len(text)}).Skip()
		require.Equal(t, strings.Trim(string(text), " \t\r\n"), string(text[whole.Start:whole.End]))
		dec := jsontext.NewDecoder(strings.NewReader(string(text)), options...)
		stepped := template.NewCursor(text, template.Span{End: len(text)})
		steps(t, stepped, dec)
		require.Equal(t, whole.End, stepped.Offset())
	})
}

// steps reads a value token by token. What follows an object or array is where
// the cursor gets by skipping it, too.
func steps(t *testing.T, c *template.Cursor, dec *jsontext.Decoder) {
	kind, skipping := c.Peek(), *c
	require.Equal(t, dec.PeekKind(), kind)
	switch kind {
	case jsontext.KindBeginObject:
		for enter(t, c, dec); c.More(); {
			name, at := c.Name()
			token(t, dec, at.End)
			require.Equal(t, string(template.Unquote(c.Src[at.Start:at.End])), string(name))
			steps(t, c, dec)
		}
		token(t, dec, c.Offset())
	case jsontext.KindBeginArray:
		for enter(t, c, dec); c.More(); {
			steps(t, c, dec)
		}
		token(t, dec, c.Offset())
	default:
		token(t, dec, c.Skip().End)
	}
	if c.Offset()-skipping.Offset() < 1000 { // or deep nesting would take the square of its depth
		require.Equal(t, c.Offset(), skipping.Skip().End)
	}
}

func enter(t *testing.T, c *template.Cursor, dec *jsontext.Decoder) { token(t, dec, c.Enter()+1) }

// token has jsontext read a token, which must end where the cursor is.
func token(t *testing.T, dec *jsontext.Decoder, end int) {
	_, err := dec.ReadToken()
	require.NoError(t, err)
	require.EqualValues(t, dec.InputOffset(), end)
}
