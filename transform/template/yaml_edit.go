package template

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	yaml "go.yaml.in/yaml/v4"
)

// render returns edits of the JSON as edits of the text.
func (y *yamlText) render(edits []Edit) ([]TextEdit, *Edit) {
	texts := make([]TextEdit, 0, len(edits))
	done := map[place]bool{}
	for i := range edits {
		if at := y.place(edits[i]); at.op != EditString {
			if done[at] {
				continue
			}
			done[at] = true
		}
		some, ok := y.renderOne(edits[i])
		if !ok {
			return nil, &edits[i]
		}
		texts = append(texts, some...)
	}
	slices.SortStableFunc(texts, func(a, b TextEdit) int { return a.Start - b.Start })
	return texts, nil
}

// place identifies what an edit changes. A node with an anchor is edited once,
// however many aliases it has.
type place struct {
	op          Op
	depth       int // of the path
	into, value *yaml.Node
}

func (y *yamlText) place(e Edit) place {
	into, _ := y.valueAt(e.Into.Start)
	value, _ := y.valueAt(e.Start)
	if into.node == nil {
		return place{op: EditString}
	}
	return place{e.Op, len(e.Path), into.mapping(), value.node}
}

// renderOne renders an edit. It reports false for a style that cannot be edited
// without changing anything else.
func (y *yamlText) renderOne(e Edit) ([]TextEdit, bool) {
	if e.Op == EditString {
		return y.editString(e)
	}
	at, ok := y.valueAt(e.Into.Start)
	if !ok {
		return nil, false
	}
	switch e.Op {
	case Insert:
		return y.insert(at.mapping(), e)
	case Fill:
		return y.fill(at, e)
	}
	return y.replace(at.mapping(), e)
}

// mapping returns the node of a mark, or the node that it is an alias for.
func (m mark) mapping() *yaml.Node {
	if m.node.Kind == yaml.AliasNode {
		return m.node.Alias
	}
	return m.node
}

// spelling returns the edit's value in YAML, with functions in short form: quoted,
// or plain if it can only be read as text.
func (e Edit) spelling(quoted bool) string {
	tag, text := "", string(e.text())
	if name, argument := e.function(); name != "" {
		tag, text = "!"+strings.TrimPrefix(name, "Fn::")+" ", argument
	}
	if quoted {
		return tag + string(Quote(text))
	}
	return tag + oneLine(text)
}

// text returns the text of a value that is a string.
func (e Edit) text() []byte {
	if jsontext.Value(e.Value).Kind() != jsontext.KindString {
		return nil
	}
	return Unquote(e.Value)
}

// insert inserts a member as the first of a mapping.
func (y *yamlText) insert(m *yaml.Node, e Edit) ([]TextEdit, bool) {
	if m.Kind != yaml.MappingNode {
		return nil, false
	}
	if m.Style&yaml.FlowStyle != 0 {
		return y.insertInFlow(m, e)
	}
	if len(m.Content) == 0 {
		return nil, false
	}
	first := m.Content[0]
	at := y.memberStart(first)
	column := first.Column - utf8.RuneCount(y.src[at:y.start(first)])
	indent := strings.Repeat(" ", column-1)
	lines := y.blockLines(indent, y.step(e, column), e)
	if at, ok := y.belowHeader(first); ok {
		return []TextEdit{{at, at, lines}}, true
	}
	// Something stands before the first member on its line, such as "- ".
	return []TextEdit{{at, at, strings.TrimPrefix(lines, indent) + indent}}, true
}

// blockLines returns the lines of a new member, in block style.
func (y *yamlText) blockLines(indent string, step int, e Edit) string {
	var b strings.Builder
	for i, name := range e.Path {
		b.WriteString(indent + strings.Repeat(" ", i*step) + name + ":")
		if i == len(e.Path)-1 {
			b.WriteString(" " + e.spelling(false))
		}
		b.WriteString(y.newline())
	}
	return b.String()
}

// step returns the width of one indentation, as it is around the edit.
func (y *yamlText) step(e Edit, column int) int {
	if name := y.nameBefore(e.Into.Start); name != nil && name.Column < column {
		return column - name.Column
	}
	return 2
}

// belowHeader returns where the lines of a block mapping begin: below the line of
// its key, above comments. It reports false if the first member is not on a line
// of its own.
func (y *yamlText) belowHeader(first *yaml.Node) (int, bool) {
	before := y.src[y.lines()[first.Line-1]:y.memberStart(first)]
	if len(bytes.TrimLeft(before, " ")) > 0 || first.Anchor != "" {
		return 0, false
	}
	line := first.Line
	for line > 1 {
		above := bytes.TrimSpace(y.lineText(line - 1))
		if len(above) > 0 && above[0] != '#' {
			break
		}
		line--
	}
	return y.lines()[line-1], line > 1
}

func (y *yamlText) insertInFlow(m *yaml.Node, e Edit) ([]TextEdit, bool) {
	quoted := len(m.Content) > 0 && m.Content[0].Style&yaml.DoubleQuotedStyle != 0
	text := y.flowMember(quoted, e)
	if len(m.Content) == 0 {
		at := y.content(m) + 1
		return []TextEdit{{at, at, text}}, true
	}
	first := m.Content[0]
	at := y.memberStart(first)
	between := ", "
	if before := y.src[y.lines()[first.Line-1]:at]; len(bytes.TrimRight(before, " \t")) == 0 {
		between = "," + y.newline() + string(before)
	}
	return []TextEdit{{at, at, text + between}}, true
}

