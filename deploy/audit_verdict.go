package deploy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
)

// errNoRoles ends an audit of a name that may be misspelt.
var errNoRoles = boundary.Problem{
	What:   "there are no such roles",
	Remedy: "check the names of --environment and --stack; if they are right, no stack that was read has roles yet",
}

// verdict is the error of an audit that found what it should fail for, or that
// could not read or judge everything.
func (o *auditOptions) verdict(report fleet.Report) error {
	var found []string
	for _, status := range fleet.Statuses() {
		n := report.Summary[status]
		if status == fleet.Unknown {
			n = unjudged(report)
		}
		if n > 0 && slices.Contains(o.failOn, string(status)) {
			found = append(found, fmt.Sprintf("%s: %d", status, n))
		}
	}
	unread := slices.DeleteFunc(slices.Clone(report.Accounts), func(a fleet.AccountResult) bool { return a.Err == nil })
	switch {
	case len(unread) > 0 && found != nil:
		return fmt.Errorf("%s could not be read completely; of the rest, %s", counted(len(unread), "account"), strings.Join(found, ", "))
	case len(unread) > 0:
		return fmt.Errorf("%s could not be read completely", counted(len(unread), "account"))
	case !o.hasFound(report):
		return errNoRoles
	case found != nil:
		return errors.New(strings.Join(found, ", "))
	case !slices.Contains(o.failOn, failOnNothing) && !slices.ContainsFunc(report.Roles, isMacros):
		return boundary.Problem{
			What:   "no stack that was read calls the macro " + o.macroName,
			Remedy: "check --macro-name and the Regions; --fail-on " + failOnNothing + " reports only",
		}
	}
	return nil
}

// isMacros reports whether the macro has, or may have, something to do with a role.
func isMacros(r fleet.Role) bool { return r.Environment != "" || isUnjudged(r) }

// isUnjudged reports whether the stack of a role was read, but not whether the role
// is as it should be, and that does not change when a deployment ends.
func isUnjudged(r fleet.Role) bool {
	return r.Status == fleet.Unknown && r.Stack != "" && r.Remedy != fleet.AuditAgain
}

func unjudged(report fleet.Report) (n int) {
	for _, r := range report.Roles {
		if isUnjudged(r) {
			n++
		}
	}
	return n
}

// hasFound reports whether there are roles of the environment and the stacks that
// are asked for.
func (o *fleetOptions) hasFound(report fleet.Report) bool {
	return o.environment == "" && o.stack == "" || slices.ContainsFunc(report.Roles, func(r fleet.Role) bool {
		return o.environment == "" || r.Environment == o.environment
	})
}

// tellUnread says what to do about accounts that could not be read, each remedy
// once, and warns about roles whose status is not known, by a text with their number.
func (p *pbm) tellUnread(report fleet.Report, unknown string) {
	var told []string
	for _, a := range report.Accounts {
		remedy := boundary.Remedy(a.Err)
		if remedy != "" && !slices.Contains(told, remedy) {
			told = append(told, remedy)
			p.line("hint: ", remedy)
		}
	}
	if n := report.Summary[fleet.Unknown] - unjudged(report); n > 0 {
		p.line("warning: ", fmt.Sprintf(unknown, counted(n, "role")))
	}
}
