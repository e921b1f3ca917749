package main

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
	"time"
)

// document is docs/evidence/performance.md, as far as it is written.
type document struct {
	body    strings.Builder
	targets []target
}

// target is what the customer asked for, and what was measured.
type target struct {
	what, want string
	got        float64
	met        bool
}

func atMost(limit float64) func(float64) bool { return func(got float64) bool { return got <= limit } }

func atLeast(limit float64) func(float64) bool { return func(got float64) bool { return got >= limit } }

func (d *document) target(what, want string, got float64, met func(float64) bool) {
	d.targets = append(d.targets, target{what, want, got, met(got)})
}

func (d *document) section(title, text string) {
	fmt.Fprintf(&d.body, "\n## %s\n", title)
	d.text(text)
}

func (d *document) text(text string) { fmt.Fprintf(&d.body, "\n%s\n", text) }

func (d *document) table(t table) { fmt.Fprintf(&d.body, "\n%s", t) }

// table is one in Markdown.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t table) String() string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.head)
	b.WriteString(strings.Repeat("|---", len(t.head)) + "|\n")
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.*f ms", decimals(float64(d)/1e6), float64(d)/1e6)
}

func megabytes(bytes int64) string {
	return fmt.Sprintf("%.*f MB", decimals(float64(bytes)/1e6), float64(bytes)/1e6)
}

// decimals are those that leave about three digits.
func decimals(f float64) int {
	switch {
	case f < 1:
		return 3
	case f < 10:
		return 2
	case f < 100:
		return 1
	}
	return 0
}

// share says how a time compares, r being how many times longer the other is.
func share(r float64) string {
	if r >= 1 {
		return fmt.Sprintf("%.1f times shorter", r)
	}
	return fmt.Sprintf("%.2f times longer", 1/r)
}

//go:embed performance.md.tmpl
var page string

//go:embed notes.md
var notes string

// whole is the document, finished.
func (d *document) whole(machine, load string) (string, error) {
	t := table{head: []string{"", "wanted", "measured", ""}}
	for _, target := range d.targets {
		verdict := "met"
		if !target.met {
			verdict = "**not met**"
		}
		t.add(target.what, target.want, fmt.Sprintf("%.2f", target.got), verdict)
	}
	var b strings.Builder
	err := template.Must(template.New("page").Parse(page)).Execute(&b, struct{ Machine, Load, Targets, Notes, Body string }{
		machine, load, t.String(), notes, strings.TrimRight(d.body.String(), "\n"),
	})
	return b.String(), err
}
