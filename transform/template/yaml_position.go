package template

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// lineStarts are the offsets at which lines begin, by the line breaks of
// YAML 1.1.
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

// jsonLineStarts are the offsets at which lines begin in JSON, whose strings may
// hold the further line breaks of YAML 1.1.
func jsonLineStarts(src []byte) []int {
	starts := []int{0}
	for i, c := range src {
		if c == '\n' || c == '\r' && !bytes.HasPrefix(src[i+1:], []byte("\n")) {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// lineBreak is the length of the line break that text begins with, 0 if it
// does not.
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

// start is where a node begins, with its anchor and tag.
func (y *yamlText) start(n *yaml.Node) int {
	line, column := min(n.Line, len(y.lines)), 1
	at := y.lines[line-1]
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

// memberStart is where a member of a mapping begins whose name is a node: with
// the question mark of an explicit key.
func (y *yamlText) memberStart(name *yaml.Node) int {
	at := y.start(name)
	line := y.lines[name.Line-1]
	if before := bytes.TrimRight(y.src[line:at], " \t"); bytes.HasSuffix(before, []byte("?")) {
		return line + len(before) - 1
	}
	return at
}

// stride is after how many columns of a long line a place is remembered, so
// that not each of many nodes on a line costs its length.
const stride = 256

// stridesOf are where columns 1, 1+stride, and so on of a line are.
func (y *yamlText) stridesOf(line int) []int {
	known, ok := y.strides[line]
	if ok {
		return known
	}
	column := 0
	for at := y.lines[line-1]; at < y.lineEnd(line) || column == 0; column++ {
		if column%stride == 0 {
			known = append(known, at)
		}
		_, size := utf8.DecodeRune(y.src[at:])
		at += size
	}
	y.strides[line] = known
	return known
}

// lineEnd is where a line ends, without its break. Lines count from 1.
func (y *yamlText) lineEnd(line int) int {
	if line == len(y.lines) {
		return len(y.src)
	}
	return y.lines[line] - len(y.breakBefore(y.lines[line]))
}

// breakBefore is the line break that ends at an offset.
func (y *yamlText) breakBefore(offset int) []byte {
	before := y.src[:offset]
	if bytes.HasSuffix(before, []byte("\r\n")) {
		return before[offset-2:]
	}
	_, size := utf8.DecodeLastRune(before)
	return before[offset-size:]
}

// lineText is a line without its break.
func (y *yamlText) lineText(line int) []byte { return y.src[y.lines[line-1]:y.lineEnd(line)] }

// newline is how the lines of the text end. Breaks that YAML 1.2 does not take
// for such are not followed.
func (y *yamlText) newline() string {
	if len(y.lines) > 1 {
		if end := string(y.breakBefore(y.lines[1])); end == "\r\n" || end == "\r" {
			return end
		}
	}
	return "\n"
}

// content is where a node begins behind its anchor and tag.
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

// end is where a node ends. Comments and white space behind it are not part of
// it.
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

// flowEnd is where a flow collection ends, whose last element ends at an offset.
func (y *yamlText) flowEnd(at int) int {
	for at = y.skipSpace(at); at < len(y.src) && y.src[at] == ','; {
		at = y.skipSpace(at + 1)
	}
	return min(at+1, len(y.src))
}

// comments adds those inside of a node to others, and says where it ends.
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

// lastEnd is where the content of a collection ends, at is where it begins.
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

// quotedEnd is behind the quote that closes the one at an offset. The escape
// takes the character behind it along.
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

// plainEnd is where a plain scalar with a value ends. White space in it may be
// a folded line break.
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

// blockEnd is where the last line of a block scalar ends that is not empty.
func (y *yamlText) blockEnd(n *yaml.Node) int {
	header := y.lineOf(y.content(n))
	indent := y.blockIndent(n)
	end := y.lineEnd(header)
	for line := header + 1; line <= len(y.lines); line++ {
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

// blockIndent is how far the lines of a block scalar are indented: as its first
// line that is not empty, but for the spaces which are part of the value.
func (y *yamlText) blockIndent(n *yaml.Node) int {
	for line := y.lineOf(y.content(n)) + 1; line <= len(y.lines); line++ {
		text := y.lineText(line)
		if spaces := len(text) - len(bytes.TrimLeft(text, " ")); spaces < len(text) {
			value := strings.TrimLeft(n.Value, "\n")
			return spaces - (len(value) - len(strings.TrimLeft(value, " ")))
		}
	}
	return 0
}

// lineOf is the line that an offset is in.
func (y *yamlText) lineOf(offset int) int { return lineOf(y.lines, offset) }

// lineOf is the line that an offset is in, where lines begin at starts.
func lineOf(starts []int, offset int) int {
	after, found := slices.BinarySearch(starts, offset)
	if found {
		after++
	}
	return after
}
