package deploy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/push"
	"permissions-boundary-macro/internal/printable"
)

// planText is a plan for people: what each wave deploys, what is held, and how to go
// on.
type planText struct {
	planned
	waves       push.Waves
	repairDrift bool
	command     string // that executes the plan; empty if it is executed now
}

func (t planText) render() []byte {
	var out bytes.Buffer
	ready, held := t.Ready(), t.Held()
	fmt.Fprintf(&out, "%s: %s to deploy, with %s", printable.Line(t.Environment), counted(len(ready), "stack"), counted(rolesOf(ready), "role"))
	if len(held) > 0 {
		fmt.Fprintf(&out, "; %s held", counted(len(held), "stack"))
	}
	out.WriteString("\n")
	for i, wave := range t.waves.Split(ready) {
		fmt.Fprintf(&out, "\nwave %d: %s\n", i+1, counted(len(wave), "stack"))
		out.Write(aligned(shortened(rowsOf(wave))))
	}
	if later := t.waves.Left(ready); later > 0 {
		fmt.Fprintf(&out, "\n%s not included in --waves\n", counted(later, "stack"))
	}
	for _, text := range t.unforeseen(ready) {
		out.WriteString("\n" + printable.Line(text) + "\n")
	}
	for _, group := range holdsOf(held, t.Environment) {
		out.WriteString("\n")
		out.Write(group.render())
	}
	if next := t.next(ready); next != "" {
		out.WriteString("\n" + next)
	}
	return out.Bytes()
}

func rolesOf(stacks []push.Stack) (n int) {
	for _, s := range stacks {
		n += len(s.Roles)
	}
	return n
}

// rowsOf is a row for each stack: where it is, its roles, and from which boundary to
// which.
func rowsOf(stacks []push.Stack) [][]string {
	var rows [][]string
	for _, s := range stacks {
		rows = append(rows, []string{"    " + s.Account, s.Region, s.Name, roleNames(s), boundaryChange(s)})
	}
	return rows
}

// shortened are the first rows of many.
func shortened(rows [][]string) [][]string {
	if hidden := len(rows) - maxRows; hidden > 0 {
		return append(rows[:maxRows:maxRows], []string{fmt.Sprintf("    and %s more; all: --output json", counted(hidden, "stack"))})
	}
	return rows
}

// roleNames are the logical IDs of a stack's roles, those of nested stacks with the
// name of theirs.
func roleNames(s push.Stack) string {
	var texts []string
	for _, r := range s.Roles {
		text := r.LogicalID
		if r.Stack != s.Name {
			text = r.Stack + "/" + text
		}
		if r.Drifted {
			text += " (drifted)"
		}
		texts = append(texts, text)
	}
	if hidden := len(texts) - maxNames; hidden > 0 {
		return strings.Join(texts[:maxNames], ", ") + fmt.Sprintf(" and %d more", hidden)
	}
	return strings.Join(texts, ", ")
}

// boundaryChange says from which boundaries to which the roles of a stack go.
func boundaryChange(s push.Stack) string {
	var from []string
	for _, r := range s.Roles {
		if short := namedBoundary(r.From); !slices.Contains(from, short) {
			from = append(from, short)
		}
	}
	return strings.Join(from, ", ") + " -> " + namedBoundary(s.Boundary)
}

func namedBoundary(arn string) string {
	if arn == "" {
		return boundary.None
	}
	return shortBoundary(arn)
}

// unforeseen says, once for each, what the plan cannot tell of stacks.
func (t planText) unforeseen(ready []push.Stack) []string {
	var texts []string
	names := map[string][]string{}
	for _, s := range ready {
		for _, text := range s.Unforeseen {
			if names[text] == nil {
				texts = append(texts, text)
			}
			names[text] = append(names[text], s.Name)
		}
	}
	for i, text := range texts {
		texts[i] = fmt.Sprintf("cannot be predicted before the change set exists: %s (%s); if more than boundaries would change, the stack is held", text, listedSome(names[text]))
	}
	return texts
}

func listedSome(names []string) string {
	if hidden := len(names) - maxNames; hidden > 0 {
		return strings.Join(names[:maxNames], ", ") + fmt.Sprintf(" and %d more", hidden)
	}
	return strings.Join(names, ", ")
}

// holdGroup is the stacks that are held for the same reason.
type holdGroup struct {
	code   push.Code
	remedy string
	stacks []push.Stack
}

func holdsOf(held []push.Stack, environment string) []*holdGroup {
	var groups []*holdGroup
	for _, s := range held {
		i := slices.IndexFunc(groups, func(g *holdGroup) bool { return g.code == s.Hold.Code && g.remedy == s.Hold.Remedy(environment) })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &holdGroup{code: s.Hold.Code, remedy: s.Hold.Remedy(environment)})
		}
		groups[i].stacks = append(groups[i].stacks, s)
	}
	slices.SortStableFunc(groups, func(a, b *holdGroup) int {
		return slices.Index(push.Codes(), a.code) - slices.Index(push.Codes(), b.code)
	})
	return groups
}

func (g *holdGroup) render() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "held, %s: %s: %s\n", g.code, counted(len(g.stacks), "stack"), g.stacks[0].Hold.Reason())
	var rows [][]string
	for _, s := range g.stacks {
		rows = append(rows, []string{"    " + s.Account, s.Region, s.Name, s.Hold.About()})
	}
	out.Write(aligned(shortened(rows)))
	fmt.Fprintln(&out, "    hint: "+printable.Line(g.remedy))
	return out.Bytes()
}

// next says how to go on.
func (t planText) next(ready []push.Stack) string {
	var text strings.Builder
	text.WriteString(t.remain(t.repairDrift))
	if t.unread() > 0 {
		text.WriteString(auditText{Report: t.report}.read())
	}
	switch {
	case len(ready) > 0 && t.command == "": // on with it
	case len(ready) > 0:
		fmt.Fprintf(&text, "nothing was written; to deploy %s: %s\n", counted(len(ready)-t.waves.Left(ready), "stack"), t.command)
	case len(t.Stacks) == 0 && t.unread() > 0:
		text.WriteString("it is not known whether there is more to deploy\n")
	case len(t.Stacks) == 0:
		text.WriteString("nothing to deploy\n")
	default:
		text.WriteString("nothing was written\n")
	}
	return text.String()
}

// remain says which roles are not live, and are not made live by a deployment of the
// plan.
func (t planned) remain(repairDrift bool) string {
	others, drifted := -rolesOf(t.Stacks), 0
	for _, r := range t.report.Roles {
		switch isDrifted := r.Remedy == fleet.SetBoundary || r.Remedy == fleet.RemoveBoundary; {
		case isDrifted && !repairDrift:
			drifted++
		case r.Status != fleet.Live && r.Status != fleet.Exempt:
			others++
		}
	}
	text, environment := "", printable.Shell(t.Environment)
	if drifted > 0 {
		text += fmt.Sprintf("roles changed by hand, which remain so: %d; to repair them: pbm push %s --repair-drift\n", drifted, environment)
	}
	if others > 0 {
		text += fmt.Sprintf("roles that a deployment does not make live: %d; to see why: pbm audit --environment %s\n", others, environment)
	}
	return text
}
