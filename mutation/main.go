// Command mutation checks the tests: it plants the defects of defects.go, one
// at a time, and runs the tests of the engine, or of the package that has the
// defect, which must fail. The sources stay as they are: the compiler takes the defect
// from an overlay.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// defect is a mistake that somebody might make: one piece of a file's text in
// place of another one, which the file has exactly once.
type defect struct {
	what     string
	file     string
	old, new string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if out, err := test(packages()); err != nil {
		return fmt.Errorf("the tests fail without a defect: %w\n%s", err, out)
	}
	var survivors []string
	for _, d := range defects {
		caughtBy, err := d.plant(dir)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", d.file, d.what, err)
		}
		if caughtBy == "" {
			survivors = append(survivors, d.file+": "+d.what)
			caughtBy = "SURVIVES"
		}
		fmt.Printf("%-24s %-62s %s\n", d.file, d.what, caughtBy)
	}
	fmt.Printf("%d of %d defects are caught\n", len(defects)-len(survivors), len(defects))
	if len(survivors) > 0 {
		return fmt.Errorf("no test catches:\n\t%s", strings.Join(survivors, "\n\t"))
	}
	return nil
}

// plant runs the tests with the defect, and returns one that fails, empty when
// all pass.
func (d defect) plant(dir string) (caughtBy string, err error) {
	changed, err := d.apply()
	if err != nil {
		return "", err
	}
	overlay, err := d.overlay(dir, changed)
	if err != nil {
		return "", err
	}
	out, err := test(d.packages(), "-overlay", overlay)
	switch {
	case err == nil:
		return "", nil
	case bytes.Contains(out, []byte("[build failed]")):
		return "", fmt.Errorf("it does not compile:\n%s", out)
	}
	return firstFailure(out), nil
}

// apply is the text of the file with the defect.
func (d defect) apply() ([]byte, error) {
	text, err := os.ReadFile(d.file)
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(d.old)); n != 1 {
		return nil, fmt.Errorf("the file has %q %d times, not once", d.old, n)
	}
	return bytes.Replace(text, []byte(d.old), []byte(d.new), 1), nil
}

func (d defect) overlay(dir string, changed []byte) (string, error) {
	source, err := filepath.Abs(d.file)
	if err != nil {
		return "", err
	}
	planted := filepath.Join(dir, "defect.go")
	if err := os.WriteFile(planted, changed, 0o600); err != nil {
		return "", err
	}
	content, err := json.Marshal(map[string]map[string]string{"Replace": {source: planted}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, content, 0o600)
}

// engine are the packages whose tests check each other.
var engine = []string{"./transform", "./boundary"}

// packages are those whose tests must catch the defect.
func (d defect) packages() []string {
	dir := "./" + path.Dir(d.file)
	if slices.Contains(engine, dir) {
		return engine
	}
	return []string{dir}
}

// packages are those that have defects.
func packages() []string {
	all := map[string]bool{}
	for _, d := range defects {
		for _, dir := range d.packages() {
			all[dir] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// test runs the tests of packages. A defect that has them hang is caught by
// the time that they may take.
func test(packages []string, flags ...string) ([]byte, error) {
	args := append([]string{"test", "-vet=off", "-failfast", "-timeout=3m"}, flags...)
	return exec.Command("go", append(args, packages...)...).CombinedOutput()
}

// firstFailure is the innermost test that failed, or that the tests did not end.
func firstFailure(out []byte) string {
	last := "no answer"
	for line := range strings.Lines(string(out)) {
		name, isFailure := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: ")
		if isFailure {
			last, _, _ = strings.Cut(name, " ")
		} else if last != "no answer" {
			break
		}
	}
	return last
}
