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
	*pushOptions
}

func (t planText) render() []byte {
	var out bytes.Buffer
	ready, held := t.Ready(), t.Held()
	out.WriteString(printable.Line(t.Environment) + ": " + t.toDeploy(ready))
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
	for _, group := range holdsOf(held, t) {
		out.WriteString("\n")
		out.Write(group.render())
	}
	if next := t.next(ready); next != "" {
		out.WriteString("\n" + next)
	}
	return out.Bytes()
}

// toDeploy says how much there is to deploy.
func (t planText) toDeploy(ready []push.Stack) string {
	switch {
	case len(ready) > 0:
		return counted(len(ready), "stack") + " to deploy, with " + counted(rolesOf(ready), "role")
	case t.unread() > 0:
		return "nothing to deploy in what was read"
	}
	return "nothing to deploy"
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
		texts[i] = fmt.Sprintf("%s: cannot be predicted before the change set exists: %s; if more than boundaries would change, the stack is held", listedSome(names[text]), text)
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
	code     push.Code
	stacks   []push.Stack
	remedies []string // each once
}

func holdsOf(held []push.Stack, c push.Commands) []*holdGroup {
	var groups []*holdGroup
	for _, s := range held {
		i := slices.IndexFunc(groups, func(g *holdGroup) bool { return g.code == s.Hold.Code })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &holdGroup{code: s.Hold.Code})
		}
		groups[i].stacks = append(groups[i].stacks, s)
		if remedy := s.Remedy(c); !slices.Contains(groups[i].remedies, remedy) {
			groups[i].remedies = append(groups[i].remedies, remedy)
		}
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
	out.Write(hints(g.remedies))
	return out.Bytes()
}

// hints are a line for each remedy, the first of many.
func hints(remedies []string) []byte {
	var out bytes.Buffer
	for i, remedy := range remedies {
		if i == maxRows {
			fmt.Fprintf(&out, "    and %d more; all: --output json\n", len(remedies)-i)
			break
		}
		fmt.Fprintln(&out, "    hint: "+printable.Line(remedy))
	}
	return out.Bytes()
}

// next says how to go on.
func (t planText) next(ready []push.Stack) string {
	var text strings.Builder
	text.WriteString(t.remain(t.pushOptions))
	if t.unread() > 0 {
		text.WriteString(auditText{Report: t.report}.read())
	}
	switch {
	case len(ready) > 0 && t.execute: // on with it
	case len(ready) > 0:
		fmt.Fprintf(&text, "nothing was written; to deploy %s: %s\n", counted(len(ready)-t.waves.Left(ready), "stack"), t.Push("--execute"))
	case t.unread() > 0:
		text.WriteString("it is not known whether there is more to deploy\n")
	case len(t.Stacks) > 0:
		text.WriteString("nothing was written\n")
	}
	return text.String()
}

// remain says which roles are not live, and are not made live by a deployment of the
// plan.
func (t planned) remain(o *pushOptions) string {
	others, drifted := -rolesOf(t.Stacks), 0
	for _, r := range t.report.Roles {
		switch isDrifted := r.Remedy == fleet.SetBoundary || r.Remedy == fleet.RemoveBoundary; {
		case isDrifted && !o.repairDrift:
			drifted++
		case r.Status != fleet.Live && r.Status != fleet.Exempt:
			others++
		}
	}
	text := ""
	if drifted > 0 {
		text += fmt.Sprintf("roles changed by hand, which remain so: %d; to repair them: %s\n", drifted, o.Push("--repair-drift"))
	}
	if others > 0 {
		text += fmt.Sprintf("roles that a deployment does not make live: %d; to see why: %s\n", others, o.Audit())
	}
	return text
}
