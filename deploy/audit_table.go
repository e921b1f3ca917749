package deploy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"permissions-boundary-macro/fleet"
)

// countRow is a row of the table.
type countRow struct {
	name       string
	boundaries []string // that its roles should carry
	roles      int
	counts     map[fleet.Status]int
}

// Rows for roles of no environment.
const (
	rowNoMacro = "(no macro)"
	rowNoStack = "(no stack)"
	rowUnknown = "(unknown)"
	rowExempt  = "(exempt)"
)

// rowOf is the name of the row that counts a role.
func rowOf(r fleet.Role) string {
	switch {
	case r.Status == fleet.Exempt:
		return rowExempt
	case r.Environment != "":
		return r.Environment
	case r.Status == fleet.NoMacro:
		return rowNoMacro
	case r.Status == fleet.Outside:
		return rowNoStack
	}
	return rowUnknown
}

// columnOf is the column that counts a role. Roles of no environment are bound by
// something, or not.
func columnOf(r fleet.Role) fleet.Status {
	switch {
	case r.Status != fleet.NoMacro && r.Status != fleet.Outside:
		return r.Status
	case r.Boundary == "":
		return fleet.Unbound
	}
	return fleet.Other
}

// columns are the statuses that are counted apart. Few audits have unknown ones.
func (t auditText) columns() []fleet.Status {
	columns := []fleet.Status{fleet.Live, fleet.Lags, fleet.Drifted, fleet.Unbound, fleet.Other}
	if t.Summary[fleet.Unknown] > 0 {
		columns = append(columns, fleet.Unknown)
	}
	return columns
}

func (t auditText) table() [][]string {
	rows := map[string]*countRow{}
	for _, r := range t.Roles {
		name := rowOf(r)
		row := rows[name]
		if row == nil {
			row = &countRow{name: name, counts: map[fleet.Status]int{}}
			rows[name] = row
		}
		row.roles++
		row.counts[columnOf(r)]++
		if short := shortBoundary(r.Expected); short != "" && !slices.Contains(row.boundaries, short) {
			row.boundaries = append(row.boundaries, short)
		}
	}
	columns := t.columns()
	header := []string{"ENVIRONMENT", "BOUNDARY", "ROLES"}
	for _, status := range columns {
		header = append(header, strings.ToUpper(string(status)))
	}
	table := [][]string{header}
	for _, row := range sortedRows(rows) {
		table = append(table, row.cells(columns))
	}
	return table
}

// sortedRows are the rows of environments by name, then the others.
func sortedRows(rows map[string]*countRow) []*countRow {
	last := []string{rowNoMacro, rowNoStack, rowUnknown, rowExempt}
	var sorted []*countRow
	for _, row := range rows {
		sorted = append(sorted, row)
	}
	slices.SortFunc(sorted, func(a, b *countRow) int {
		return cmp.Or(cmp.Compare(slices.Index(last, a.name), slices.Index(last, b.name)), strings.Compare(a.name, b.name))
	})
	return sorted
}

// cells are the row's. In those of environments a number stands in each column.
func (row *countRow) cells(columns []fleet.Status) []string {
	isEnvironment := !strings.HasPrefix(row.name, "(")
	cells := []string{row.name, row.boundary(), fmt.Sprint(row.roles)}
	for _, status := range columns {
		cell := ""
		if n := row.counts[status]; isEnvironment || n > 0 {
			cell = fmt.Sprint(n)
		}
		cells = append(cells, cell)
	}
	return cells
}

func (row *countRow) boundary() string {
	if len(row.boundaries) > 1 {
		return fmt.Sprintf("(%d boundaries)", len(row.boundaries))
	}
	return strings.Join(row.boundaries, "")
}

// shortBoundary is the path and name of a policy, which accounts have in common.
func shortBoundary(arn string) string {
	if _, name, found := strings.Cut(arn, ":policy/"); found {
		return name
	}
	return arn
}
