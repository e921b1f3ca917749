package deploy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// change is the result of a command that writes, or would with --dry-run.
type change struct {
	Environment string `json:"environment"`
	ForAccount  string `json:"forAccount,omitempty"` // of an override
	Action      string `json:"action"`               // created, updated, removed, unchanged, failed; create, update, remove when it is not done
	DryRun      bool   `json:"dryRun"`
	shown
	Previous *string `json:"previous"`          // null when there was none, or a malformed one
	Version  int64   `json:"version,omitempty"` // the one that stands now
	location
	OverriddenIn []string `json:"overriddenIn,omitempty"` // accounts that keep their own boundary, or lose it when the environment is removed
	Error        string   `json:"error,omitempty"`        // why it failed
}

func (c change) table() [][]string {
	action := c.Action
	if c.DryRun {
		action += " (dry run: nothing was written)"
	}
	rows := present([][]string{{"environment", c.Environment}, {"for account", c.ForAccount}, {"action", action}})
	if c.Action != removed.done && c.Action != removed.planned {
		rows = append(rows, []string{"permissions boundary", c.text()})
	}
	if c.Previous != nil {
		rows = append(rows, []string{"previous", *c.Previous})
	}
	if c.Version != 0 {
		rows = append(rows, []string{"version", fmt.Sprint(c.Version)})
	}
	return append(rows, c.rows()...)
}

// changes are the changes of an environment, or of an override, in several
// targets.
type changes struct {
	Environment string   `json:"environment"`
	ForAccount  string   `json:"forAccount,omitempty"`
	Targets     []change `json:"targets"`
}

func (l changes) table() [][]string {
	rows := [][]string{{"ACCOUNT", "REGION", "ACTION", "PERMISSIONS BOUNDARY OF " + boundary.Key{Environment: l.Environment, Account: l.ForAccount}.String(), "PREVIOUS", "VERSION"}}
	for _, c := range l.Targets {
		row := []string{dash(c.Account), dash(c.Region), c.Action, "-", "-", "-"}
		if c.DryRun {
			row[2] += " (dry run)"
		}
		if c.Value != nil {
			row[3] = *c.Value
		}
		if c.Previous != nil {
			row[4] = *c.Previous
		}
		if c.Version != 0 {
			row[5] = fmt.Sprint(c.Version)
		}
		rows = append(rows, row)
	}
	return rows
}

// act is what a change does, before and after it is done.
type act struct{ planned, done string }

var (
	created   = act{"create", "created"}
	updated   = act{"update", "updated"}
	removed   = act{"remove", "removed"}
	unchanged = act{"unchanged", "unchanged"}
)

const failed = "failed"

// question is what the user answers before a command writes.
type question struct {
	answer, text string
	refused      boundary.Problem // the error where nobody can be asked
}

// agree has a change confirmed, once, after every target has been opened, read
// and compared. If something failed in one of several targets, nothing is
// written to the others unless the user agrees to that or passes --yes. Without
// a question of its own, a change of several targets is confirmed on a terminal.
func (p *pbm) agree(ctx context.Context, environment string, all []*place, q *question) error {
	p.tellPlans(all)
	err := p.failed(all)
	writes := counted(len(toChange(all)), "target")
	switch {
	case len(toChange(all)) == 0:
		return err
	case err != nil && !p.yes && !p.dryRun && !p.canAsk():
		return boundary.Problem{
			What:   err.Error() + ", so nothing was written",
			Remedy: "correct that and run the command again, or pass --yes to write to the others",
		}
	case err != nil:
		q = &question{environment, "type the name of the environment to write to the other " + writes + ": ", boundary.Problem{}}
	case q == nil && len(all) > 1 && p.canAsk():
		q = &question{"yes", "type yes to write to " + writes + ": ", boundary.Problem{}}
	}
	if q == nil {
		return nil
	}
	return p.confirm(ctx, q.answer, q.text, q.refused)
}

// toChange are the places where there is something to write.
func toChange(all []*place) []*place {
	return slices.DeleteFunc(working(all), func(at *place) bool { return at.plan == unchanged })
}

// tellPlans says what a command is about to do in each of several places.
func (p *pbm) tellPlans(all []*place) {
	if len(all) == 1 {
		return
	}
	for _, at := range working(all) {
		text := at.label() + ": " + at.plan.planned
		if at.record.Version != 0 {
			text += " (now " + showValue(at.record.Text).text() + ")"
		}
		p.line("", text)
	}
}

// apply does a change in each place that is to have it, and shows the result.
func (p *pbm) apply(ctx context.Context, all []*place, key boundary.Key, value boundary.Value, do func(context.Context, *place) (boundary.Record, error)) error {
	applied := inEach(ctx, p, all, func(ctx context.Context, at *place) (change, error) {
		return p.applyTo(ctx, at, key, value, do)
	})
	if len(all) == 1 {
		if all[0].failure != nil {
			return all[0].failure
		}
		return p.show(applied[0])
	}
	for i, at := range all {
		if at.failure != nil {
			applied[i] = p.failedChange(at, key)
		}
	}
	return p.show(changes{Environment: key.Environment, ForAccount: key.Account, Targets: applied})
}

