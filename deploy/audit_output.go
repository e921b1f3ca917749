package deploy

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/internal/printable"
)

// showAudit prints a report. Text lists what needs attention, the other forms all
// roles.
func (p *pbm) showAudit(report fleet.Report, o auditOptions) error {
	listed := report.Roles
	if len(o.statuses) > 0 {
		listed = slices.DeleteFunc(slices.Clone(listed), func(r fleet.Role) bool {
			return !slices.Contains(o.statuses, string(r.Status))
		})
	}
	defer p.tellUnread(report)
	switch p.output {
	case outputJSON:
		return p.printReport(fleet.Report{Roles: listed, Summary: report.Summary, Accounts: report.Accounts})
	case outputJSONLines:
		return p.printLines(listed)
	case outputCSV:
		return p.printCSV(listed)
	}
	return p.print(auditText{report, listed, len(o.statuses) > 0}.render())
}

// printReport prints a report as JSON. Roles are printed one by one, because there
// may be many.
func (p *pbm) printReport(report fleet.Report) error {
	if len(report.Roles) == 0 {
		return p.printJSON(report)
	}
	roles := report.Roles
	report.Roles = []fleet.Role{}
	frame, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	const none = "[]" // roles come first
	before, after, _ := strings.Cut(string(frame), none)
	return p.printRoles(roles, before+"[\n    ", ",\n    ", "\n  ]"+after+"\n", func(role fleet.Role) ([]byte, error) {
		return json.MarshalIndent(role, "    ", "  ")
	})
}

// printLines prints a role a line, in JSON.
func (p *pbm) printLines(roles []fleet.Role) error {
	if len(roles) == 0 {
		return nil
	}
	return p.printRoles(roles, "", "\n", "\n", func(role fleet.Role) ([]byte, error) { return json.Marshal(role) })
}

func (p *pbm) printRoles(roles []fleet.Role, before, between, after string, encode func(fleet.Role) ([]byte, error)) error {
	out := bufio.NewWriter(p.stdout)
	_, _ = out.WriteString(before) // Flush has the error
	for i, role := range roles {
		text, err := encode(role)
		if err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
		if i > 0 {
			_, _ = out.WriteString(between)
		}
		_, _ = out.Write(printable.JSON(text))
	}
	_, _ = out.Write(printable.JSON([]byte(after)))
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// csvHeader has the names of the fields in JSON.
var csvHeader = []string{"account", "region", "role", "arn", "stack", "logicalId", "environment", "boundary", "expected", "status", "reason"}

func (p *pbm) printCSV(roles []fleet.Role) error {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	_ = w.Write(csvHeader) // a buffer takes everything
	for _, r := range roles {
		row := []string{r.Account, r.Region, r.Name, r.ARN, r.Stack, r.LogicalID, r.Environment, r.Boundary, r.Expected, string(r.Status), r.Reason}
		for i := range row {
			row[i] = printable.Line(row[i])
		}
		_ = w.Write(row)
	}
	w.Flush()
	return p.print(out.Bytes())
}
