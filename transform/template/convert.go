package template

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// Convert returns the text of the template in another syntax, with a line break at
// the end, and verifies that it means the same. In JSON, short forms of intrinsic
// functions are expanded, and the section Transform comes first. In YAML, quotes
// and brackets are omitted where possible. For the syntax of the template itself,
// Convert returns the text as it is.
func (t *Document) Convert(to Syntax) ([]byte, error) {
	if to == t.Syntax() {
		return t.Text(), nil
	}
	var out []byte
	var err error
	if to == JSON {
		out, err = t.toJSON()
	} else {
		out, err = t.toYAML()
	}
	if err != nil {
		return nil, err
	}
	again, err := Parse(out)
	switch {
	case errors.Is(err, ErrTooLong):
		return nil, fmt.Errorf("as YAML it would not be read again: %w", err)
	case err != nil, again.Syntax() != to, !sameMeaning(t, again):
		return nil, fmt.Errorf("the converted template does not mean the same: %w", ErrDefect)
	}
	return out, nil
}

func (t *Document) toJSON() ([]byte, error) {
	whole := t.json // of YAML
	if t.transform != nil {
		head := slices.Concat([]byte(`{"Transform":`), t.transform)
		if string(whole) != "{}" {
			head = append(head, ',')
		}
		whole = append(head, whole[1:]...)
	}
	value := jsontext.Value(bytes.Clone(whole))
	if err := value.Indent(jsontext.WithIndent("  "), jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return append(value, '\n'), nil
}

// errDeep is the error for JSON that is not written as YAML.
var errDeep = fmt.Errorf("it has values in each other to a depth of more than %d", maxDepth)

func (t *Document) toYAML() ([]byte, error) {
	w := yamlWriter{Cursor: NewCursor(t.src, Span{0, len(t.src)})}
	w.members("")
	return w.out, w.err
}

// yamlWriter writes JSON as YAML in block style.
type yamlWriter struct {
	*Cursor
	out   []byte
	depth int // number of objects and arrays around
	err   error
}

// value writes a value after a colon or dash on a line with the given indent.
func (w *yamlWriter) value(indent string) {
	if w.depth >= maxDepth {
		w.err = errDeep
		return
	}
	switch kind := w.Peek(); {
	case kind == jsontext.KindBeginObject && !w.isEmpty():
		w.out = append(w.out, '\n')
		w.members(indent + "  ")
	case kind == jsontext.KindBeginArray && !w.isEmpty():
		w.out = append(w.out, '\n')
		w.elements(indent + "  ")
	default:
		w.out = append(w.out, ' ')
		w.scalar(indent + "  ")
	}
}

// isEmpty reports whether the next object or array is empty.
func (w *yamlWriter) isEmpty() bool {
	inner := Cursor{w.Src, w.Next() + 1}
	return !inner.More()
}

// maxKey is the longest key that a colon may follow on the same line, with a margin.
// Source: YAML 1.1, simple keys.
const maxKey = 1000

func (w *yamlWriter) members(indent string) {
	w.depth++
	defer func() { w.depth-- }()
	for w.Enter(); w.err == nil && w.More(); {
		name, _ := w.Name()
		key := oneLine(string(name))
		if len(key) > maxKey {
			key = "? " + key + "\n" + indent
		}
		w.out = append(append(w.out, indent...), key...)
		w.out = append(w.out, ':')
		w.value(indent)
	}
}

// elements writes the elements of an array. Objects begin on the line of their
// dash.
func (w *yamlWriter) elements(indent string) {
	w.depth++
	defer func() { w.depth-- }()
	for w.Enter(); w.err == nil && w.More(); {
		w.out = append(append(w.out, indent...), '-')
		before := len(w.out)
		w.value(indent)
		if lines := append([]byte("\n"), indent+"  "...); bytes.HasPrefix(w.out[before:], lines) {
			w.out = slices.Replace(w.out, before, before+len(lines), ' ')
		}
	}
}

func (w *yamlWriter) scalar(indent string) {
	if w.Peek() != jsontext.KindString {
		at := w.Skip()
		w.out = append(append(w.out, bytes.Join(bytes.Fields(w.Src[at.Start:at.End]), nil)...), '\n')
		return
	}
	text := string(w.Text(w.Skip()))
	if !isLiteral(text) {
		w.out = append(append(w.out, oneLine(text)...), '\n')
		return
	}
	lines, ends := strings.CutSuffix(text, "\n")
	w.out = append(w.out, '|')
	if !ends {
		w.out = append(w.out, '-')
	}
	for line := range strings.SplitSeq(lines, "\n") {
		w.out = append(w.out, '\n')
		if line != "" {
			w.out = append(append(w.out, indent...), line...)
		}
	}
	w.out = append(w.out, '\n')
}

// isLiteral reports whether text can be a literal block: it has several lines, and
// no white space that a reader or an editor may change.
func isLiteral(text string) bool {
	if !strings.Contains(strings.TrimSuffix(text, "\n"), "\n") || strings.HasSuffix(text, "\n\n") || strings.ContainsFunc(text, isEscaped) {
		return false
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.TrimRight(line, " \t") != line || i == 0 && (line == "" || line[0] == ' ') || strings.HasPrefix(line, "\t") {
			return false
		}
	}
	return true
}

// plainText matches texts that cannot be numbers, dates, times or merge keys in
// YAML 1.1 or 1.2.
var plainText = regexp.MustCompile(`^[\pL_/$(][^\t\n\r]*$`)

// notText are words with another meaning as plain scalars, in any case.
var notText = []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}

// oneLine returns text on one line: plain if every reader of YAML takes that for
// text, or else in double quotes.
func oneLine(text string) string {
	isPlain := plainText.MatchString(text) && !slices.Contains(notText, strings.ToLower(text)) &&
		!strings.Contains(text, ": ") && !strings.Contains(text, " #") && !strings.HasSuffix(text, ":") && !strings.HasSuffix(text, " ") &&
		!strings.ContainsFunc(text, isEscaped)
	if isPlain {
		return text
	}
	var b strings.Builder
	for _, r := range string(Quote(text)) {
		switch {
		case !isEscaped(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	return b.String()
}

// isEscaped reports whether a character must be escaped: a control character, a line
// break of YAML 1.1, a byte order mark, or one that not every reader accepts.
func isEscaped(r rune) bool {
	return r != '\n' && r != '\t' && !unicode.IsPrint(r) && r != '\u00a0' || r == '\ufffd' || r > 0xffff
}
