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
			return p.get(c.Context(), args)
		},
	}
	c.Flags().StringVar(&name, "name", "", "same as NAME")
	return c
}

func (p *pbm) get(ctx context.Context, args []string) error {
	j, environment, err := p.named(args)
	if err != nil {
		return err
	}
	e, err := p.look(ctx, j, environment)
	if err != nil {
		return err
	}
	return p.showEnvironment(e)
}

// showEnvironment prints an environment, and fails if its value is malformed:
// deployments of its stacks are refused.
func (p *pbm) showEnvironment(e environmentResult) error {
	if err := p.show(e); err != nil {
		return err
	}
	return malformed([]environmentResult{e})
}

// look reads an environment as it is.
func (p *pbm) look(ctx context.Context, j *project, environment string) (environmentResult, error) {
	at, err := p.toRead(ctx, j, environment)
	if err != nil {
		return environmentResult{}, err
	}
	return at.look(ctx, j, environment)
}

func (at *place) look(ctx context.Context, j *project, environment string) (environmentResult, error) {
	record, err := at.Get(ctx, boundary.Key{Environment: environment})
	if err != nil {
		return environmentResult{}, at.orSpelled(ctx, environment, err)
	}
	return at.environment(j, record)
}

// environmentResult is an environment in results.
type environmentResult struct {
	Environment string `json:"environment"`
	Current     bool   `json:"current"`
	shown
	Version  int64      `json:"version"`
	Modified *time.Time `json:"modified"` // null when the store does not know
	location

	correction string // the command for when it is malformed
}

// malformed is what is wrong with results of which some are, nil when none is.
func malformed(all []environmentResult) error {
	var names, corrections []string
	for _, e := range all {
		if e.Value == nil {
			names, corrections = append(names, e.Environment), append(corrections, e.correction)
		}
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		return boundary.Problem{What: "the boundary value of environment " + names[0] + " is malformed", Remedy: "correct it: " + corrections[0]}
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
		Current:     r.Key.Environment == name,
		shown:       showValue(r.Text),
		Version:     r.Version,
		Modified:    optionalTime(r.Modified),
		location:    at.location(r.Key.Environment),
		correction:  at.correction(r.Key.Environment),
	}, err
}

func (e environmentResult) table() [][]string {
	current := ""
	if e.Current {
		current = "yes"
	}
	return append(present([][]string{
		{"environment", e.Environment},
		{"current", current},
		{"permissions boundary", e.text()},
		{"problem", e.Problem},
		{"version", fmt.Sprint(e.Version)},
		{"modified", timeText(e.Modified)},
	}), e.rows()...)
}
