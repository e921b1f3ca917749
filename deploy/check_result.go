package deploy

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// What becomes of a role.
const (
	statusByMacro  = "bound by the macro"
	statusReplaced = "replaced by the macro"
	statusBound    = "bound already"
	statusUnbound  = "unbound"
	statusEscape   = "escape"
	statusConflict = "refused" // its boundary differs, and the setting refuses that
	statusBlind    = "blind spot"
)

// Where the macro is in the section Transform.
const (
	macroLast    = "last"
	macroEarly   = "before others"
	macroScoped  = "Fn::Transform"
	macroMissing = "missing"
)

// placeOf is the place of an entry of a section with so many.
func placeOf(at, entries int) string {
	switch {
	case at < 0:
		return macroMissing
	case at < entries-1:
		return macroEarly
	}
	return macroLast
}

// checkResult is the result of pbm check.
type checkResult struct {
	Templates []checkedTemplate `json:"templates"`
	Skipped   []skipped         `json:"skipped,omitempty"` // in directories
	Summary   checkSummary      `json:"summary"`

	others []string // files that are named, and are no templates
}

type checkedTemplate struct {
	Path               string        `json:"path"`
	Unreadable         string        `json:"unreadable,omitempty"`         // why it cannot be read
	Foreign            string        `json:"foreign,omitempty"`            // why it is not CloudFormation's own YAML
	Macro              string        `json:"macro,omitempty"`              // last, before others, Fn::Transform, missing
	Environment        string        `json:"environment,omitempty"`        // that its stacks are of
	EnvironmentProblem string        `json:"environmentProblem,omitempty"` // why it is not known
	Roles              []checkedRole `json:"roles"`
	BlindSpots         []checkedRole `json:"blindSpots,omitempty"`

	environmentError error // what EnvironmentProblem tells
	line             int   // that Unreadable is about

	nested    []input // local templates that it nests
	other     bool    // it is not a template
	unchecked bool    // it is Foreign, and nothing of it could be read
	own       bool    // it defines the macro
	managed   bool    // a service-managed StackSet deploys it
}

// skip takes in what was skipped, and counts it: directories of tools are left
// out by design.
func (r *checkResult) skip(all []skipped) {
	r.Skipped = all
	for _, s := range all {
		if s.Reason != reasonTools {
			r.Summary.Skipped++
		}
	}
}

// isMisnamed reports whether every deployment refuses the template for what it
// tells the macro.
func (t checkedTemplate) isMisnamed() bool {
	return errors.Is(t.environmentError, transform.ErrMisspelt) || errors.Is(t.environmentError, transform.ErrPinned)
}

// mayAdopt reports whether the macro would bind roles that are unbound.
func (t checkedTemplate) mayAdopt() bool {
	return !t.own && !t.managed && slices.ContainsFunc(t.Roles, func(r checkedRole) bool { return r.Status == statusUnbound })
}

type checkedRole struct {
	LogicalID string     `json:"logicalId"`
	Type      string     `json:"type"`
	Line      int        `json:"line"`
	Status    string     `json:"status"`
	Code      rules.Code `json:"code,omitempty"` // of a finding
	Reason    string     `json:"reason,omitempty"`
	Remedy    string     `json:"remedy,omitempty"`
}

// checkSummary counts.
type checkSummary struct {
	Templates  int `json:"templates"`
	Unreadable int `json:"unreadable"`
	ByMacro    int `json:"boundByMacro"`
	Bound      int `json:"boundAlready"`
	Replaced   int `json:"replacedByMacro"`
	Unbound    int `json:"unbound"`
	Escapes    int `json:"escapes"`
	Conflicts  int `json:"refused"`
	BlindSpots int `json:"blindSpots"`
	Foreign    int `json:"foreign,omitempty"`
	Skipped    int `json:"skipped,omitempty"`

	misnamed int
}

func (s *checkSummary) add(t checkedTemplate) {
	if t.Foreign != "" {
		s.Foreign++
	}
	if t.unchecked {
		return
	}
	s.Templates++
	if t.Unreadable != "" {
		s.Unreadable++
	}
	if t.isMisnamed() {
		s.misnamed++
	}
	for _, r := range t.Roles {
		switch r.Status {
		case statusByMacro:
			s.ByMacro++
		case statusReplaced:
			s.Replaced++
		case statusConflict:
			s.Conflicts++
		case statusBound:
			s.Bound++
		case statusUnbound:
			s.Unbound++
		case statusEscape:
			s.Escapes++
		}
	}
	s.BlindSpots += len(t.BlindSpots)
}

func (s checkSummary) String() string {
	refused := ""
	if s.Conflicts > 0 {
		refused = fmt.Sprintf(", %d refused", s.Conflicts)
	}
	text := fmt.Sprintf("%s: %s bound by the macro, %d bound already, %d replaced, %d unbound, %s%s; %s",
		counted(s.Templates, "template"), counted(s.ByMacro, "role"), s.Bound, s.Replaced, s.Unbound, counted(s.Escapes, "escape"), refused,
		counted(s.BlindSpots, "blind spot"))
	if s.Unreadable > 0 {
		text += fmt.Sprintf("; %d cannot be read", s.Unreadable)
	}
	if s.Foreign > 0 {
		text += fmt.Sprintf("; %d not CloudFormation's own YAML", s.Foreign)
	}
	if s.Skipped > 0 {
		text += fmt.Sprintf("; %d skipped", s.Skipped)
	}
	return text
}

