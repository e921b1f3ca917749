package deploy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/atomicfile"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/paramstore"
)

// What --output takes.
const (
	outputText      = "text"
	outputJSON      = "json"
	outputJSONLines = "jsonl"
	outputCSV       = "csv"
)

// The forms of results that commands have which have more than text and JSON, and
// all that some command has.
var (
	checkOutputs = []string{outputText, outputJSON, outputSARIF, outputGitHub}
	auditOutputs = []string{outputText, outputJSON, outputJSONLines, outputCSV}
	allOutputs   = slices.Concat(checkOutputs, auditOutputs)
)

// result is what a command prints on stdout: JSON for programs, whose fields
// docs/operating.md names, or a table for people.
type result interface{ table() [][]string }

// show prints a result in the form that was asked for.
func (p *pbm) show(r result) error {
	if p.output == outputJSON {
		return p.printJSON(r)
	}
	return p.print(aligned(r.table()))
}

// printJSON prints a value as JSON, for programs. A terminal or the log of a CI
// system may be where it goes.
func (p *pbm) printJSON(value any) error {
	text, err := indented(value, "")
	if err != nil {
		return err
	}
	return p.print(append(text, '\n'))
}

// indented is a value in JSON, its lines behind the first one with a prefix.
func indented(value any, prefix string) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, "  ")
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("print the result: %w", err)
	}
	return printable.JSON(bytes.TrimSuffix(out.Bytes(), []byte("\n"))), nil
}

// printWithRoles prints a value as JSON, with roles in its empty list of them. There
// may be many, so they are printed one by one. What follows them in the value may
// change meanwhile.
func printWithRoles[T any](p *pbm, value func() any, roles iter.Seq[T]) error {
	const empty = `"roles": []`
	before, err := indented(value(), "")
	if err != nil {
		return err
	}
	out := bufio.NewWriter(p.stdout) // Flush has the errors of writing
	head, _, _ := bytes.Cut(before, []byte(empty))
	_, _ = fmt.Fprintf(out, `%s"roles": [`, head)
	separator, end := "\n    ", ""
	for role := range roles {
		text, err := indented(role, "    ")
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%s%s", separator, text)
		separator, end = ",\n    ", "\n  "
	}
	after, err := indented(value(), "")
	if err != nil {
		return err
	}
	_, tail, _ := bytes.Cut(after, []byte(empty))
	_, _ = fmt.Fprintf(out, "%s]%s\n", end, tail)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// writeFile writes a file that has another content.
func (p *pbm) writeFile(path string, present, content []byte) error {
	switch {
	case bytes.Equal(present, content):
		return nil
	case p.dryRun:
		p.line("", "dry run: would write "+path)
		return nil
	}
	return atomicfile.Write(path, content)
}

func (p *pbm) print(text []byte) error {
	if _, err := p.stdout.Write(text); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// aligned is a table with its columns below each other.
func aligned(rows [][]string) []byte {
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = printable.Line(cell)
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // a buffer takes everything
	return trailingSpace.ReplaceAll(out.Bytes(), nil)
}

// trailingSpace stands where the last cells of a row are empty.
var trailingSpace = regexp.MustCompile(`(?m) +$`)

// location is a place in results.
type location struct {
	Parameter string `json:"parameter,omitempty"`
	Account   string `json:"account,omitempty"`
	Region    string `json:"region,omitempty"`
	Profile   string `json:"profile,omitempty"`
	Role      string `json:"role,omitempty"`
	File      string `json:"file,omitempty"`
}

func (at *place) location(key boundary.Key) location {
	if !at.inAWS() {
		return location{File: at.file}
	}
	return location{Parameter: paramstore.Name(at.prefix, key), Account: at.account(), Region: at.Region, Profile: at.Profile, Role: at.Role}
}

func (l location) rows() [][]string {
	return present([][]string{
		{"parameter", l.Parameter},
		{"account", l.Account},
		{"region", l.Region},
		{"profile", l.Profile},
		{"role", l.Role},
		{"file", l.File},
	})
}

// present leaves out rows whose value is empty.
func present(rows [][]string) [][]string {
	var with [][]string
	for _, row := range rows {
		if row[1] != "" {
			with = append(with, row)
		}
	}
	return with
}

// shown is a boundary value that a store holds. One that is malformed is not
// repeated: it might be a secret that somebody put there by mistake.
type shown struct {
	Value   *string `json:"permissionsBoundary"` // null when it is malformed
	Problem string  `json:"problem,omitempty"`   // why it is
}

func showValue(text string) shown {
	value, err := boundary.Parse(text)
	if err != nil {
		return shown{Problem: err.Error()}
	}
	return shown{Value: new(value.String())}
}

func (s shown) text() string {
	if s.Value == nil {
		return "malformed"
	}
	return *s.Value
}

// counted is a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// optionalTime is a time in JSON, null when it is not known.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

func timeText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.DateTime) + " UTC"
}
