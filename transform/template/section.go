package template

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	yaml "go.yaml.in/yaml/v4"
)

// TransformSection is the section of a template that lists its transforms.
const TransformSection = "Transform"

// ErrTransforms is the error for a template with two sections Transform.
var ErrTransforms = errors.New("the section Transform is given twice; give it once")

// errSection is the error for a section Transform that cannot be edited.
var errSection = errors.New("its section Transform is written in a way that cannot be edited in place; write it as a list in block style")

// Entry is a transform that a section Transform, or a Fn::Transform, lists.
type Entry struct {
	Node
	Name       string // empty where the entry names no transform
	Parameters Node
	Line       int // of the file, from 1; 0 in a Fn::Transform
}

// IsValid reports whether the entry is a name, or an object with a Name and
// perhaps Parameters.
func (e Entry) IsValid() bool {
	if !e.IsObject() {
		return e.IsString() || e.IsNull()
	}
	name := e.Get("Name")
	return (name.IsString() || name.IsNull()) && (e.Parameters.IsObject() || e.Parameters.IsNull() || e.Parameters.Absent())
}

// EntriesOf are the entries of a section Transform or a Fn::Transform: one, or
// those of a list.
func EntriesOf(section Node) []Entry {
	list := []Node{section}
	switch {
	case section.IsArray():
		list = section.Elements
	case section.IsNull(), section.Kind == jsontext.KindInvalid:
		return nil
	}
	entries := make([]Entry, len(list))
	for i, n := range list {
		name := n
		if n.IsObject() {
			name, entries[i].Parameters = n.Get("Name"), n.Get("Parameters")
		}
		if entries[i].Node = n; name.IsString() {
			entries[i].Name = name.Text
		}
	}
	return entries
}

// Transforms are the names that the section Transform lists, in order.
func (t *Document) Transforms() []string {
	var names []string
	for _, entry := range EntriesOf(t.section()) {
		if entry.Name != "" {
			names = append(names, entry.Name)
		}
	}
	return names
}

// Entries are those of the section Transform, in order.
func (t *Document) Entries() []Entry {
	entries := EntriesOf(t.section())
	for i := range entries {
		entries[i].Line = t.lineOfEntry(i, len(entries), entries[i].Node)
	}
	return entries
}

// lineOfEntry returns the line of one of count entries of the section Transform.
func (t *Document) lineOfEntry(i, count int, entry Node) int {
	if t.yaml == nil {
		return lineOf(t.lines(), t.sectionValue.Start+entry.Start)
	}
	_, value := t.yaml.section()
	if value.Kind == yaml.SequenceNode && len(value.Content) == count {
		value = value.Content[i]
	}
	return value.Line
}

func (t *Document) section() Node { return Whole(t.transform) }

// Without returns the template without a macro in the section Transform, and
// without the section if it lists nothing else. All other bytes stay.
func (t *Document) Without(macro string) (*Document, error) {
	var keep []int
	entries := EntriesOf(t.section())
	for i, entry := range entries {
		if entry.Name != macro {
			keep = append(keep, i)
		}
	}
	if len(keep) == len(entries) {
		return t, nil
	}
	if len(keep) == 0 {
		return t.resection(t.sectionRemoval(), nil)
	}
	return t.resection(t.removals(entries, keep), listOf(t.transform, entries, keep))
}

// Adopt returns the text of the template with a macro listed last in the section
// Transform, or nil if it is listed last already. All other bytes stay, except the
// indentation of a single transform that becomes the first of a list.
func (t *Document) Adopt(macro string) ([]byte, error) {
	names := t.Transforms()
	switch at := slices.Index(names, macro); {
	case at >= 0 && at == len(names)-1:
		return nil, nil
	case at >= 0:
		return t.moveLast(macro)
	}
	out, err := t.resection(t.addition(macro), listWith(t.transform, t.section(), macro))
	if err != nil {
		return nil, err
	}
	return out.Text(), nil
}

// moveLast moves a macro that is listed before others.
func (t *Document) moveLast(macro string) ([]byte, error) {
	for _, entry := range EntriesOf(t.section()) {
		if entry.Name == macro && entry.IsObject() {
			return nil, errors.New("it lists " + macro + " with parameters before other transforms; move it to the end of the list")
		}
	}
	less, err := t.Without(macro)
	if err != nil {
		return nil, err
	}
	return less.Adopt(macro)
}

// resection applies edits of the section Transform. The result must mean what is
// wanted, nil for no section, and the rest of the template must mean the same.
func (t *Document) resection(edits []TextEdit, want []byte) (*Document, error) {
	out, ok := Splice(t.src, edits)
	if !ok || len(edits) == 0 {
		return nil, errSection
	}
	again, err := parse(slices.Concat(t.bom, out), Unlimited)
	if err != nil || !again.meansSection(want) || !again.meansRest(t) {
		return nil, errSection
	}
	return again, nil
}

