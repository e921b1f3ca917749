package template

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// lineStarts returns the offsets of lines, by the line breaks of YAML 1.1.
func lineStarts(src []byte) []int {
	starts := []int{0}
	for i := 0; i < len(src); {
		length := lineBreak(src[i:])
		if length == 0 {
			i++
			continue
		}
		i += length
		starts = append(starts, i)
	}
	return starts
}

// jsonLineStarts returns the offsets of lines in JSON, whose strings may have the
// other line breaks of YAML 1.1.
func jsonLineStarts(src []byte) []int {
	starts := []int{0}
	if bytes.IndexByte(src, '\r') < 0 {
		for at := bytes.IndexByte(src, '\n'); at >= 0; at = bytes.IndexByte(src[starts[len(starts)-1]:], '\n') {
			starts = append(starts, starts[len(starts)-1]+at+1)
		}
		return starts
	}
	for i, c := range src {
		if c == '\n' || c == '\r' && !bytes.HasPrefix(src[i+1:], []byte("\n")) {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// lineBreak returns the length of the line break at the start of a text, or 0.
func lineBreak(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	switch text[0] {
	case '\n':
		return 1
	case '\r':
		if len(text) > 1 && text[1] == '\n' {
			return 2
		}
		return 1
	case "\u0085"[0]:
		if bytes.HasPrefix(text, []byte("\u0085")) {
			return 2
		}
	case "\u2028"[0]:
		if bytes.HasPrefix(text, []byte("\u2028")) || bytes.HasPrefix(text, []byte("\u2029")) {
			return 3
		}
	}
	return 0
}

// start returns where a node begins, with its anchor and tag.
func (y *yamlText) start(n *yaml.Node) int {
	line, column := min(n.Line, len(y.lines())), 1
	at := y.lines()[line-1]
	if n.Column > stride {
		known := y.stridesOf(line)
		last := min((n.Column-1)/stride, len(known)-1)
		at, column = known[last], 1+last*stride
	}
	for ; column < n.Column && at < len(y.src); column++ {
		_, size := utf8.DecodeRune(y.src[at:])
		at += size
	}
	return at
}

// memberStart returns where the member with a name begins: at the question mark of
// an explicit key, or at the name.
func (y *yamlText) memberStart(name *yaml.Node) int {
	at := y.start(name)
	line := y.lines()[name.Line-1]
	if before := bytes.TrimRight(y.src[line:at], " \t"); bytes.HasSuffix(before, []byte("?")) {
		return line + len(before) - 1
	}
	return at
}

// stride is the distance in columns between the known offsets of a long line.
// Without them, the time for a line would be quadratic in the number of its nodes.
const stride = 256

// stridesOf returns the offsets of columns 1, 1+stride, and so on of a line.
func (y *yamlText) stridesOf(line int) []int {
	known, ok := y.strides[line]
	if ok {
		return known
	}
	column := 0
	for at := y.lines()[line-1]; at < y.lineEnd(line) || column == 0; column++ {
		if column%stride == 0 {
			known = append(known, at)
		}
		_, size := utf8.DecodeRune(y.src[at:])
		at += size
	}
	y.strides[line] = known
	return known
}

// lineEnd returns the end of a line, without its line break. Lines count from 1.
func (y *yamlText) lineEnd(line int) int {
	if line == len(y.lines()) {
		return len(y.src)
	}
	return y.lines()[line] - len(y.breakBefore(y.lines()[line]))
}

// breakBefore returns the line break that ends at an offset.
func (y *yamlText) breakBefore(offset int) []byte {
	before := y.src[:offset]
	if bytes.HasSuffix(before, []byte("\r\n")) {
		return before[offset-2:]
	}
	_, size := utf8.DecodeLastRune(before)
	return before[offset-size:]
}

// lineText is a line without its break.
func (y *yamlText) lineText(line int) []byte { return y.src[y.lines()[line-1]:y.lineEnd(line)] }

// newline returns the line break for new lines: the first in the text, or \n if that
// one is no line break in YAML 1.2.
func (y *yamlText) newline() string {
	if len(y.lines()) > 1 {
		if end := string(y.breakBefore(y.lines()[1])); end == "\r\n" || end == "\r" {
			return end
		}
	}
	return "\n"
}

// content returns where a node begins after its anchor and tag.
func (y *yamlText) content(n *yaml.Node) int {
	at := y.start(n)
	for at < len(y.src) && (y.src[at] == '&' || y.src[at] == '!') {
		for at < len(y.src) && !isSpace(y.src[at]) {
			at++
		}
		if n.Kind == yaml.ScalarNode && n.Value == "" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
			continue // nothing follows
		}
		at = y.skipSpace(at)
	}
	return at
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// skipSpace skips white space, line breaks and comments.
func (y *yamlText) skipSpace(at int) int {
	for at < len(y.src) {
		switch {
		case isSpace(y.src[at]):
			at++
		case y.src[at] == '#' && (at == 0 || isSpace(y.src[at-1])):
			for at < len(y.src) && lineBreak(y.src[at:]) == 0 {
				at++
			}
		default:
			return at
		}
	}
	return at
}

// end returns the end of a node, without comments and white space after it.
func (y *yamlText) end(n *yaml.Node) int {
	at := y.content(n)
	switch {
	case n.Kind == yaml.AliasNode:
		return at + 1 + len(n.Value)
	case n.Kind == yaml.ScalarNode:
		return y.scalarEnd(n, at)
	case n.Style&yaml.FlowStyle == 0:
		return y.lastEnd(n, at)
	}
	return y.flowEnd(y.lastEnd(n, at+1))
}

// flowEnd returns the end of a flow collection whose last element ends at an offset.
func (y *yamlText) flowEnd(at int) int {
	for at = y.skipSpace(at); at < len(y.src) && y.src[at] == ','; {
		at = y.skipSpace(at + 1)
	}
	return min(at+1, len(y.src))
}

// comments appends the comments in a node to others, and returns the node's end.
func (y *yamlText) comments(n *yaml.Node, all []Span) (_ []Span, end int) {
	at := y.content(n)
	all = y.commentsIn(y.start(n), at, all)
	isFlow := n.Style&yaml.FlowStyle != 0
	switch {
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return y.commentsIn(at, y.lineEnd(y.lineOf(at)), all), y.end(n)
	case n.Kind == yaml.ScalarNode, n.Kind == yaml.AliasNode:
		return all, y.end(n)
	case isFlow:
		at++
	}
	for _, child := range n.Content {
		all = y.commentsIn(at, y.start(child), all)
		all, end = y.comments(child, all)
		at = max(at, end)
	}
	if !isFlow {
		return all, at
	}
	end = y.flowEnd(at)
	return y.commentsIn(at, end, all), end
}

// commentsIn appends the comments between two offsets.
func (y *yamlText) commentsIn(from, to int, all []Span) []Span {
	for at := from; at < to; at++ {
		if y.src[at] != '#' || at > 0 && !isSpace(y.src[at-1]) {
			continue
		}
		start := at
		at = y.lineEnd(y.lineOf(at))
		all = append(all, Span{start, at})
	}
	return all
}

// lastEnd returns the end of the content of a collection, which begins at an offset.
func (y *yamlText) lastEnd(n *yaml.Node, at int) int {
	if n.Kind == yaml.MappingNode && len(n.Content) > 1 {
		at = max(at, y.end(n.Content[len(n.Content)-2]))
	}
	if len(n.Content) > 0 {
		at = max(at, y.end(n.Content[len(n.Content)-1]))
	}
	return at
}

func (y *yamlText) scalarEnd(n *yaml.Node, at int) int {
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0:
		return quotedEnd(y.src, at, '\'', '\'')
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return quotedEnd(y.src, at, '"', '\\')
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return y.blockEnd(n)
	}
	return plainEnd(y.src, at, n.Value)
}

// quotedEnd returns the end of the quoted text at an offset. An escape applies to
// the character after it.
func quotedEnd(src []byte, at int, quote, escape byte) int {
	for at++; at < len(src); at++ {
		switch {
		case src[at] == escape && at+1 < len(src) && (escape != quote || src[at+1] == quote):
			at++
		case src[at] == quote:
			return at + 1
		}
	}
	return at
}

// plainEnd returns the end of a plain scalar with a value. White space in the value
// may be a folded line break.
func plainEnd(src []byte, at int, value string) int {
	for i := 0; i < len(value) && at < len(src); {
		if !isSpace(value[i]) {
			i++
			at++
			continue
		}
		for i < len(value) && isSpace(value[i]) {
			i++
		}
		for at < len(src) && isSpace(src[at]) {
			at++
		}
	}
	return at
}

// blockEnd returns the end of the last line of a block scalar that is not empty.
func (y *yamlText) blockEnd(n *yaml.Node) int {
	header := y.lineOf(y.content(n))
	indent := y.blockIndent(n)
	end := y.lineEnd(header)
	for line := header + 1; line <= len(y.lines()); line++ {
		text := y.lineText(line)
		spaces := len(text) - len(bytes.TrimLeft(text, " "))
		if spaces < indent && spaces < len(text) {
			break
		}
		if spaces < len(text) {
			end = y.lineEnd(line)
		}
	}
	return end
}

// blockIndent returns the indentation of a block scalar: that of its first line that
// is not empty, without the spaces that belong to the value.
func (y *yamlText) blockIndent(n *yaml.Node) int {
	for line := y.lineOf(y.content(n)) + 1; line <= len(y.lines()); line++ {
		text := y.lineText(line)
		if spaces := len(text) - len(bytes.TrimLeft(text, " ")); spaces < len(text) {
			value := strings.TrimLeft(n.Value, "\n")
			return spaces - (len(value) - len(strings.TrimLeft(value, " ")))
		}
	}
	return 0
}

// lineOf is the line that an offset is in.
func (y *yamlText) lineOf(offset int) int { return lineOf(y.lines(), offset) }

// lineOf returns the line of an offset, given where lines begin.
func lineOf(starts []int, offset int) int {
	after, found := slices.BinarySearch(starts, offset)
	if found {
		after++
	}
	return after
}
