package template

import (
	"bytes"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// editString edits the text of a scalar: a literal block, or a quoted scalar.
func (y *yamlText) editString(e Edit) ([]TextEdit, bool) {
	at, ok := y.valueAt(e.Start)
	if !ok || at.node.Kind != yaml.ScalarNode {
		return nil, false
	}
	n := at.node
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		return y.editLiteral(n, e.Inner), true
	case n.Style&yaml.DoubleQuotedStyle != 0:
		start, end := y.content(n), y.end(n)
		quoted := y.src[start:end]
		if text, exact := UnquoteExactly(quoted); !exact || string(text) != n.Value {
			return nil, false
		}
		return Requote(quoted, start, e.Inner), true
	case n.Style&yaml.SingleQuotedStyle != 0:
		return y.editSingleQuoted(n, e.Inner)
	}
	return nil, false
}

// editLiteral edits a literal block, whose lines are the lines of its value,
// indented.
func (y *yamlText) editLiteral(n *yaml.Node, edits []TextEdit) []TextEdit {
	header, indent := y.lineOf(y.content(n)), y.blockIndent(n)
	spaces := strings.Repeat(" ", indent)
	line, begin, end := 0, 0, strings.IndexByte(n.Value, '\n') // of the value
	place := func(offset int) int {
		for end >= 0 && end < offset {
			line, begin = line+1, end+1
			if length := strings.IndexByte(n.Value[begin:], '\n'); length >= 0 {
				end = begin + length
			} else {
				end = -1
			}
		}
		number := min(header+1+line, len(y.lines()))
		at := y.lines()[number-1] + offset - begin
		if len(y.lineText(number)) >= indent {
			at += indent
		}
		return at
	}
	moved := make([]TextEdit, len(edits))
	for i, e := range edits {
		lines := strings.ReplaceAll(e.Text, "\n", y.newline()+spaces)
		start := place(e.Start)
		moved[i] = TextEdit{start, place(e.End), lines}
	}
	return moved
}

// editSingleQuoted edits a scalar in single quotes on one line.
func (y *yamlText) editSingleQuoted(n *yaml.Node, edits []TextEdit) ([]TextEdit, bool) {
	start, end := y.content(n), y.end(n)
	raw := y.src[start+1 : end-1]
	if strings.ReplaceAll(string(raw), "''", "'") != n.Value || bytes.ContainsAny(raw, "\r\n") {
		return nil, false
	}
	in, out := 0, 0
	place := func(offset int) int {
		for ; out < offset; out++ {
			if raw[in] == '\'' {
				in++
			}
			in++
		}
		return start + 1 + in
	}
	moved := make([]TextEdit, len(edits))
	for i, e := range edits {
		from := place(e.Start)
		moved[i] = TextEdit{from, place(e.End), strings.ReplaceAll(e.Text, "'", "''")}
	}
	return moved, true
}
