// Command bench measures the macro and pbm beside others that do the same job,
// and writes what it found to docs/evidence/performance.md: make bench.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

// scale is how much is measured.
type scale struct {
	rounds      int           // of the transformations
	atLeast     time.Duration // that each turn of one takes
	starts      int
	warm        int // invocations of small events
	invocations int // that memory stays flat over
	templates   int
	checks      int
}

var scales = map[string]scale{
	"whole": {rounds: 25, atLeast: 30 * time.Millisecond, starts: 20, warm: 200, invocations: 20_000, templates: 10_000, checks: 3},
	// Hardly anything, to see that all of it works.
	"quick": {rounds: 1, atLeast: time.Millisecond, starts: 1, warm: 1, invocations: 20, templates: 20, checks: 1},
}

// gcPercent is the macro's own setting, see cmd/macro.
const gcPercent = 200

func main() {
	debug.SetGCPercent(gcPercent)
	name := flag.String("scale", "whole", "how much to measure: whole, which writes docs/evidence/performance.md, or quick, which prints it")
	flag.Parse()
	if err := bench(*name); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(name string) error {
	s, known := scales[name]
	if !known {
		return fmt.Errorf("%q is neither whole nor quick", name)
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	text, err := measure(s, dir)
	if err != nil {
		return err
	}
	if name == "quick" {
		fmt.Print(text)
		return nil
	}
	return os.WriteFile("docs/evidence/performance.md", []byte(text), 0o644)
}

// measure runs everything and returns the document.
func measure(s scale, dir string) (string, error) {
	fmt.Fprintln(os.Stderr, "bench: building")
	p, err := build(dir)
	if err != nil {
		return "", err
	}
	if err := p.addPeers(dir); err != nil {
		return "", err
	}
	d := &document{}
	busy := load()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"transformations", func() error { return d.transform(s, dir) }},
		{"starts", func() error { return d.starts(p, s) }},
		{"warm invocations", func() error { return d.warm(p, s) }},
		{"pbm check", func() error { return d.check(p, s, dir) }},
	} {
		fmt.Fprintln(os.Stderr, "bench: measuring", step.name)
		if err := step.do(); err != nil {
			return "", fmt.Errorf("measure %s: %w", step.name, err)
		}
	}
	return d.whole(machine(), busy)
}