func (r checkResult) table() [][]string {
	var rows [][]string
	row := func(path string, line int, status, what string) {
		rows = append(rows, []string{fmt.Sprintf("%s:%d", path, line), status, what})
	}
	for _, t := range r.Templates {
		for _, role := range slices.Concat(t.Roles, t.BlindSpots) {
			row(t.Path, role.Line, role.Status, role.described())
		}
	}
	for _, f := range r.remarks() {
		row(f.path, f.line, f.level, f.text)
	}
	return rows
}

// described names a role, and says what is wrong with it.
func (r checkedRole) described() string {
	text := r.LogicalID
	if r.Type != "" {
		text += " (" + r.Type + ")"
	}
	if r.Reason != "" {
		text += " " + r.Reason
	}
	if r.Code != "" {
		text += " [" + string(r.Code) + "]"
	}
	if r.Remedy != "" {
		text += "; " + r.Remedy
	}
	return text
}

// remark is something for people to look at in a file.
type remark struct {
	code  rules.Code
	level string // of SARIF: error, warning, note
	path  string
	line  int
	text  string
	of    string // the logical ID that it is about, empty for the template
}

// codes of what check finds beside the engine.
const (
	codeUnbound        rules.Code = "unbound-role"
	codeReplaced       rules.Code = "replaced-boundary"
	codeLaterTransform rules.Code = "transform-after-macro"
	codeOrder          rules.Code = "macro-order"
	codeEnvironment    rules.Code = "environment"
	codeUnreadable     rules.Code = "unreadable-template"
)

// checkCodes are what check finds beside the engine, and what it is about.
var checkCodes = []struct {
	code  rules.Code
	about string
}{
	{codeUnbound, "a role would be deployed without a permissions boundary"},
	{codeReplaced, "the macro replaces the boundary that the template gives a role"},
	{codeLaterTransform, "a transform may add roles that the macro does not see"},
	{codeOrder, "the macro is listed before other transforms, and does not see the roles that they make"},
	{codeEnvironment, "no environment is named for the stacks of a template, so their deployment would be refused"},
	{codeUnreadable, "a template cannot be read, so its roles are unknown"},
}

// findings are the roles and blind spots that somebody should look at, and the
// remarks about templates, in order.
func (r checkResult) findings() []remark {
	var all []remark
	for _, t := range r.Templates {
		for _, role := range t.Roles {
			switch role.Status {
			case statusUnbound:
				all = append(all, remark{codeUnbound, "error", t.Path, role.Line, role.described(), role.LogicalID})
			case statusEscape, statusConflict:
				all = append(all, remark{role.Code, "error", t.Path, role.Line, role.described(), role.LogicalID})
			case statusReplaced:
				all = append(all, remark{codeReplaced, "note", t.Path, role.Line, role.described(), role.LogicalID})
			}
		}
		for _, blind := range t.BlindSpots {
			all = append(all, remark{blind.Code, "warning", t.Path, blind.Line, blind.described(), blind.LogicalID})
		}
	}
	return append(all, r.remarks()...)
}

// remarks are about templates as a whole.
func (r checkResult) remarks() []remark {
	var all []remark
	for _, t := range r.Templates {
		if t.Unreadable != "" {
			all = append(all, remark{codeUnreadable, "error", t.Path, t.line, "the template cannot be read: " + t.Unreadable, ""})
		}
		if t.Macro == macroEarly {
			all = append(all, remark{codeOrder, "warning", t.Path, 1, "the macro is listed before other transforms; list it last in Transform", ""})
		}
		if t.EnvironmentProblem != "" {
			level := "warning"
			if t.isMisnamed() {
				level = "error"
			}
			all = append(all, remark{codeEnvironment, level, t.Path, 1, t.EnvironmentProblem, ""})
		}
	}
	return all
}

// showChecked prints the result in the form that was asked for.
func (p *pbm) showChecked(r checkResult) error {
	switch p.output {
	case outputSARIF:
		return p.printSARIF(r)
	case outputGitHub:
		return p.print(annotations(r))
	}
	return p.show(r)
}

// progress tells somebody at a terminal how far a long run is.
func (p *pbm) progress() func(done, total int) {
	if !isTerminal(p.stderr) || inCI() || os.Getenv("TERM") == "dumb" {
		return func(int, int) {}
	}
	return func(done, total int) {
		switch {
		case done == total:
			_, _ = fmt.Fprint(p.stderr, "\r\x1b[K")
		case done%100 == 0:
			_, _ = fmt.Fprintf(p.stderr, "\rpbm: %d of %d templates", done, total)
		}
	}
}
