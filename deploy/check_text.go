package deploy

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"permissions-boundary-macro/internal/printable"
)

// The text of pbm check. Files without findings come first, then those with
// warnings, then those with errors, each by path, and the summary is last: a
// terminal and the log of a job show the end of a text. In a file, rows are in the
// order of lines, and a hint follows the last row that it is for.

// textRow is a line about a role, or about a file.
type textRow struct {
	line               int
	name, status, what string // name is empty for a row about the file
	hint               string
}

// shortStatus has the statuses whose words are in two columns, and colours the
// colours of words in the column of statuses.
var (
	shortStatus = map[string]string{statusByMacro: "bound", statusBound: "bound", statusReplaced: "replaced"}
	colours     = map[string]string{
		statusUnbound: red, statusEscape: red, statusConflict: red, "error": red,
		statusBlind: yellow, statusExcuse: yellow, "warning": yellow,
		"bound": green, "replaced": cyan, statusAccepted: cyan,
	}
)

// page writes the text of a check.
type page struct {
	bytes.Buffer
	width    int // of the terminal, 0 for text that is not wrapped
	coloured bool
	told     map[string]bool // hints that are given once
}

// newPage returns a page for stdout. Only a terminal has lines wrapped, and not in a
// CI job, whose log might take the rest of a line for a command.
func (p *pbm) newPage() *page {
	t := &page{coloured: isColoured(p.stdout), told: map[string]bool{}}
	file, isFile := p.stdout.(*os.File)
	if !isFile || inCI() || !isTerminal(p.stdout) {
		return t
	}
	if width, _, err := term.GetSize(int(file.Fd())); err == nil && width >= leastWidth {
		t.width = width
	}
	return t
}

// leastWidth is that of terminals whose lines are wrapped.
const leastWidth = 40

// printText prints the result for people. Quiet omits roles that are bound, and
// files without findings.
func (p *pbm) printText(r checkResult, quiet bool, adopt func(path string) string) error {
	t := p.newPage()
	bySeverity := make([][]checkedTemplate, len(levels))
	for _, checked := range r.Templates {
		at := checked.severity()
		bySeverity[at] = append(bySeverity[at], checked)
	}
	for _, checked := range slices.Concat(bySeverity...) {
		if rows := checked.rows(quiet, adopt); len(rows) > 0 {
			t.file(checked, rows)
		}
	}
	fmt.Fprintln(t, r.Summary)
	return p.print(t.Bytes())
}

// severity sorts files: the worst level of what is found in one, and not known.
func (t checkedTemplate) severity() int {
	worst := 0
	for _, list := range [][]checkedRole{t.Roles, t.BlindSpots, t.Excuses} {
		for _, r := range list {
			if _, level := r.finding(); !r.Known {
				worst = max(worst, slices.Index(levels, level))
			}
		}
	}
	for _, f := range t.remarks() {
		if !f.known {
			worst = max(worst, slices.Index(levels, f.level))
		}
	}
	return worst
}

// rows are what the text says about a template, in the order of lines.
func (t checkedTemplate) rows(quiet bool, adopt func(path string) string) []textRow {
	var rows []textRow
	list := t.listing(adopt)
	for _, r := range slices.Concat(t.Roles, t.BlindSpots, t.Excuses) {
		isBound := r.Status == statusByMacro || r.Status == statusBound
		if r.Known || quiet && (isBound || r.Status == statusAccepted) {
			continue
		}
		rows = append(rows, textRow{r.Line, r.LogicalID, cmp.Or(shortStatus[r.Status], r.Status), r.told(), t.hint(r, list)})
	}
	for _, f := range t.remarks() {
		if !f.known {
			rows = append(rows, textRow{line: f.line, status: f.level, what: f.text, hint: f.remedy})
		}
	}
	slices.SortStableFunc(rows, func(a, b textRow) int { return cmp.Compare(a.line, b.line) })
	return rows
}

// hint says what to do about a role: its remedy, or how to list the macro.
func (t checkedTemplate) hint(r checkedRole, list string) string {
	if isUnbound(r) && t.unlistable == "" {
		return list
	}
	return r.Remedy
}