// listOf is a list of some of the entries.
func listOf(src []byte, entries []Entry, keep []int) []byte {
	out := []byte{'['}
	for i, k := range keep {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, src[entries[k].Start:entries[k].End]...)
	}
	return append(out, ']')
}

// listWith returns the section with a macro as its last entry, in JSON.
func listWith(src []byte, section Node, macro string) []byte {
	if src == nil || section.IsNull() {
		return Quote(macro)
	}
	entries := EntriesOf(section)
	all := make([]int, len(entries))
	for i := range all {
		all[i] = i
	}
	list := listOf(src, entries, all)
	if len(entries) > 0 {
		list = append(list[:len(list)-1], ',')
	} else {
		list = list[:len(list)-1]
	}
	return append(append(list, Quote(macro)...), ']')
}

// removals are the edits that leave only some entries of the list.
func (t *Document) removals(entries []Entry, keep []int) []TextEdit {
	spans, lines := t.entrySpans(len(entries))
	var edits []TextEdit
	for i, at := range spans {
		switch {
		case slices.Contains(keep, i):
		case lines:
			edits = append(edits, TextEdit{at.Start, at.End, ""})
		case i+1 < len(spans):
			edits = append(edits, TextEdit{at.Start, spans[i+1].Start, ""})
		case len(edits) > 0 && edits[len(edits)-1].End == at.Start:
			// Everything after the last entry that stays.
			first := edits[len(edits)-1].Start
			edits = append(edits[:len(edits)-1], TextEdit{t.endBefore(spans, first), at.End, ""})
		default:
			edits = append(edits, TextEdit{spans[i-1].End, at.End, ""})
		}
	}
	return edits
}

// endBefore returns the end of the last span before an offset.
func (t *Document) endBefore(spans []Span, start int) int {
	end := start
	for _, s := range spans {
		if s.End <= start {
			end = s.End
		}
	}
	return end
}

// entrySpans returns the spans of the entries of the list, and whether they are
// whole lines.
func (t *Document) entrySpans(count int) (spans []Span, lines bool) {
	if t.yaml == nil {
		for _, e := range t.section().Elements {
			at := Span{t.sectionValue.Start + e.Start, t.sectionValue.Start + e.End}
			spans = append(spans, at)
		}
		return spans, false
	}
	y := t.yaml
	_, list := y.section()
	if list == nil || list.Kind != yaml.SequenceNode || len(list.Content) != count {
		return nil, false
	}
	lines = list.Style&yaml.FlowStyle == 0
	for _, n := range list.Content {
		at := Span{y.start(n), y.end(n)}
		if lines {
			at = y.wholeLines(at)
		}
		spans = append(spans, at)
	}
	return spans, lines
}

// wholeLines widens a span to whole lines, with the last line break.
func (y *yamlText) wholeLines(at Span) Span {
	last := y.lineOf(at.End)
	end := y.lineEnd(last)
	if last < len(y.lines()) {
		end = y.lines()[last]
	}
	return Span{y.lines()[y.lineOf(at.Start)-1], end}
}

// section returns the section Transform in YAML, or nil.
func (y *yamlText) section() (name, value *yaml.Node) {
	for i := 0; i+1 < len(y.root.Content); i += 2 {
		if y.root.Content[i].Value == TransformSection {
			return y.root.Content[i], y.root.Content[i+1]
		}
	}
	return nil, nil
}

// sectionRemoval returns the edit that removes the section.
func (t *Document) sectionRemoval() []TextEdit {
	if t.yaml == nil {
		return []TextEdit{{t.cut.Start, t.cut.End, ""}}
	}
	y := t.yaml
	name, value := y.section()
	if name == nil {
		return nil
	}
	at := Span{y.start(name), y.end(value)}
	if y.root.Style&yaml.FlowStyle == 0 {
		at = y.wholeLines(at)
		return []TextEdit{{at.Start, at.End, ""}}
	}
	if rest := y.skipSpace(at.End); rest < len(y.src) && y.src[rest] == ',' {
		at.End = y.skipSpace(rest + 1)
	}
	return []TextEdit{{at.Start, at.End, ""}}
}

// addition returns the edits that list a macro last.
func (t *Document) addition(macro string) []TextEdit {
	switch {
	case t.yaml != nil && t.transform == nil:
		return t.yaml.newSection(macro)
	case t.yaml != nil:
		return t.yaml.moreSection(macro)
	case t.transform == nil:
		return t.newMember(macro)
	}
	return t.moreMember(macro)
}

// newMember returns the edit that inserts a section Transform in JSON: after the
// format version, or else first.
func (t *Document) newMember(macro string) []TextEdit {
	member := string(Quote(TransformSection)) + ": " + string(Quote(macro))
	s := NewCursor(t.src, Span{0, len(t.src)})
	start := s.Enter() + 1
	if !s.More() {
		return []TextEdit{{start, start, member}}
	}
	name, at := s.Name()
	before := string(t.src[start:at.Start])
	if end := s.Skip().End; string(name) == "AWSTemplateFormatVersion" {
		return []TextEdit{{end, end, "," + before + member}}
	}
	return []TextEdit{{at.Start, at.Start, member + "," + before}}
}

