package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) getCommand() *cobra.Command {
	var name string
	var of accountFlag
	c := &cobra.Command{
		Use:               "get [NAME]",
		Short:             "show an environment and its boundary",
		Annotations:       map[string]string{ignoresAnnotation: readOnly},
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("name") {
				if len(args) > 0 && args[0] != name {
					return usagef("two environments are named: %s and %s", args[0], name)
				}
				args = []string{name}
			}
			return p.get(c.Context(), args, of)
		},
	}
	c.Flags().StringVar(&name, "name", "", "same as NAME")
	of.register(c.Flags(), "show the override for this account")
	return c
}

func (p *pbm) get(ctx context.Context, args []string, of accountFlag) error {
	j, key, err := p.namedKey(args, of)
	if err != nil {
		return err
	}
	all, err := p.toRead(ctx, j, key.Environment)
	if err != nil {
		return err
	}
	return p.showEnvironment(key, all, each(ctx, p, all, func(ctx context.Context, at *place) (environmentResult, error) {
		if key.IsOverride() {
			return at.look(ctx, j, key)
		}
		return at.lookAll(ctx, j, key)
	}))
}

// showEnvironment prints an environment as it was read in places. It fails if it
// could not be read in one, or if a value is malformed: deployments of its stacks
// are refused.
func (p *pbm) showEnvironment(key boundary.Key, all []*place, read []environmentResult) error {
	switch {
	case len(read) == 0:
		return p.failed(all)
	case len(all) == 1:
		if err := p.show(read[0]); err != nil {
			return err
		}
	default:
		if err := p.showTargets(key, read); err != nil {
			return err
		}
	}
	if err := p.failed(all); err != nil {
		return err
	}
	return malformed(flattened(read))
}

func (p *pbm) showTargets(key boundary.Key, read []environmentResult) error {
	e := environmentTargets{Environment: key.Environment, ForAccount: key.Account, Current: read[0].Current, Targets: read}
	e.Differ = slices.ContainsFunc(read, func(r environmentResult) bool { return r.text() != read[0].text() })
	if e.Differ {
		p.line("warning: ", described(key)+" has different boundaries in its targets")
	}
	return p.show(e)
}

// flattened are environments and their overrides in one list.
func flattened(read []environmentResult) []environmentResult {
	var all []environmentResult
	for _, e := range read {
		overrides := e.Overrides
		e.Overrides = nil
		all = append(append(all, e), overrides...)
	}
	return all
}

// lookAll reads an environment as it is, with its overrides.
func (at *place) lookAll(ctx context.Context, j *project, key boundary.Key) (environmentResult, error) {
	e, err := at.look(ctx, j, key)
	if err != nil {
		return e, err
	}
	e.Overrides, err = at.results(j, at.knownOverrides(ctx, key.Environment))
	return e, err
}

// look reads a value as it is.
func (at *place) look(ctx context.Context, j *project, key boundary.Key) (environmentResult, error) {
	record, err := at.Get(ctx, key)
	if err != nil {
		return environmentResult{}, at.orSpelled(ctx, key.Environment, err)
	}
	return at.result(j, record)
}

// environmentResult is an environment, or an override of it, in results.
type environmentResult struct {
	Environment string `json:"environment"`
	ForAccount  string `json:"forAccount,omitempty"` // of an override
	Current     bool   `json:"current"`
	shown
	Version  int64      `json:"version"`
	Modified *time.Time `json:"modified"` // null when the store does not know
	location
	Overrides []environmentResult `json:"overrides,omitempty"` // of pbm env get; others list them beside the environment

	correction string // the command for when it is malformed
}

// environmentTargets is an environment, or an override of it, in several targets.
type environmentTargets struct {
	Environment string              `json:"environment"`
	ForAccount  string              `json:"forAccount,omitempty"`
	Current     bool                `json:"current"`
	Differ      bool                `json:"differ"` // whether the targets have different values
	Targets     []environmentResult `json:"targets"`
}

func (e environmentTargets) table() [][]string {
	rows := [][]string{{"ENVIRONMENT", "ACCOUNT", "REGION", "PERMISSIONS BOUNDARY", "VERSION", "MODIFIED"}}
	common := e.Targets[0].text()
	for _, t := range flattened(e.Targets) {
		value := t.text()
		if value != common && t.ForAccount == e.ForAccount {
			value += " (differs)"
		}
		rows = append(rows, []string{t.key().String(), dash(t.Account), dash(t.Region), value, fmt.Sprint(t.Version), dash(timeText(t.Modified))})
	}
	return rows
}

// malformed is what is wrong with results of which some are, nil when none is.
func malformed(all []environmentResult) error {
	var names, corrections []string
	var bad boundary.Key
	for _, e := range all {
		if e.Value == nil {
			bad = e.key()
			names, corrections = append(names, e.key().String()), append(corrections, e.correction)
		}
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		return boundary.Problem{What: "the boundary value of " + described(bad) + " is malformed", Remedy: "correct it: " + corrections[0]}
	}
	return boundary.Problem{
		What:   "the boundary values of these environments are malformed: " + strings.Join(names, ", "),
		Remedy: "correct each: " + strings.Join(corrections, ", "),
	}
}

// results are several records as results.
func (at *place) results(j *project, records []boundary.Record) ([]environmentResult, error) {
	var all []environmentResult
	for _, r := range records {
		e, err := at.result(j, r)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func (at *place) result(j *project, r boundary.Record) (environmentResult, error) {
	name, err := current(j)
	return environmentResult{
		Environment: r.Key.Environment,
		ForAccount:  r.Key.Account,
		Current:     r.Key == boundary.Key{Environment: name},
		shown:       showValue(r.Text),
		Version:     r.Version,
		Modified:    optionalTime(r.Modified),
		location:    at.location(r.Key),
		correction:  at.correction(r.Key),
	}, err
}

func (e environmentResult) table() [][]string {
	current := ""
	if e.Current {
		current = "yes"
	}
	rows := append(present([][]string{
		{"environment", e.Environment},
		{"for account", e.ForAccount},
		{"current", current},
		{"permissions boundary", e.text()},
		{"problem", e.Problem},
		{"version", fmt.Sprint(e.Version)},
		{"modified", timeText(e.Modified)},
	}), e.rows()...)
	for _, o := range e.Overrides {
		rows = append(rows, []string{"override for account " + o.ForAccount, o.text()})
	}
	return rows
}

// key is the key of the value.
func (e environmentResult) key() boundary.Key {
	return boundary.Key{Environment: e.Environment, Account: e.ForAccount}
}