// listing says how to list the macro in the template: by a command, unless it comes
// from a pipe, or a tool writes it.
func (t checkedTemplate) listing(adopt func(path string) string) string {
	const remedy = "list the macro last in Transform"
	switch {
	case !slices.ContainsFunc(t.Roles, isUnbound):
		return ""
	case t.isStream:
		return remedy
	case t.generatedBy != "":
		return remedy + ", in the source that " + t.generatedBy + " generates this file from"
	}
	path := t.Path
	if strings.HasPrefix(path, "-") { // and would be a flag
		path = "./" + path
	}
	return remedy + ": " + adopt(printable.Shell(path))
}

// told is the reason of a role in a few words, with the code of a finding.
func (r checkedRole) told() string {
	text := cmp.Or(r.brief, r.Reason)
	isForeign := r.Type != "" && !strings.HasPrefix(r.Type, "AWS::") && r.Status != statusExcuse
	if r.Code != "" && (isForeign || r.Code == codeLaterTransform) {
		text = r.Type + " " + text // which the reason is about
	}
	if r.Code != "" {
		text += " [" + string(r.Code) + "]"
	}
	return text
}

// notes are what the first line of a file says about it.
func (t checkedTemplate) notes() string {
	var notes []string
	switch {
	case t.unlistable != "":
		notes = append(notes, t.unlistable)
	case t.Macro == macroMissing:
		notes = append(notes, "no macro")
	case t.Macro == macroScoped:
		notes = append(notes, "macro in "+fnTransform)
	}
	if t.Environment != "" {
		notes = append(notes, "environment "+t.Environment)
	}
	if len(notes) == 0 {
		return ""
	}
	return "  (" + strings.Join(notes, ", ") + ")"
}

// file writes what the page says about a file.
func (t *page) file(checked checkedTemplate, rows []textRow) {
	t.WriteString(t.in(bold, printable.Line(checked.Path)) + printable.Line(checked.notes()) + "\n")
	var lines, names, statuses int
	for i, r := range rows {
		rows[i].name = printable.Line(r.name)
		lines = max(lines, len(fmt.Sprint(r.line)))
		if length := utf8.RuneCountInString(rows[i].name); length <= maxNameColumn {
			names = max(names, length)
		}
		if r.name != "" {
			statuses = max(statuses, len(r.status))
		}
	}
	for i, r := range rows {
		lead := fmt.Sprintf("    %*d  ", lines, r.line)
		if r.name == "" {
			t.wrap(lead+t.in(colours[r.status], r.status)+": ", len(lead), len(lead)+len(r.status)+2, r.what)
		} else {
			lead += pad(r.name, names) + "  "
			width := utf8.RuneCountInString(lead) + statuses + 2
			t.wrap(lead+t.in(colours[r.status], r.status)+strings.Repeat(" ", statuses-len(r.status)+2), min(width, 4+lines+2+names+2+statuses+2), width, r.what)
		}
		if r.hint != "" && !slices.ContainsFunc(rows[i+1:], func(other textRow) bool { return other.hint == r.hint }) && !t.told[r.hint] {
			t.told[r.hint] = r.name == "" // those about files are long, and alike
			t.wrap("    hint: ", len("    hint: "), len("    hint: "), r.hint)
		}
	}
}

// maxNameColumn is how wide logical IDs make their column. Longer ones stick out.
const maxNameColumn = 32

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// in writes text in a colour.
func (t *page) in(colour, text string) string {
	if !t.coloured || colour == "" {
		return text
	}
	return colour + text + reset
}

// wrap writes a line that begins with lead, which takes so many columns. Where the
// rest is too long for the terminal, it goes on below, indented.
func (t *page) wrap(lead string, indent, columns int, text string) {
	t.WriteString(lead)
	text = printable.Line(text)
	if t.width > 0 && indent > t.width/2 {
		indent = t.width / 4
	}
	for t.width > 0 && columns+utf8.RuneCountInString(text) > t.width {
		line, rest := cutAt(text, t.width-columns)
		if rest == "" {
			break
		}
		t.WriteString(line + "\n" + strings.Repeat(" ", indent))
		text, columns = printable.Line(rest), indent
	}
	t.WriteString(strings.TrimRight(text, " ") + "\n")
}

// cutAt cuts text at the last space before a column, or the first one behind it.
func cutAt(text string, column int) (line, rest string) {
	at, last := 0, -1
	for i, r := range text {
		if r == ' ' {
			if at > column && last >= 0 {
				break
			}
			last = i
			if at > column {
				break
			}
		}
		at++
	}
	if last < 0 {
		return text, ""
	}
	return text[:last], text[last+1:]
}
