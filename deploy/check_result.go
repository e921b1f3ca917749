package deploy

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
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
	statusAccepted = "accepted" // a blind spot with an excuse that counts
	statusExcuse   = "excuse"   // one without effect
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
	Baseline  *baselineResult   `json:"baseline,omitempty"`
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
	Excuses            []checkedRole `json:"excuses,omitempty"` // without effect

	environmentError error // what EnvironmentProblem tells
	line             int   // that Unreadable is about
	macroLine        int   // of the macro in Transform, 0 if it is not listed

	nested    []input // local templates that it nests
	other     bool    // it is not a template
	unchecked bool    // it is Foreign, and nothing of it could be read

	unlistable  string              // why it cannot list the macro: one of those below
	generatedBy string              // the tool that generates it
	isStream    bool                // it comes from a pipe
	known       map[rules.Code]bool // of the remarks, by the baseline
}

// Why a template cannot list the macro.
const (
	ofMacro     = "defines the macro"
	ofManaged   = "of a service-managed StackSet"
	ofPublished = "published to the Serverless Application Repository"
)

// summarize counts what was found, and what was skipped: directories of tools are
// left out by design.
func (r *checkResult) summarize(all []skipped) {
	for _, t := range r.Templates {
		r.Summary.add(t)
	}
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
	return t.environmentError != nil && t.environmentCode() != codeUnnamed
}

// environmentCode is the code for the template's environmentError.
func (t checkedTemplate) environmentCode() rules.Code {
	switch {
	case errors.Is(t.environmentError, transform.ErrMisspelt):
		return codeMisspelt
	case errors.Is(t.environmentError, transform.ErrPinned):
		return codePinned
	}
	return codeUnnamed
}

// mayAdopt reports whether the macro would bind roles that are unbound.
func (t checkedTemplate) mayAdopt() bool {
	return t.unlistable == "" && t.generatedBy == "" && slices.ContainsFunc(t.Roles, func(r checkedRole) bool { return isUnbound(r) && !r.Known })
}

func isUnbound(r checkedRole) bool { return r.Status == statusUnbound }

type checkedRole struct {
	LogicalID string     `json:"logicalId"`
	Type      string     `json:"type"`
	Line      int        `json:"line"`
	Status    string     `json:"status"`
	Code      rules.Code `json:"code,omitempty"` // of a finding
	Reason    string     `json:"reason,omitempty"`
	Remedy    string     `json:"remedy,omitempty"`
	Accepted  string     `json:"accepted,omitempty"` // why the template accepts a blind spot
	Known     bool       `json:"known,omitempty"`    // by the baseline

	column int    // 0 if it is not known
	brief  string // the reason in the text, where that is shorter
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
	Accepted   int `json:"accepted,omitempty"`
	Excuses    int `json:"excuses,omitempty"` // without effect
	Foreign    int `json:"foreign,omitempty"`
	Skipped    int `json:"skipped,omitempty"`

	misnamed int
	known    knownFindings
}

// knownFindings count the findings that a baseline knows.
type knownFindings struct{ replaced, unbound, escapes, conflicts, blindSpots, excuses, misnamed int }

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
		count(&s.known.misnamed, t.known[t.environmentCode()])
	}
	for _, r := range t.Roles {
		switch r.Status {
		case statusByMacro:
			s.ByMacro++
		case statusReplaced:
			s.Replaced++
			count(&s.known.replaced, r.Known)
		case statusConflict:
			s.Conflicts++
			count(&s.known.conflicts, r.Known)
		case statusBound:
			s.Bound++
		case statusUnbound:
			s.Unbound++
			count(&s.known.unbound, r.Known)
		case statusEscape:
			s.Escapes++
			count(&s.known.escapes, r.Known)
		}
	}
	for _, r := range t.BlindSpots {
		if r.Status == statusAccepted {
			s.Accepted++
			continue
		}
		s.BlindSpots++
		count(&s.known.blindSpots, r.Known)
	}
	for _, r := range t.Excuses {
		s.Excuses++
		count(&s.known.excuses, r.Known)
	}
}

// count adds one where something is so.
func count(n *int, is bool) {
	if is {
		*n++
	}
}

// roles are all roles.
func (s checkSummary) roles() int {
	return s.ByMacro + s.Bound + s.Replaced + s.Unbound + s.Escapes + s.Conflicts
}

func (s checkSummary) String() string {
	known := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf(" (%d known)", n)
	}
	text := fmt.Sprintf("%s, %s: %d bound by the macro, %d bound already, %d replaced%s, %d unbound%s, %s%s",
		counted(s.Templates, "template"), counted(s.roles(), "role"), s.ByMacro, s.Bound, s.Replaced, known(s.known.replaced), s.Unbound, known(s.known.unbound),
		counted(s.Escapes, "escape"), known(s.known.escapes))
	if s.Conflicts > 0 {
		text += fmt.Sprintf(", %d refused%s", s.Conflicts, known(s.known.conflicts))
	}
	text += "; " + counted(s.BlindSpots, "blind spot") + known(s.known.blindSpots)
	if s.Accepted > 0 {
		text += fmt.Sprintf(", %d accepted", s.Accepted)
	}
	if s.Excuses > 0 {
		text += "; " + counted(s.Excuses, "excuse") + " without effect" + known(s.known.excuses)
	}
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
	code   rules.Code
	level  string // of SARIF: one of levels
	path   string
	line   int
	column int // 0 if it is not known
	text   string
	remedy string // of a remark; for a resource, the text has it
	of     string // the logical ID that it is about, empty for the template
	known  bool   // by the baseline
}

