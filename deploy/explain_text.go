package deploy

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/transform/rules"
)

// The words of pbm explain: its text, and what code scanning and GitHub show.

// shownText is a text of a document, with {...} for what is not in sight.
func shownText(text string) string {
	return strings.ReplaceAll(policy.Spelled(text), policy.NotInSight, "{...}")
}

// actionsOf names actions that a statement does not show.
func actionsOf(line int) string {
	if line == 0 {
		return "the actions of a statement"
	}
	return fmt.Sprintf("the actions of the statement in line %d", line)
}

// reasonOf says why the boundary takes something, or may.
func (s subject) reasonOf(o policy.Outcome) string {
	switch {
	case o.Verdict == policy.MayBeLost && o.By != nil:
		return o.Reason.String() + ", in statement " + s.nameOf(o.By)
	case o.Verdict == policy.MayBeLost:
		return o.Reason.String()
	case o.Verdict == policy.Lost && o.By == nil:
		return "not allowed"
	case o.Verdict == policy.Lost:
		return "denied by statement " + s.nameOf(o.By)
	}
	return ""
}

// nameOf is the Sid of a statement of the boundary, or its number.
func (s subject) nameOf(statement *policy.Statement) string {
	return cmp.Or(statement.Sid, strconv.Itoa(slices.Index(s.after.Statements, statement)+1))
}

// writeExplanation writes the explanation for people.
func writeExplanation(w io.Writer, e *explanation, actions bool) error {
	out := bufio.NewWriter(w) // Flush has the errors
	line := func(indent int, text string) {
		_, _ = out.WriteString(strings.Repeat(" ", indent) + printable.Line(text) + "\n")
	}
	line(0, "boundary "+e.Boundary+", against "+e.Against)
	for _, key := range slices.Sorted(maps.Keys(e.Context)) {
		line(0, "only requests with "+key+" = "+e.Context[key])
	}
	place := ""
	for r := range e.roles(actions) {
		if len(r.Services) == 0 && len(r.NotInSight) == 0 {
			continue
		}
		if of := r.place(); of != place {
			place = of
			line(0, place)
		}
		title := r.Role
		if r.Line > 0 {
			title = fmt.Sprintf("%d  %s", r.Line, r.Role)
		}
		if r.Now != "" {
			title += "  (now " + r.Now + ")"
		}
		line(4, title)
		if !actions {
			for _, text := range serviceLines(r.Services) {
				line(8, text)
			}
		}
		for _, service := range r.Services {
			if actions {
				line(8, service.String())
				_, _ = out.Write(r.table(service.Service))
			}
		}
		if len(r.NotInSight) > 0 {
			line(8, "not in sight: "+strings.Join(r.NotInSight, "; "))
		}
		if r.LastUseProblem != "" {
			line(8, "last use not known: "+r.LastUseProblem)
		}
	}
	line(0, e.Summary.String())
	for _, what := range e.NotConsidered {
		line(0, "not considered: "+what)
	}
	line(0, "actions are those that AWS documented on "+e.Catalogue)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// place is the template or the account of a role.
func (r explainedRole) place() string {
	if r.Account != "" {
		return "account " + r.Account
	}
	return r.Path
}

// table lists the grants of a service that change.
func (r explainedRole) table(service string) []byte {
	var rows [][]string
	for _, g := range r.Grants {
		if of, _, _ := strings.Cut(g.Action, ":"); of == service && g.change != accessSame {
			rows = append(rows, []string{strings.Repeat(" ", 12) + g.Action, g.Resource, changeNames[g.change], g.told(), toldUse(g.LastUsed)})
		}
	}
	return aligned(rows)
}

var changeNames = map[accessChange]string{
	accessLost: "lost", accessMayBeLost: "may be lost", accessGained: "gained", accessMayBeGained: "may be gained", accessUnclear: "may change",
}

// told is the reason of a verdict, and what it rests on.
func (g explainedGrant) told() string {
	if g.ByCatalogue {
		return strings.TrimPrefix(g.Reason+", by the resources that AWS documents for the action", ", ")
	}
	return g.Reason
}

func (s explainSummary) String() string {
	text := fmt.Sprintf("%s; lose actions: %d; may lose actions: %d", counted(s.Roles, "role"), s.Lose, s.MayLose)
	add := func(n int, what string) {
		if n > 0 {
			text += fmt.Sprintf("; %s: %d", what, n)
		}
	}
	add(s.Gain, "gain actions")
	text += fmt.Sprintf("; lose nothing: %d", s.LoseNone)
	add(s.Uncertain, "uncertain")
	add(s.NotInSight, "not wholly in sight")
	add(s.Unclear, "actions that may be lost under both boundaries, and may change")
	return text
}

// Codes of what explain finds.
const (
	codeLost      rules.Code = "lost-permissions"
	codeMayBeLost rules.Code = "uncertain-permissions"
)

// explainCodes are what explain finds, and what it is about.
var explainCodes = []aboutCode{
	{codeLost, "a permissions boundary takes permissions from a role"},
	{codeMayBeLost, "a permissions boundary may take permissions from a role"},
}

// findings are what the boundary takes, on the lines of statements.
func (e *explanation) findings() []remark {
	var all []remark
	for _, s := range e.subjects {
		for _, statement := range s.statements() {
			if f, loses := statement.finding(s.grantee); loses {
				all = append(all, f)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b remark) int {
		return cmp.Or(strings.Compare(a.path, b.path), cmp.Compare(a.line, b.line))
	})
	return all
}

func (c statementChange) finding(g *grantee) (f remark, loses bool) {
	f = remark{code: codeMayBeLost, level: "note", path: g.template.path, line: c.line, of: g.name}
	losing := slices.DeleteFunc(slices.Clone(c.services), func(s explainedService) bool { return !s.loses() && !s.mayLose() })
	if slices.ContainsFunc(losing, explainedService.loses) {
		f.code, f.level = codeLost, "warning"
	}
	f.text = g.name + ": " + strings.Join(serviceLines(losing), "; ")
	return f, len(losing) > 0
}
