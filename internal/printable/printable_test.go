package printable_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/printable"
)

// Text of others shows what is in it and does nothing else.
func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"Role-1 é 日本 ☃ AWS::IAM::Role": "Role-1 é 日本 ☃ AWS::IAM::Role",
		"":                             "",
		"a\x1b[2Kb\x00\x7f":            `a\x1b[2Kb\x00\x7f`,
		"a\n\r\t\vb":                   `a\n\r\t\vb`,
		"a\u0085\u009bb":               `a\u0085\u009bb`,
		"a\u2028\u2029\u202e\u2066\u200f\u061c\ufeffb": `a\u2028\u2029\u202e\u2066\u200f\u061c\ufeffb`,
		"a\xff\xc3b":             `a\xff\xc3b`,
		"\ufffd":                 "\ufffd",
		"::stop-commands::x":     `\x3a:stop-commands::x`,
		"  ::error::x":           `  \x3a:error::x`,
		"x ::error::x":           `x ::error::x`,
		"\u00a0\u3000::error::x": "\u00a0\u3000\\x3a:error::x",
		"x ##teamcity[x]":        `x \x23#teamcity[x]`,
		"x ##[add-mask]y":        `x \x23#[add-mask]y`,
		"x ##vso[task.complete]": `x \x23#vso[task.complete]`,
		"x ##VSO[task.complete]": `x \x23#VSO[task.complete]`,
		"## [a] #[b]":            `## [a] #[b]`,
	} {
		assert.Equal(t, want, printable.Line(text))
		assert.Equal(t, want, printable.Line(want), "again")
	}
}

// A text of several lines keeps its lines and its indentation.
func TestLines(t *testing.T) {
	assert.Equal(t, "+\ta\\x1bb\r\n  \\x3a:x::\n\\u202e", string(printable.Lines([]byte("+\ta\x1bb\r\n  ::x::\n\u202e"))))
	assert.Empty(t, printable.Lines(nil))
}

// JSON keeps its meaning, and has nothing raw that a terminal or a CI system
// takes for more than text.
func TestJSON(t *testing.T) {
	for _, text := range []string{
		"plain é \\ \" \n", "a\u009b2K\x7f\u202e\u2066\u00ad", "##[add-mask]", "###vso[x", `\##[`, "\U000e0041", "\ufffd", "a\x00\x1b",
	} {
		var raw bytes.Buffer
		e := json.NewEncoder(&raw)
		e.SetIndent("", "  ")
		require.NoError(t, e.Encode(map[string]string{text: text}))
		out := printable.JSON(raw.Bytes())
		var back map[string]string
		require.NoError(t, json.Unmarshal(out, &back))
		assert.Equal(t, map[string]string{text: text}, back)
		for line := range strings.Lines(string(out)) {
			line = strings.TrimSuffix(line, "\n")
			assert.Equal(t, line, printable.Line(line))
		}
	}
}

func TestClip(t *testing.T) {
	assert.Equal(t, "abc", printable.Clip("abc", 3))
	assert.Equal(t, "ab...", printable.Clip("abc", 2))
	assert.Equal(t, "a...", printable.Clip("aé", 2), "no half of a character")
	assert.Equal(t, `\n`, printable.Clip("\n", 2))
}

// A shell takes each word for itself.
func TestShell(t *testing.T) {
	for _, word := range []string{"dev", "team-1", "file:a/b.json", "", "a b", "dev; curl x|sh", "$(id)", "`id`", "it's", "~", "*", "a\nb", "!x"} {
		out, err := exec.Command("sh", "-c", "printf %s "+printable.Shell(word)).Output()
		require.NoError(t, err, word)
		assert.Equal(t, word, string(out))
	}
	assert.Equal(t, "file:a/b.json", printable.Shell("file:a/b.json"))
}
