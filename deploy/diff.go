package deploy

import (
	"bytes"

	"github.com/rogpeppe/go-internal/diff"
)

// unified is the difference of two texts, empty when there is none.
func unified(name string, before, after []byte, colour bool) []byte {
	out := diff.Diff(name, withNewline(before), name+" (transformed)", withNewline(after))
	if len(out) == 0 {
		return nil
	}
	// The last line of context comes without its end.
	out = withNewline(out)
	if colour {
		return coloured(out)
	}
	return out
}

func withNewline(text []byte) []byte {
	if bytes.HasSuffix(text, []byte("\n")) {
		return text
	}
	return append(bytes.Clone(text), '\n')
}

// Colours of a terminal, as git uses them for a diff.
const (
	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	cyan  = "\x1b[36m"
	reset = "\x1b[m"
)

func coloured(diff []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(diff) {
		text, newline := bytes.CutSuffix(line, []byte("\n"))
		if colour := colourOf(text); colour != "" {
			out.WriteString(colour)
			out.Write(text)
			out.WriteString(reset)
		} else {
			out.Write(text)
		}
		if newline {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

func colourOf(line []byte) string {
	switch {
	case bytes.HasPrefix(line, []byte("--- ")), bytes.HasPrefix(line, []byte("+++ ")), bytes.HasPrefix(line, []byte("diff ")):
		return bold
	case bytes.HasPrefix(line, []byte("@@")):
		return cyan
	case bytes.HasPrefix(line, []byte("-")):
		return red
	case bytes.HasPrefix(line, []byte("+")):
		return green
	}
	return ""
}
