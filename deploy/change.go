package deploy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"permissions-boundary-macro/boundary"
)

// change is the result of a command that writes, or would with --dry-run.
type change struct {
	Environment string `json:"environment"`
	ForAccount  string `json:"forAccount,omitempty"` // of an override
	Action      string `json:"action"`               // created, updated, removed, unchanged; create, update, remove when it is not done
	DryRun      bool   `json:"dryRun"`
	shown
	Previous *string `json:"previous"`          // null when there was none, or a malformed one
	Version  int64   `json:"version,omitempty"` // the one that stands now
	location
	OverriddenIn []string `json:"overriddenIn,omitempty"` // accounts that keep their own boundary, or lose it when the environment is removed
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

// act is what a change does, before and after it is done.
type act struct{ planned, done string }

var (
	created = act{"create", "created"}
	updated = act{"update", "updated"}
	removed = act{"remove", "removed"}
)

const unchanged = "unchanged"

// apply does a change unless this is a dry run, and returns its result. The
// previous record has version 0 when there is none.
func (p *pbm) apply(at *place, a act, key boundary.Key, value boundary.Value, previous boundary.Record, do func() (boundary.Record, error)) (change, error) {
	c := change{
		Environment: key.Environment,
		ForAccount:  key.Account,
		Action:      a.planned,
		DryRun:      p.dryRun,
		shown:       showValue(value.String()),
		Version:     previous.Version,
	}
	if previous.Version != 0 {
		c.Previous = showValue(previous.Text).Value
	}
	if p.dryRun && !at.inAWS() {
		if _, err := os.Stat(filepath.Dir(at.file)); err != nil {
			return change{}, fmt.Errorf("the store of environments cannot be written: %w", err)
		}
	}
	if !p.dryRun {
		record, err := do()
		if err != nil {
			return change{}, err
		}
		c.Action, c.Version = a.done, record.Version
	}
	c.location = at.location(key)
	return c, nil
}

// create adds an environment or an override. The store decides whether it is
// there already: nothing is overwritten.
func (p *pbm) create(ctx context.Context, at *place, key boundary.Key, value boundary.Value) (change, error) {
	return p.apply(at, created, key, value, boundary.Record{}, func() (boundary.Record, error) {
		return at.Create(ctx, key, value)
	})
}

// tellWhen says when a change reaches roles.
func (p *pbm) tellWhen(c change) {
	if c.DryRun {
		return
	}
	p.line("", "it takes effect on the next deployment of each stack of "+described(boundary.Key{Environment: c.Environment, Account: c.ForAccount}))
	p.line("hint: ", "cdk deploy needs --force if the template is unchanged; an update with the previous template, or an earlier change set, keeps the old boundary")
}
