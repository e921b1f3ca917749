package deploy

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"

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
	defer p.tellUnread(report, "the status of %s is not known, which does not fail the audit")
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

// printReport prints a report as JSON.
func (p *pbm) printReport(report fleet.Report) error {
	roles := report.Roles
	report.Roles = []fleet.Role{}
	return printWithRoles(p, func() any { return report }, slices.Values(roles))
}

// printLines prints a role a line, in JSON.
func (p *pbm) printLines(roles []fleet.Role) error {
	out := bufio.NewWriter(p.stdout)
	for _, role := range roles {
		text, err := json.Marshal(role)
		if err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
		_, _ = out.Write(append(printable.JSON(text), '\n')) // Flush has the error
	}
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