// flowMember returns a new member in flow style, as JSON if the style is quoted.
func (y *yamlText) flowMember(quoted bool, e Edit) string {
	if quoted {
		return string(e.appendMember(nil, e.Path, " "))
	}
	text := e.spelling(true)
	for i, name := range slices.Backward(e.Path) {
		text = name + ": " + text
		if i > 0 {
			text = "{" + text + "}"
		}
	}
	return text
}

// fill replaces a value that stands for no object.
func (y *yamlText) fill(at mark, e Edit) ([]TextEdit, bool) {
	name := y.nameBefore(e.Into.Start)
	n := at.node
	if name == nil || n.Anchor != "" {
		return nil, false
	}
	isEmpty := n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0
	if isEmpty && !at.flow {
		below := y.lineEnd(name.Line)
		step := y.stepOf(name, e.Into.Start)
		lines := y.blockLines(strings.Repeat(" ", name.Column-1+step), step, e)
		return []TextEdit{{below, below, y.newline() + strings.TrimSuffix(lines, y.newline())}}, true
	}
	text := "{" + y.flowMember(name.Style&yaml.DoubleQuotedStyle != 0, e) + "}"
	start := y.start(n)
	if isEmpty {
		switch {
		case y.lacksColon(name, start):
			text = ": " + text
		case y.src[start-1] == ':':
			text = " " + text
		}
		return []TextEdit{{start, start, text}}, true
	}
	return y.replaceValue(n, text), true
}

// replaceValue replaces a value by text. Comments in the value stay, after the
// text.
func (y *yamlText) replaceValue(n *yaml.Node, text string) []TextEdit {
	at := y.start(n)
	comments, end := y.comments(n, nil)
	if len(comments) == 0 {
		return []TextEdit{{at, end, text}}
	}
	line := y.lineText(y.lineOf(at))
	below := y.newline() + strings.Repeat(" ", len(line)-len(bytes.TrimLeft(line, " "))+2)
	var edits []TextEdit
	text += " "
	for _, c := range comments {
		edits = append(edits, TextEdit{at, c.Start, text})
		at, text = c.End, below
	}
	rest := bytes.TrimLeft(y.src[end:y.lineEnd(y.lineOf(end))], " \t")
	if len(rest) == 0 || rest[0] == '#' {
		below = ""
	}
	return append(edits, TextEdit{at, end, below})
}

// lacksColon reports whether no colon follows the name of an empty value: a flow
// mapping may omit it.
func (y *yamlText) lacksColon(name *yaml.Node, value int) bool {
	return bytes.IndexByte(y.src[min(y.end(name), value):value], ':') < 0
}

// stepOf returns by how much a name is indented, relative to the name around it.
// Its value is at an offset of the JSON.
func (y *yamlText) stepOf(name *yaml.Node, offset int) int {
	i, _ := search(y.names, offset)
	for i--; i >= 0; i-- {
		if around := y.names[i].node; around.Column < name.Column {
			return name.Column - around.Column
		}
	}
	return 2
}

// replace replaces the value of a member of a mapping, or part of that value.
func (y *yamlText) replace(m *yaml.Node, e Edit) ([]TextEdit, bool) {
	old, ok := y.valueAt(e.Start)
	if !ok {
		return nil, false
	}
	name := y.nameBefore(e.Start)
	isWhole := name != nil && name.Value == e.Path[0]
	if isWhole && m.Kind == yaml.MappingNode && !has(m, e.Path[0]) {
		// The member comes from a merge key. A new member overrides it in this
		// mapping only.
		return y.insert(m, e)
	}
	n := old.node
	isQuoted := old.flow || n.Kind == yaml.ScalarNode && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	start := y.start(n)
	text := e.spelling(isQuoted)
	if n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 {
		if isWhole && y.lacksColon(name, start) {
			return []TextEdit{{start, start, ": " + text}}, true
		}
		return []TextEdit{{start, start, " " + text}}, true
	}
	if n.Anchor != "" {
		return nil, false
	}
	return y.replaceValue(n, text), true
}

// has reports whether a mapping has a member other than by a merge key.
func has(m *yaml.Node, name string) bool {
	for i := 0; i < len(m.Content); i += 2 {
		if m.Content[i].Value == name && !isMergeKey(m.Content[i]) {
			return true
		}
	}
	return false
}

// edit applies edits of the JSON to the text. The result, parsed again, must mean
// exactly what the edited JSON says; otherwise edit returns the first edit at
// fault.
func (y *yamlText) edit(edits []Edit) ([]TextEdit, *Edit) {
	texts, fault := y.render(edits)
	if fault != nil {
		return nil, fault
	}
	out, ok := Splice(y.src, texts)
	if ok && y.means(out, edits) {
		return texts, nil
	}
	if len(edits) <= 1 {
		return nil, &edits[0]
	}
	half := len(edits) / 2
	if _, fault := y.edit(edits[:half]); fault != nil {
		return nil, fault
	}
	if _, fault := y.edit(edits[half:]); fault != nil {
		return nil, fault
	}
	return nil, &edits[half]
}

// means reports whether a text is the edited template in YAML.
func (y *yamlText) means(out []byte, edits []Edit) bool {
	again, err := parseYAML(out, Unlimited)
	if err != nil || !bytes.Equal(again.transform, y.transform) {
		return false
	}
	want := bytes.Join(AppendEdited(nil, y.json, Span{0, len(y.json)}, edits), nil)
	return bytes.Equal(again.json, want) || sameJSON(again.json, want)
}
