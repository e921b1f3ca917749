// Package printable makes text that others wrote fit for a line of a terminal,
// of a log or of a message.
package printable

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line returns text as one line that does nothing but show itself. Control
// characters and other invisible ones, among them those that end a line or
// change the direction of text, are written as escapes of Go; so are invalid
// UTF-8, and the beginning of what a CI system takes for a command in its log.
// Applied again it changes nothing.
func Line(text string) string {
	if strings.ContainsFunc(text, isHidden) || !utf8.ValidString(text) {
		text = escaped(text, isHidden)
	}
	return withoutCommands(text)
}

// withoutCommands writes what a CI system takes for commands as escapes. Most
// text has none, and is only looked at.
func withoutCommands(text string) string {
	if !strings.Contains(text, "##") && !strings.HasPrefix(strings.TrimLeftFunc(text, unicode.IsSpace), "::") {
		return text
	}
	return command.ReplaceAllStringFunc(text, disarmed)
}

// Lines is Line for each line of a text, of which the ends and the tabs stay.
func Lines(text []byte) []byte {
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		content := strings.TrimRight(line, "\r\n")
		out.WriteString(withoutCommands(escaped(content, func(r rune) bool { return r != '\t' && isHidden(r) })))
		out.WriteString(line[len(content):])
	}
	return []byte(out.String())
}

// JSON returns JSON that is the same for programs, and that does nothing on a
// terminal or in the log of a CI system: what Line escapes is escaped as JSON
// does it.
func JSON(text []byte) []byte {
	isRaw := func(r rune) bool { return r >= ' ' && isHidden(r) }
	if !bytes.ContainsFunc(text, isRaw) && !bytes.Contains(text, []byte("##")) {
		return text
	}
	var out strings.Builder
	for _, r := range string(text) {
		if !isRaw(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return []byte(hashes.ReplaceAllStringFunc(out.String(), func(run string) string { return strings.Repeat(`\u0023`, len(run)) }))
}

// hashes are where a command may begin in JSON.
var hashes = regexp.MustCompile(`##+`)

// Clip is Line of a text that is cut to about so many bytes.
func Clip(text string, length int) string {
	if text = Line(text); len(text) > length {
		return strings.ToValidUTF8(text[:length], "") + "..."
	}
	return text
}

// command is where a CI system looks for a command: GitHub Actions at the
// beginning of a line, behind white space of Unicode, and as Azure Pipelines and
// TeamCity anywhere in it. Source: the runner's ActionCommand.cs, the agent's
// Command.cs, TeamCity's service messages.
var command = regexp.MustCompile(`^[\s\p{Zs}]*::|(?i)##(?:vso|teamcity)?\[`)

// disarmed writes the first sign of a command as an escape.
func disarmed(command string) string {
	at := strings.IndexAny(command, ":#")
	return command[:at] + `\x` + strconv.FormatInt(int64(command[at]), 16) + command[at+1:]
}

func isHidden(r rune) bool {
	if r < utf8.RuneSelf { // most text
		return r < ' ' || r == 0x7f
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

func escaped(text string, hidden func(rune) bool) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			out.WriteString(`\x` + strconv.FormatInt(int64(text[i]), 16))
		case hidden(r):
			out.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			out.WriteRune(r)
		}
		i += size
	}
	return out.String()
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// Shell is a word of a shell command, quoted where a POSIX shell would take it
// for anything but itself.
func Shell(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