// moreMember returns the edits that add to the section in JSON.
func (t *Document) moreMember(macro string) []TextEdit {
	section, text := t.section(), string(Quote(macro))
	at := t.sectionValue
	switch {
	case section.IsNull():
		return []TextEdit{{at.Start, at.End, text}}
	case !section.IsArray():
		return []TextEdit{{at.Start, at.Start, "["}, {at.End, at.End, ", " + text + "]"}}
	}
	if len(section.Elements) == 0 {
		return []TextEdit{{at.Start, at.End, "[" + text + "]"}}
	}
	last := section.Elements[len(section.Elements)-1]
	space := ", "
	if len(section.Elements) > 1 {
		between := t.transform[section.Elements[len(section.Elements)-2].End:last.Start]
		space = string(between)
	} else if begin := t.transform[1:last.Start]; len(begin) > 0 {
		space = "," + string(begin)
	}
	end := at.Start + last.End
	return []TextEdit{{end, end, space + text}}
}

// newSection returns the edit that inserts a section Transform in YAML: after the
// format version, or else before the first section.
func (y *yamlText) newSection(macro string) []TextEdit {
	if y.root.Kind != yaml.MappingNode || len(y.root.Content) == 0 {
		return nil
	}
	name, value := y.root.Content[0], y.root.Content[1]
	if y.root.Style&yaml.FlowStyle != 0 {
		at, member := y.start(name), TransformSection+": "+macro
		if name.Style&yaml.DoubleQuotedStyle != 0 {
			member = string(Quote(TransformSection)) + ": " + string(Quote(macro))
		}
		return []TextEdit{{at, at, member + ", "}}
	}
	line := strings.Repeat(" ", name.Column-1) + TransformSection + ": " + macro
	if name.Value == "AWSTemplateFormatVersion" {
		end := y.lineEnd(y.lineOf(y.end(value)))
		return []TextEdit{{end, end, y.newline() + line}}
	}
	at := y.lines()[name.Line-1]
	return []TextEdit{{at, at, line + y.newline()}}
}

// moreSection returns the edits that add to the section in YAML.
func (y *yamlText) moreSection(macro string) []TextEdit {
	name, value := y.section()
	switch {
	case name == nil || value.Kind == yaml.AliasNode:
		return nil
	case value.ShortTag() == "!!null":
		return y.fillSection(name, value, macro)
	case value.Kind != yaml.SequenceNode:
		return y.makeList(name, value, macro)
	case len(value.Content) == 0:
		return []TextEdit{{y.start(value), y.end(value), "[" + macro + "]"}}
	}
	last := value.Content[len(value.Content)-1]
	end := y.end(last)
	if value.Style&yaml.FlowStyle != 0 {
		text := macro
		if last.Style&yaml.DoubleQuotedStyle != 0 {
			text = string(Quote(macro))
		}
		return []TextEdit{{end, end, ", " + text}}
	}
	dash := bytes.TrimRight(y.src[y.lines()[last.Line-1]:y.start(last)], " ")
	end = y.lineEnd(y.lineOf(end))
	return []TextEdit{{end, end, y.newline() + string(dash) + " " + macro}}
}

// fillSection returns the edit that lists the macro in an empty section.
func (y *yamlText) fillSection(name, value *yaml.Node, macro string) []TextEdit {
	if value.Value != "" {
		return []TextEdit{{y.start(value), y.end(value), macro}}
	}
	at := y.skipSpace(y.end(name)) + 1 // after the colon
	return []TextEdit{{at, at, " " + macro}}
}

// makeList returns the edits that make a single transform the first entry of a
// list. An object stays on its lines, which are indented; a name moves to a line of
// its own.
func (y *yamlText) makeList(name, value *yaml.Node, macro string) []TextEdit {
	indent := strings.Repeat(" ", name.Column+1)
	start, end := y.start(value), y.end(value)
	last := y.lineOf(end)
	colon := y.skipSpace(y.end(name))
	edits := []TextEdit{{colon + 1, start, y.newline() + indent + "- "}}
	if value.Kind == yaml.MappingNode && value.Style&yaml.FlowStyle == 0 {
		edits = []TextEdit{{start, start, "- "}}
		indent = strings.Repeat(" ", value.Content[0].Column-1)
		for line := y.lineOf(start) + 1; line <= last; line++ {
			if len(bytes.TrimSpace(y.lineText(line))) > 0 {
				edits = append(edits, TextEdit{y.lines()[line-1], y.lines()[line-1], "  "})
			}
		}
	}
	end = y.lineEnd(last)
	return append(edits, TextEdit{end, end, y.newline() + indent + "- " + macro})
}