// failedChange is the result of a change that failed in a place.
func (p *pbm) failedChange(at *place, key boundary.Key) change {
	return change{
		Environment: key.Environment, ForAccount: key.Account, Action: failed, DryRun: p.dryRun,
		location: at.location(key), Error: at.failure.Error(),
	}
}

// planValue compares what a place has with the value that it is to get.
func (at *place) planValue(value boundary.Value) {
	switch {
	case same(at.record, value):
		at.plan = unchanged
	case at.record.Version == 0:
		at.plan = created
	default:
		at.plan = updated
	}
}

// put writes a value as planned: over nothing, or over the record that was read.
func (at *place) put(ctx context.Context, key boundary.Key, value boundary.Value) (boundary.Record, error) {
	if at.plan == created {
		return at.Create(ctx, key, value)
	}
	return at.Update(ctx, key, value, at.record.Version)
}

// applyTo does a change in a place, unless this is a dry run. The previous
// record has version 0 when there is none.
func (p *pbm) applyTo(ctx context.Context, at *place, key boundary.Key, value boundary.Value, do func(context.Context, *place) (boundary.Record, error)) (change, error) {
	c := change{
		Environment:  key.Environment,
		ForAccount:   key.Account,
		Action:       at.plan.planned,
		DryRun:       p.dryRun,
		shown:        showValue(value.String()),
		Version:      at.record.Version,
		location:     at.location(key),
		OverriddenIn: accountsOf(at.overrides),
	}
	if at.plan == removed || at.plan == unchanged && at.record.Version == 0 {
		c.shown = shown{}
	}
	if at.record.Version != 0 {
		c.Previous = showValue(at.record.Text).Value
	}
	if at.plan == unchanged {
		return c, nil
	}
	if p.dryRun {
		if !at.inAWS() {
			if _, err := os.Stat(filepath.Dir(at.file)); err != nil {
				return c, fmt.Errorf("the store of environments cannot be written: %w", err)
			}
		}
		return c, nil
	}
	record, err := do(ctx, at)
	c.Action, c.Version = at.plan.done, record.Version
	return c, err
}

// completed is the end of a change: what failed in a target is left to another
// run of the same command.
func (p *pbm) completed(all []*place) error {
	err := p.failed(all)
	if err != nil && len(all) > 1 {
		return boundary.Problem{What: err.Error(), Remedy: "correct that, then complete it: run the same command again"}
	}
	return err
}

// tellWhen says when a change reaches roles.
func (p *pbm) tellWhen(key boundary.Key, all []*place) {
	if p.dryRun || len(toChange(all)) == 0 {
		return
	}
	p.tellEffect(described(key), toChange(all))
}

// tellEffect says when a change of environments in places reaches roles.
func (p *pbm) tellEffect(environments string, changed []*place) {
	if slices.ContainsFunc(changed, (*place).inAWS) {
		p.line("", "it takes effect on the next deployment of each stack of "+environments)
		p.line("hint: ", "cdk deploy needs --force if the template is unchanged; an update with the previous template, or an earlier change set, keeps the old boundary")
	}
	for _, file := range filesOf(changed) {
		p.line("hint: ", "the macro does not read files; to put this into SSM: pbm env import "+printable.Shell(file)+" --store ssm")
	}
}

// tellAudit names the command that says which roles have a boundary that changed.
func (p *pbm) tellAudit(key boundary.Key, changed []*place) {
	if p.dryRun || !slices.ContainsFunc(changed, (*place).inAWS) {
		return
	}
	audit, push := "pbm audit --environment "+key.Environment, "pbm push "+key.Environment
	if len(changed) == 1 {
		audit, push = changed[0].command(audit), changed[0].command(push)
	}
	p.line("hint: ", "to see which roles have it: "+audit)
	p.line("hint: ", "to plan a deployment of the stacks that lag: "+push)
}

// warnNone warns about none in places. Only a store in AWS reaches deployments.
func (p *pbm) warnNone(key boundary.Key, changed []*place) {
	if slices.ContainsFunc(changed, (*place).inAWS) {
		p.line("warning: ", "with none, the next deployment of each stack of "+described(key)+" removes the boundary from its roles")
	}
	for _, file := range filesOf(changed) {
		p.line("warning: ", "with none in "+file+", pbm transform sets no boundary on the roles of "+described(key))
	}
}

// filesOf are the file stores among places.
func filesOf(all []*place) []string {
	var files []string
	for _, at := range all {
		if !at.inAWS() {
			files = append(files, at.file)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}
