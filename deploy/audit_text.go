package deploy

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/internal/printable"
)

// auditText is the report of an audit for people: a table that counts roles, the
// roles that are not live, and which accounts were read.
type auditText struct {
	fleet.Report
	listed []fleet.Role // of the report, those to list
	chosen bool         // whether the user chose which to list
}

func (t auditText) render() []byte {
	var out bytes.Buffer
	out.Write(aligned(t.table()))
	for _, group := range t.groups() {
		out.WriteString("\n")
		out.Write(group.render(t.chosen))
	}
	out.WriteString("\n" + t.read())
	return out.Bytes()
}

// auditGroup is the roles of an environment that are in the same state, for the
// same reason.
type auditGroup struct {
	row    string
	status fleet.Status
	reason string
	roles  []fleet.Role
}

// attention are the statuses that text lists, the most urgent first.
var attention = []fleet.Status{fleet.Unbound, fleet.Drifted, fleet.Lags, fleet.Other, fleet.Unknown, fleet.NoMacro, fleet.Outside}

func (t auditText) groups() []*auditGroup {
	var groups []*auditGroup
	for _, r := range t.listed {
		if !t.chosen && !slices.Contains(attention, r.Status) {
			continue
		}
		i := slices.IndexFunc(groups, func(g *auditGroup) bool {
			return g.row == rowOf(r) && g.status == r.Status && g.reason == r.Reason
		})
		if i < 0 {
			i = len(groups)
			groups = append(groups, &auditGroup{row: rowOf(r), status: r.Status, reason: r.Reason})
		}
		groups[i].roles = append(groups[i].roles, r)
	}
	slices.SortStableFunc(groups, func(a, b *auditGroup) int {
		return cmp.Or(cmp.Compare(urgency(a.status), urgency(b.status)), strings.Compare(a.row, b.row))
	})
	return groups
}

func urgency(s fleet.Status) int {
	if i := slices.Index(attention, s); i >= 0 {
		return i
	}
	return len(attention)
}

// How much of a group is listed unless the user chose the status.
const (
	maxRows  = 20
	maxNames = 8
)

// render lists the group's roles, a row for each stack, and what to do about them.
func (g *auditGroup) render(all bool) []byte {
	var out bytes.Buffer
	title := g.name() + ": " + counted(len(g.roles), "role")
	if g.reason != "" {
		title += ": " + g.reason
	}
	fmt.Fprintln(&out, printable.Line(title))
	rows := g.rows(all)
	if hidden := len(rows) - maxRows; hidden > 0 && !all {
		rows = append(rows[:maxRows:maxRows], []string{fmt.Sprintf("    and %s more; all: --status %s", counted(hidden, "row"), g.status)})
	}
	out.Write(aligned(rows))
	if next := g.next(); next != "" {
		fmt.Fprintln(&out, "    hint: "+printable.Line(next))
	}
	for _, command := range g.commands(all) {
		fmt.Fprintln(&out, "        "+printable.Line(command))
	}
	return out.Bytes()
}

func (g *auditGroup) rows(all bool) [][]string {
	var rows [][]string
	for roles := range chunksOf(g.roles, func(a, b fleet.Role) bool {
		return a.Account == b.Account && a.Region == b.Region && a.Stack == b.Stack
	}) {
		first := roles[0]
		rows = append(rows, []string{"    " + first.Account, dash(first.Region), dash(first.Stack), names(roles, all)})
	}
	return rows
}

// names are the logical IDs of roles in their stack, or their names.
func names(roles []fleet.Role, all bool) string {
	var texts []string
	for _, r := range roles {
		texts = append(texts, cmp.Or(r.LogicalID, r.Name))
	}
	if hidden := len(texts) - maxNames; hidden > 0 && !all {
		return strings.Join(texts[:maxNames], ", ") + fmt.Sprintf(" and %d more", hidden)
	}
	return strings.Join(texts, ", ")
}

// chunksOf splits a list where neighbours differ.
func chunksOf[T any](list []T, isSame func(a, b T) bool) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		for start := 0; start < len(list); {
			end := start + 1
			for end < len(list) && isSame(list[start], list[end]) {
				end++
			}
			if !yield(list[start:end]) {
				return
			}
			start = end
		}
	}
}

// name is the status of the group, and its environment.
func (g *auditGroup) name() string {
	if environment := g.roles[0].Environment; environment != "" {
		return environment + ", " + string(g.status)
	}
	return string(g.status)
}

// next is what to do about the roles of a group.
func (g *auditGroup) next() string {
	first := g.roles[0]
	switch first.Remedy {
	case fleet.Redeploy:
		return "deploy these stacks again, with their template: pbm push " + printable.Shell(first.Environment) + "; an update with the previous template keeps the old boundary"
	case fleet.SetBoundary, fleet.RemoveBoundary:
		return "deploying again does not repair this, because CloudFormation sees no change; pbm push " + printable.Shell(first.Environment) + " --repair-drift does; or, in the account of each role:"
	case fleet.ChangeTemplate:
		return "list the macro after the transform that adds the role, and see the blind spots: pbm check PATH"
	case fleet.AddMacro:
		return "list the macro in the Transform of these templates: pbm adopt PATH; or exempt the roles: --exempt"
	case fleet.Adopt:
		return "create these roles by a stack that calls the macro, or exempt them: --exempt"
	case fleet.AddValue:
		return "add the value: pbm env add " + printable.Shell(first.Environment) + "; or pass --prefix, or --hub if these accounts use the macro of a hub"
	case fleet.CorrectValue:
		return "correct the value that is named: pbm env update " + printable.Shell(first.Environment) + " --permissions-boundary VALUE, for an override with --for-account ID"
	case fleet.CheckSettings:
		return "if the installed macro has other settings than the defaults, pass them: --default-environment, --pin-environment, --environment-parameters"
	case fleet.ReadRegions:
		return "they may belong to stacks in other Regions: --all-regions"
	case fleet.FinishDeployment:
		return "deploy these stacks, or continue their rollback; then run the audit again"
	case fleet.AuditAgain:
		return "run the audit again when the deployment has ended"
	}
	return ""
}

// commands repair the roles of a group one by one, if that is what is to do.
func (g *auditGroup) commands(all bool) []string {
	var commands []string
	several := g.roles[0].Account != g.roles[len(g.roles)-1].Account
	for _, r := range g.roles {
		name, account := printable.Shell(r.Name), ""
		if several {
			account = " # " + r.Account
		}
		switch r.Remedy {
		case fleet.SetBoundary:
			commands = append(commands, "aws iam put-role-permissions-boundary --role-name "+name+" --permissions-boundary "+printable.Shell(r.Expected)+account)
		case fleet.RemoveBoundary:
			commands = append(commands, "aws iam delete-role-permissions-boundary --role-name "+name+account)
		}
	}
	if hidden := len(commands) - maxRows; hidden > 0 && !all {
		commands = append(commands[:maxRows:maxRows], fmt.Sprintf("and %d more; all: --status %s", hidden, g.status))
	}
	return commands
}

// read says which accounts were read, and which not.
func (t auditText) read() string {
	var failed []string
	for _, a := range t.Accounts {
		if a.Err != nil {
			failed = append(failed, a.ID+": "+a.Error)
		}
	}
	text := counted(len(t.Accounts)-len(failed), "account") + " read"
	if len(failed) == 0 {
		return text + "\n"
	}
	return printable.Line(fmt.Sprintf("%s, %d not: %s", text, len(failed), strings.Join(failed, "; "))) + "\n"
}
