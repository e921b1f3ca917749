// Command bench runs the benchmarks of this folder, several times in turns, and
// writes medians and ratios of what they report: make bench. The page is its
// template, performance.md.tmpl.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

const (
	page  = "docs/evidence/performance.md"
	built = ".build/bench" // the programs that are measured
)

//go:embed performance.md.tmpl
var layout string

func main() {
	scale := flag.String("scale", "whole", "whole, which writes "+page+", or quick, which runs each benchmark once and prints the page")
	flag.Parse()
	if err := run(*scale); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(scale string) error {
	rounds, benchtime := 9, "50ms"
	if scale == "quick" {
		rounds, benchtime = 1, "1x"
	}
	if err := build(); err != nil {
		return err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return fmt.Errorf("only Linux tells the memory of a process: %w", err)
	}
	m := measurements{values: map[string]map[string][]float64{}, Load: strings.Fields(string(load))[0], Machine: machine()}
	// One round after the other, so that what else runs on the machine hits all.
	for i := range rounds {
		fmt.Fprintf(os.Stderr, "bench: round %d of %d\n", i+1, rounds)
		cmd := exec.Command(filepath.Join("..", built, "bench.test"), "-test.run=^$", "-test.bench=.", "-test.benchtime="+benchtime, "-test.timeout=20m")
		cmd.Dir = "bench"
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		m.add(string(out))
	}
	text, err := m.page()
	if err != nil || scale == "quick" {
		fmt.Print(text)
		return err
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

func build() error {
	return errors.Join(
		command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", built+"/", "./cmd/macro", "./cmd/pbm", "./bench/peers/bare", "./bench/peers/roles"),
		command("go", "test", "-c", "-o", built+"/bench.test", "./bench"),
		command("bench/peers/node/node_modules/.bin/esbuild", "bench/peers/node/bootstrap.mjs", "--bundle", "--minify", "--platform=node", "--target=node20", "--log-level=warning", "--outfile="+built+"/bundle.cjs"),
	)
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", name, err, out)
	}
	return nil
}

// machine says what the figures were measured on.
func machine() string {
	processor := runtime.GOARCH + " processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if model := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(text); model != nil {
			processor = string(model[1])
		}
	}
	parts := []string{processor, fmt.Sprint(runtime.NumCPU(), " cores"), runtime.GOOS + "/" + runtime.GOARCH, strings.Replace(runtime.Version(), "go", "Go ", 1)}
	for _, program := range []string{"node", "python3"} {
		out, _ := exec.Command(program, "--version").Output() // missing ones are not named
		parts = append(parts, strings.Replace(strings.TrimSpace(string(out)), "v", "Node ", 1))
	}
	return strings.Join(parts, ", ")
}

// measurements are what benchmarks report: by name and unit, a value a round.
type measurements struct {
	Machine, Load string

	names  []string
	values map[string]map[string][]float64
}

var line = regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\t(.*)$`)

func (m *measurements) add(out string) {
	for _, found := range line.FindAllStringSubmatch(out, -1) {
		name := strings.ReplaceAll(found[1], "_", " ")
		if m.values[name] == nil {
			m.names = append(m.names, name)
			m.values[name] = map[string][]float64{}
		}
		fields := strings.Fields(found[2])
		for i := 0; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				m.values[name][fields[i+1]] = append(m.values[name][fields[i+1]], value)
			}
		}
	}
}

// Of returns the names of the benchmarks below another one, in order.
func (m *measurements) Of(parent string) []string {
	var names []string
	for _, name := range m.names {
		if rest, ok := strings.CutPrefix(name, parent+"/"); ok {
			names = append(names, rest)
		}
	}
	return names
}

// Median is that of a benchmark's values over the rounds.
func (m *measurements) Median(name, unit string) (float64, error) {
	return median(slices.Clone(m.values[name][unit]), name)
}

// Ratio is the median of how many times b's value a's is, round by round.
func (m *measurements) Ratio(a, b, unit string) (float64, error) {
	of, to := m.values[a][unit], m.values[b][unit]
	ratios := make([]float64, min(len(of), len(to)))
	for i := range ratios {
		ratios[i] = of[i] / to[i]
	}
	return median(ratios, a)
}

// Events is the memory that one event takes, in lengths of the event: itself, and
// all that its answer allocates.
func (m *measurements) Events(name string) (float64, error) {
	allocated, err := m.Median(name, "B/op")
	input, err2 := m.Median(name, "input-B")
	return 1 + allocated/input, errors.Join(err, err2)
}

// Worst is the largest ratio between neighbors below a benchmark.
func (m *measurements) Worst(parent string) (worst float64, err error) {
	names := m.Of(parent)
	for i := 1; i < len(names); i++ {
		r, err := m.Ratio(parent+"/"+names[i], parent+"/"+names[i-1], "cpu-ns/op")
		if err != nil {
			return 0, err
		}
		worst = max(worst, r)
	}
	return worst, nil
}

func median(values []float64, name string) (float64, error) {
	if len(values) == 0 {
		return 0, fmt.Errorf("%s is not measured", name)
	}
	slices.Sort(values)
	return values[len(values)/2], nil
}

func (m *measurements) page() (string, error) {
	var b bytes.Buffer
	err := template.Must(template.New("page").Funcs(template.FuncMap{
		"div":     func(a, b float64) float64 { return a / b },
		"trim":    strings.TrimSuffix,
		"before":  func(text, end string) string { before, _, _ := strings.Cut(text, end); return before },
		"share":   share,
		"ms":      func(ns float64) string { return digits(ns/1e6) + " ms" },
		"clock":   func(ns float64) string { return time.Duration(ns).Round(time.Second).String() },
		"mb":      func(bytes float64) string { return digits(bytes/1e6) + " MB" },
		"atMost":  func(limit, got float64) string { return verdict(got <= limit, got) },
		"atLeast": func(limit, got float64) string { return verdict(got >= limit, got) },
	}).Parse(layout)).Execute(&b, m)
	return b.String(), err
}

// share says how much shorter or longer the macro's time is, r being how many
// times as long the other's is.
func share(r float64) string {
	if r >= 1 {
		return fmt.Sprintf("%.1f times shorter", r)
	}
	return fmt.Sprintf("%.2f times longer", 1/r)
}

func verdict(met bool, got float64) string {
	if met {
		return digits(got) + " | met"
	}
	return digits(got) + " | **not met**"
}

// digits writes a number with about three digits.
func digits(f float64) string {
	switch {
	case f < 10:
		return fmt.Sprintf("%.2f", f)
	case f < 100:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}
