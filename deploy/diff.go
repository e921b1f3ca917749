package deploy

import (
	"bytes"
	"io"
	"os"

	"github.com/rogpeppe/go-internal/diff"

	"permissions-boundary-macro/internal/printable"
)

// printDiff prints the difference of two texts, the second of which is what the
// first should be or becomes. Where people or a CI system read
// it, it shows what could act on a terminal or pass for a command; elsewhere it
// is exact, for programs such as patch.
func (p *pbm) printDiff(name, second string, before, after []byte) error {
	shown := isTerminal(p.stdout) || inCI()
	if shown {
		name = printable.Line(name)
	}
	out := unified(name, second, before, after)
	if shown {
		out = printable.Lines(out)
	}
	if isColoured(p.stdout) {
		out = coloured(out)
	}
	return p.print(out)
}

// unified is the difference of two texts, empty when there is none.
func unified(name, second string, before, after []byte) []byte {
	out := diff.Diff(name, withNewline(before), name+" ("+second+")", withNewline(after))
	if len(out) == 0 {
		return nil
	}
	// The last line of context comes without its end.
	return withNewline(out)
}

// isColoured reports whether a person reads the output on a terminal that knows
// control sequences and has not switched colours off (no-color.org).
func isColoured(out io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(out)
}

func withNewline(text []byte) []byte {
	if bytes.HasSuffix(text, []byte("\n")) {
		return text
	}
	return append(bytes.Clone(text), '\n')
}

// Colours of a terminal, as git uses them for a diff.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[m"
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