// levels are those of SARIF, the worst last.
var levels = []string{"", "note", "warning", "error"}

// codes of what check finds beside the engine.
const (
	codeUnbound        rules.Code = "unbound-role"
	codeReplaced       rules.Code = "replaced-boundary"
	codeLaterTransform rules.Code = "transform-after-macro"
	codeOrder          rules.Code = "macro-order"
	codeUnnamed        rules.Code = "environment-unnamed"
	codeMisspelt       rules.Code = "environment-misspelt"
	codePinned         rules.Code = "environment-pinned"
	codeUnreadable     rules.Code = "unreadable-template"
)

// aboutCode is a code and what it is about.
type aboutCode struct {
	code  rules.Code
	about string
}

// checkCodes are what check finds beside the engine, and what it is about.
var checkCodes = []aboutCode{
	{codeUnbound, "a role would be deployed without a permissions boundary"},
	{codeReplaced, "the macro replaces the boundary that the template gives a role"},
	{codeLaterTransform, "a transform may add roles that the macro does not see"},
	{codeOrder, "the macro is listed before other transforms, and does not see the roles that they make"},
	{codeUnnamed, "no environment is named for the stacks of a template, so their deployment would be refused"},
	{codeMisspelt, "what names the environment of a template is misspelt, so every deployment is refused"},
	{codePinned, "a template names an environment other than the only one of the account, so every deployment is refused"},
	{codeUnreadable, "a template cannot be read, so its roles are unknown"},
}

// finding is the code and the level of what somebody should look at, both empty
// for a role that is bound.
func (r checkedRole) finding() (code rules.Code, level string) {
	switch r.Status {
	case statusUnbound:
		return codeUnbound, "error"
	case statusEscape, statusConflict:
		return r.Code, "error"
	case statusReplaced:
		return codeReplaced, "note"
	case statusBlind, statusExcuse:
		return r.Code, "warning"
	}
	return "", ""
}

// subject is what a finding is about, whatever its line: a logical ID, or a
// transform of the section Transform.
func (r checkedRole) subject() string {
	if r.Code == codeLaterTransform {
		return r.LogicalID + " " + r.Type
	}
	return r.LogicalID
}

// findings are what somebody should look at and no baseline knows: first all about
// roles and other resources, then all about templates as a whole.
func (r checkResult) findings() []remark {
	var all []remark
	for _, t := range r.Templates {
		all = append(all, t.resourceFindings()...)
	}
	for _, t := range r.Templates {
		all = append(all, t.remarks()...)
	}
	return slices.DeleteFunc(all, func(f remark) bool { return f.known })
}

func (t checkedTemplate) resourceFindings() []remark {
	var all []remark
	for _, r := range slices.Concat(t.Roles, t.BlindSpots, t.Excuses) {
		if code, level := r.finding(); level != "" {
			all = append(all, remark{code: code, level: level, path: t.Path, line: r.Line, column: r.column, text: r.described(), of: r.subject(), known: r.Known})
		}
	}
	return all
}

// remarks are about the template as a whole.
func (t checkedTemplate) remarks() []remark {
	var all []remark
	add := func(code rules.Code, level string, line int, text, remedy string) {
		all = append(all, remark{code: code, level: level, path: t.Path, line: line, text: text, remedy: remedy, known: t.known[code]})
	}
	if t.Unreadable != "" {
		add(codeUnreadable, "error", t.line, "the template cannot be read: "+t.Unreadable, "")
	}
	if t.Macro == macroEarly {
		add(codeOrder, "warning", t.macroLine, "the macro is listed before other transforms", "list it last in Transform")
	}
	if t.EnvironmentProblem != "" {
		level := "warning"
		if t.isMisnamed() {
			level = "error"
		}
		add(t.environmentCode(), level, cmp.Or(t.macroLine, 1), printable.Line(t.environmentError.Error()), boundary.Remedy(t.environmentError))
	}
	return all
}

// whole is the text with the remedy.
func (f remark) whole() string {
	if f.remedy == "" {
		return f.text
	}
	return f.text + "; " + f.remedy
}

// showChecked prints the result in the form that was asked for. That for people has
// the summary in it.
func (p *pbm) showChecked(r checkResult, o checkOptions) error {
	switch p.output {
	case outputSARIF:
		return p.printSARIF(r.findings(), allCheckCodes())
	case outputGitHub:
		return p.print(annotations(r.findings()))
	case outputJSON:
		return p.printJSON(r)
	}
	return p.printText(r, o.quiet, o.adopt)
}

// progress tells somebody at a terminal how far a long run is.
func (p *pbm) progress(things string, every int) func(done, total int) {
	if !isTerminal(p.stderr) || inCI() || os.Getenv("TERM") == "dumb" {
		return func(int, int) {}
	}
	return func(done, total int) {
		switch {
		case done == total:
			_, _ = fmt.Fprint(p.stderr, "\r\x1b[K")
		case done%every == 0:
			_, _ = fmt.Fprintf(p.stderr, "\rpbm: %d of %d %s", done, total, things)
		}
	}
}
