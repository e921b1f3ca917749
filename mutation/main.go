// Command mutation checks the tests: it plants the defects of defects.go, one
// at a time, and runs the tests of the package tree that the defect is in, which
// must fail. The sources stay as they are: the compiler takes the defect from
// an overlay.
//
//	mutation [-run REGEXP]    plant the defects whose description matches
//	mutation -n               only check that every defect still applies
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// defect is a mistake that somebody might make: new in place of old. The text
// old occurs once in the module, wherever that is and however it is indented,
// so that a defect survives code that moves.
type defect struct{ what, old, new string }

func main() {
	only := flag.String("run", "", "plant only the defects whose description matches this `regexp`")
	dry := flag.Bool("n", false, "only check that every defect still applies")
	flag.Parse()
	if err := run(*only, *dry); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

func run(only string, dry bool) error {
	chosen, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	code, err := readCode()
	if err != nil {
		return err
	}
	var planted []mutant
	var errs []error
	for _, d := range defects {
		m, err := d.plant(code)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q no longer applies: %w; edit it in mutation/defects.go", d.what, err))
		} else if chosen.MatchString(d.what) {
			planted = append(planted, m)
		}
	}
	if err := errors.Join(errs...); err != nil || dry {
		return err
	}
	return testAll(planted)
}

// readCode returns the module's Go files, by path, except tests and this
// package.
func readCode() (map[string][]byte, error) {
	code := map[string][]byte{}
	return code, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && (name == "mutation" || name == "node_modules" || name != "." && name[0] == '.'):
			return filepath.SkipDir
		case filepath.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go"):
			code[path], err = os.ReadFile(path)
		}
		return err
	})
}

// mutant is a file with a defect.
type mutant struct {
	what, path string
	text       []byte
}

func (d defect) plant(code map[string][]byte) (mutant, error) {
	words := strings.Fields(d.old)
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	old := regexp.MustCompile(strings.Join(words, `\s+`))
	var found []mutant
	for path, text := range code {
		for _, at := range old.FindAllIndex(text, -1) {
			found = append(found, mutant{d.what, path, slices.Concat(text[:at[0]], []byte(d.new), text[at[1]:])})
		}
	}
	if len(found) != 1 {
		return mutant{}, fmt.Errorf("%q occurs %d times", d.old, len(found))
	}
	_, err := format.Source(found[0].text)
	return found[0], err
}

// testAll runs the tests on each mutant.
func testAll(mutants []mutant) error {
	var trees []string
	for _, m := range mutants {
		trees = append(trees, m.tests()...)
	}
	slices.Sort(trees)
	if out, err := test(slices.Compact(trees), ""); err != nil {
		return fmt.Errorf("the tests fail without a defect: %w\n%s", err, out)
	}
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var survivors []string
	for _, m := range mutants {
		caughtBy, err := m.catch(dir)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", m.path, m.what, err)
		}
		if caughtBy == "" {
			survivors = append(survivors, m.path+": "+m.what)
			caughtBy = "SURVIVES"
		}
		fmt.Printf("%-24s %-62s %s\n", m.path, m.what, caughtBy)
	}
	fmt.Printf("%d of %d defects are caught\n", len(mutants)-len(survivors), len(mutants))
	if len(survivors) > 0 {
		return fmt.Errorf("no test catches:\n\t%s", strings.Join(survivors, "\n\t"))
	}
	return nil
}

// tests are the packages whose tests must catch the mutant: those of its tree.
// The trees of the engine check each other.
func (m mutant) tests() []string {
	tree, _, _ := strings.Cut(filepath.ToSlash(m.path), "/")
	if tree == "transform" || tree == "boundary" {
		return []string{"./transform/...", "./boundary/..."}
	}
	if tree == "fleet" { // whose rules are pbm's
		return []string{"./fleet/...", "./deploy/..."}
	}
	return []string{"./" + tree + "/..."}
}

// catch runs the tests and returns one that fails, or "" when all pass.
func (m mutant) catch(dir string) (string, error) {
	source, err := filepath.Abs(m.path)
	if err != nil {
		return "", err
	}
	planted, overlay := filepath.Join(dir, "defect.go"), filepath.Join(dir, "overlay.json")
	content, err := json.Marshal(map[string]map[string]string{"Replace": {source: planted}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(planted, m.text, 0o600), os.WriteFile(overlay, content, 0o600)); err != nil {
		return "", err
	}
	// What the tests of make test miss, more random templates may show.
	for _, generated := range []string{"", "GENERATED=2000"} {
		out, err := test(m.tests(), generated, "-overlay", overlay)
		switch {
		case bytes.Contains(out, []byte("[build failed]")):
			return "", fmt.Errorf("it does not compile:\n%s", out)
		case err != nil:
			return firstFailure(out), nil
		}
	}
	return "", nil
}

// test runs the tests of packages with a variable. A defect that makes them hang
// is caught by the time limit.
func test(packages []string, variable string, flags ...string) ([]byte, error) {
	args := append([]string{"test", "-vet=off", "-failfast", "-timeout=3m"}, flags...)
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Env = append(os.Environ(), variable)
	return cmd.CombinedOutput()
}

// firstFailure is the innermost test of the first failure.
func firstFailure(out []byte) string {
	last := "time limit"
	for line := range strings.Lines(string(out)) {
		name, isFailure := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: ")
		if isFailure {
			last, _, _ = strings.Cut(name, " ")
		} else if last != "time limit" {
			break
		}
	}
	return last
}
