package deploy

import (
	"context"
	"fmt"
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
	at, err := p.toRead(ctx, j, key.Environment)
	if err != nil {
		return err
	}
	if key.IsOverride() {
		e, err := at.look(ctx, j, key)
		if err != nil {
			return err
		}
		return p.showEnvironment(e)
	}
	e, err := p.lookAll(ctx, at, j, key.Environment)
	if err != nil {
		return err
	}
	return p.showEnvironment(e)
}

// showEnvironment prints an environment, and fails if a value of it is malformed:
// deployments of its stacks are refused.
func (p *pbm) showEnvironment(e environmentResult) error {
	if err := p.show(e); err != nil {
		return err
	}
	return malformed(append([]environmentResult{e}, e.Overrides...))
}

// lookAll reads an environment as it is, with its overrides.
func (p *pbm) lookAll(ctx context.Context, at *place, j *project, environment string) (environmentResult, error) {
	e, err := at.look(ctx, j, boundary.Key{Environment: environment})
	if err != nil {
		return e, err
	}
	for _, r := range p.knownOverrides(ctx, at, environment) {
		override, err := at.environment(j, r)
		if err != nil {
			return e, err
		}
		e.Overrides = append(e.Overrides, override)
	}
	return e, nil
}

// look reads a value as it is.
func (at *place) look(ctx context.Context, j *project, key boundary.Key) (environmentResult, error) {
	record, err := at.Get(ctx, key)
	if err != nil {
		return environmentResult{}, at.orSpelled(ctx, key.Environment, err)
	}
	return at.environment(j, record)
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

func (at *place) environment(j *project, r boundary.Record) (environmentResult, error) {
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
