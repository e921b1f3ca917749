package guard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/guard"
)

const canonicalDocument = `{"Version":"2012-10-17","Statement":[
	{"Sid":"A","Effect":"Deny","Action":["a:B","a:C"],"Resource":["*"],"Condition":{"ArnLike":{"k":["x","y"]}}},
	{"Sid":"B","Effect":"Deny","NotAction":["a:*"],"Resource":["arn:1","arn:2"]}]}`

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// What means the same has the same canonical form.
func TestCanonicalSame(t *testing.T) {
	want, err := guard.Canonical([]byte(canonicalDocument))
	require.NoError(t, err)
	const a, bOf = `{"Sid":"A","Effect":"Deny","Action":["a:B","a:C"],"Resource":"*","Condition":{"ArnLike":{"k":["x","y"]}}}`, `{"Sid":"B%s","Effect":"Deny","NotAction":"a:*","Resource":["%s"]}`
	for what, text := range map[string]string{
		"divided statement": document(a, fmt.Sprintf(bOf, "1", "arn:2"), fmt.Sprintf(bOf, "2", "arn:1")),
		"twice in lists":    document(strings.Replace(a, `"a:B"`, `"a:b","a:B"`, 1), fmt.Sprintf(bOf, "", `arn:1","arn:2","arn:1`)),
		"a statement twice": document(a, a, fmt.Sprintf(bOf, "", `arn:1","arn:2`)),
		"order":             `{"Statement":[{"NotAction":"a:*","Sid":"B","Resource":["arn:2","arn:1"],"Effect":"Deny"},{"Resource":"*","Effect":"Deny","Sid":"A","Condition":{"ArnLike":{"k":["y","x"]}},"Action":["a:C","a:B"]}],"Version":"2012-10-17"}`,
		"two policies":      `{"Version":"2012-10-17","Statement":{"Sid":"A","Effect":"Deny","Action":["a:B","a:C"],"Resource":"*","Condition":{"ArnLike":{"k":["x","y"]}}}} {"Version":"2012-10-17","Statement":[{"Sid":"B","Effect":"Deny","NotAction":["a:*"],"Resource":["arn:1","arn:2"]}]}`,
		"case of actions":   strings.ReplaceAll(canonicalDocument, "a:", "A:"),
		"a result":          `{"policies":[{"name":"p","document":` + canonicalDocument + `}]}`,
	} {
		got, err := guard.Canonical([]byte(text))
		require.NoError(t, err, what)
		assert.Equal(t, string(want), string(got), what)
	}
}

// What decides differently has another.
func TestCanonicalDiffers(t *testing.T) {
	want, err := guard.Canonical([]byte(canonicalDocument))
	require.NoError(t, err)
	for what, text := range map[string]string{
		"one action less":     `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Action":"a:B","Resource":["*"],"Condition":{"ArnLike":{"k":["x","y"]}}},{"Sid":"B","Effect":"Deny","NotAction":["a:*"],"Resource":["arn:1","arn:2"]}]}`,
		"no condition":        `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Action":["a:B","a:C"],"Resource":["*"]},{"Sid":"B","Effect":"Deny","NotAction":["a:*"],"Resource":["arn:1","arn:2"]}]}`,
		"another operator":    `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Action":["a:B","a:C"],"Resource":["*"],"Condition":{"ArnNotLike":{"k":["x","y"]}}},{"Sid":"B","Effect":"Deny","NotAction":["a:*"],"Resource":["arn:1","arn:2"]}]}`,
		"another statement":   `{"Version":"2012-10-17","Statement":[{"Sid":"B","Effect":"Deny","NotAction":["a:*"],"Resource":["arn:1","arn:2"]},{"Sid":"B","Effect":"Deny","NotAction":["a:*"],"Resource":["arn:1","arn:2"]}]}`,
		"another version":     `{"Version":"2008-10-17","Statement":[{"Sid":"A","Effect":"Deny","Action":["a:B","a:C"],"Resource":["*"],"Condition":{"ArnLike":{"k":["x","y"]}}},{"Sid":"B","Effect":"Deny","NotAction":["a:*"],"Resource":["arn:1","arn:2"]}]}`,
		"allowed, not denied": `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["a:B","a:C"],"Resource":["*"],"Condition":{"ArnLike":{"k":["x","y"]}}},{"Sid":"B","Effect":"Deny","NotAction":["a:*"],"Resource":["arn:1","arn:2"]}]}`,
		"one resource less":   strings.Replace(canonicalDocument, `"arn:1","arn:2"`, `"arn:1"`, 1),
		"another resource":    strings.ReplaceAll(canonicalDocument, "arn:1", "ARN:1"),
		"another Sid":         strings.ReplaceAll(canonicalDocument, `"A"`, `"a"`),
		"nothing":             ``,
	} {
		got, err := guard.Canonical([]byte(text))
		require.NoError(t, err, what)
		assert.NotEqual(t, string(want), string(got), what)
	}
}

// Statements are in the order of their Sids, so that a difference is inside of one.
func TestCanonicalOrder(t *testing.T) {
	got, err := guard.Canonical([]byte(`{"Version":"2012-10-17","Statement":[
		{"Sid":"B","Effect":"Deny","Action":"a:A","Resource":"*"},
		{"Sid":"A","Effect":"Deny","Action":"a:B","Resource":"*"}]}`))
	require.NoError(t, err)
	assert.Less(t, strings.Index(string(got), `"Sid": "A"`), strings.Index(string(got), `"Sid": "B"`))
	names, err := guard.Sids([]byte(`{"policies":[{"document":` + canonicalDocument + `}]} {"Version":"2012-10-17","Statement":[{"Sid":"C12"},{"Effect":"Deny"}]}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"A", "B", "C", ""}, names)
}

// What is no policy is an error, and never means nothing.
func TestCanonicalErrors(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, `"text"`, `{"policies":[]}`, `{"Statement":`, `nonsense`,
		`{"Version":"2012-10-17","Statement":[],"Statement":[{"Effect":"Deny"}]}`, `{"Version":"2012-10-17","Statement":[{"Resource":"a","Resource":"*"}]}`,
		`{"version":"2012-10-17","statement":[]}`, `{"policies":[{"Document":{"Statement":[]}}]}`, `{"policies":{}}`,
		`{"Version":"2012-10-17","Statement":[]} {"Statement":[]}`, canonicalDocument + `{"Version":"2008-10-17","Statement":[]}`,
	} {
		_, err := guard.Canonical([]byte(text))
		assert.Error(t, err, text)
	}
}
