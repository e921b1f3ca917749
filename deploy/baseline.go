package deploy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/atomicfile"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/rules"
)

// baselineEntry is a finding that is known. It has no line, so that it survives
// edits above it. Findings that are alike have an entry each. A finding of another
// level is another one: the same code may be a blind spot, or an escape.
type baselineEntry struct {
	Path      string     `json:"path"` // relative to the directory of the baseline, with slashes
	LogicalID string     `json:"logicalId,omitempty"`
	Code      rules.Code `json:"code"`
	Level     string     `json:"level"` // of SARIF
}

func (e baselineEntry) String() string {
	if e.LogicalID == "" {
		return e.Path + ": " + string(e.Code)
	}
	return e.Path + ": " + e.LogicalID + " " + string(e.Code)
}

func compareEntries(a, b baselineEntry) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.LogicalID, b.LogicalID), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Level, b.Level))
}

// baseline is the content of the file of --baseline.
type baseline struct {
	Version  int             `json:"version"`
	Findings []baselineEntry `json:"findings"`
}

const (
	baselineVersion = 1
	maxBaseline     = 64 << 20 // bytes
)

// baselinePath is the path of a file in a baseline.
func baselinePath(file, path string) string {
	directory, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return filepath.ToSlash(path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	relative, err := filepath.Rel(directory, absolute)
	if err != nil { // on another drive of Windows
		return filepath.ToSlash(absolute)
	}
	return filepath.ToSlash(relative)
}

// readBaseline reads a baseline. A member that does not belong there is an error,
// for a misspelt entry would hide nothing, or the wrong thing.
func readBaseline(file string) (baseline, error) {
	text, _, err := atomicfile.Read(file, maxBaseline)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return baseline{}, boundary.Problem{
			What:   "read the baseline",
			Cause:  cause(err, file),
			Remedy: "create it: pbm check PATH... --write-baseline " + printable.Shell(file),
		}
	case err != nil:
		return baseline{}, fmt.Errorf("read the baseline: %w", cause(err, file))
	}
	b, err := parseBaseline(text)
	if err != nil {
		return baseline{}, boundary.Problem{
			What:   "the baseline " + file + " is not readable",
			Cause:  err,
			Remedy: "remove it, and write it again: pbm check PATH... --write-baseline " + printable.Shell(file),
		}
	}
	return b, nil
}

// replaceable returns the content of the file that a baseline is to replace, if there
// is one. Only a baseline or an empty file may be lost: when FILE is forgotten, the
// first template passes for it.
func replaceable(file string) ([]byte, error) {
	present, _, err := atomicfile.Read(file, maxBaseline)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("write the baseline: %w", cause(err, file))
	}
	if _, err := parseBaseline(present); err != nil && len(present) > 0 {
		return nil, boundary.Problem{What: file + " is not a baseline", Remedy: "name another file, or remove this one first"}
	}
	return present, nil
}

func parseBaseline(text []byte) (b baseline, err error) {
	if !jsontext.Value(text).IsValid() { // which takes no member twice
		return b, errors.New("it is not valid JSON")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	switch err = decoder.Decode(&b); {
	case err != nil:
		return b, errors.New("it has a member or a value that does not belong there")
	case b.Version != baselineVersion:
		return b, fmt.Errorf("it has version %d, and this pbm reads version %d", b.Version, baselineVersion)
	case slices.ContainsFunc(b.Findings, func(e baselineEntry) bool {
		return e.Path == "" || e.Code == "" || !slices.Contains(levels[1:], e.Level)
	}):
		return b, errors.New("it has a finding without path, code or level")
	}
	return b, nil
}

// appendText appends the baseline in JSON, a finding on each line, sorted.
func (b baseline) appendText(out []byte) ([]byte, error) {
	slices.SortFunc(b.Findings, compareEntries)
	out = fmt.Appendf(out, "{\n  \"version\": %d,\n  \"findings\": [", b.Version)
	for i, e := range b.Findings {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(e); err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, "\n    "...), bytes.TrimSpace(line.Bytes())...)
	}
	if len(b.Findings) > 0 {
		out = append(out, "\n  "...)
	}
	return append(out, "]\n}\n"...), nil
}

// writeBaseline records the findings of a check, in place of the present content of
// the file. A template that cannot be read may hold anything, so that is never known.
func (p *pbm) writeBaseline(file string, present []byte, r checkResult) error {
	b := baseline{Version: baselineVersion}
	for _, f := range r.findings() {
		if f.code != codeUnreadable {
			b.Findings = append(b.Findings, baselineEntry{baselinePath(file, f.path), f.of, f.code, f.level})
		}
	}
	text, err := b.appendText(nil)
	if err != nil {
		return fmt.Errorf("write the baseline: %w", err)
	}
	if err := p.writeFile(file, present, text); err != nil {
		return fmt.Errorf("write the baseline: %w", err)
	}
	if !p.dryRun {
		p.line("", "wrote "+file+": "+counted(len(b.Findings), "finding"))
	}
	return nil
}

// baselineResult is what the result of pbm check says about a baseline.
type baselineResult struct {
	Known int             `json:"known"`          // findings
	Gone  []baselineEntry `json:"gone,omitempty"` // entries that no longer occur
}

// subtract marks the findings that a baseline knows, and keeps the entries that
// no longer occur in the files that were checked, or whose files are not there.
func (r *checkResult) subtract(b baseline, file string) {
	left := map[baselineEntry]int{}
	for _, e := range b.Findings {
		left[e]++
	}
	r.Baseline = &baselineResult{}
	checked := map[string]bool{}
	for i := range r.Templates {
		t := &r.Templates[i]
		path := baselinePath(file, t.Path)
		checked[path] = true
		t.mark(func(of string, code rules.Code, level string) bool {
			e := baselineEntry{path, of, code, level}
			if left[e] == 0 || code == codeUnreadable {
				return false
			}
			left[e]--
			r.Baseline.Known++
			return true
		})
	}
	for _, e := range slices.SortedFunc(maps.Keys(left), compareEntries) {
		if !checked[e.Path] {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), filepath.FromSlash(e.Path))); !errors.Is(err, os.ErrNotExist) {
				continue // this run says nothing about it
			}
		}
		for range left[e] {
			r.Baseline.Gone = append(r.Baseline.Gone, e)
		}
	}
}

// mark asks of each finding of a template whether it is known.
func (t *checkedTemplate) mark(isKnown func(of string, code rules.Code, level string) bool) {
	for _, list := range [][]checkedRole{t.Roles, t.BlindSpots, t.Excuses} {
		for i := range list {
			if code, level := list[i].finding(); level != "" {
				list[i].Known = isKnown(list[i].subject(), code, level)
			}
		}
	}
	t.known = map[rules.Code]bool{}
	for _, f := range t.remarks() {
		t.known[f.code] = isKnown("", f.code, f.level)
	}
}

// reportBaseline says what no longer occurs.
func (p *pbm) reportBaseline(file string, b *baselineResult) {
	if b == nil {
		return
	}
	for _, e := range b.Gone[:min(len(b.Gone), maxGone)] {
		p.line("warning: ", "no longer found: "+e.String())
	}
	if more := len(b.Gone) - maxGone; more > 0 {
		p.line("warning: ", fmt.Sprintf("no longer found: %d more", more))
	}
	if len(b.Gone) > 0 {
		p.line("hint: ", "write the baseline again: pbm check PATH... --write-baseline "+printable.Shell(file))
	}
}

// maxGone is how many entries that no longer occur are named.
const maxGone = 20
