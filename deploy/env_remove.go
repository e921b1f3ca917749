package deploy

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) removeCommand() *cobra.Command {
	var of accountFlag
	c := &cobra.Command{
		Use:   "remove NAME",
		Short: "remove an environment and its boundary",
		Long: `Remove deletes an environment's boundary and its history from the store. From
then on, deployments of its stacks are refused. For an environment that should
have no boundary, update it to none instead. Its overrides are removed, too.

With --for-account it deletes only the override for that account, where the
environment's own boundary then takes effect.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE:              func(c *cobra.Command, args []string) error { return p.remove(c.Context(), args[0], of) },
	}
	of.register(c.Flags(), "remove only the override for this account")
	return c
}

func (p *pbm) remove(ctx context.Context, environment string, of accountFlag) error {
	if err := of.check(); err != nil {
		return err
	}
	if err := checkName(environment); err != nil {
		return err
	}
	key := boundary.Key{Environment: environment, Account: of.id}
	j, err := p.project()
	if err != nil {
		return err
	}
	at, err := p.toWrite(ctx, j, environment)
	if err != nil {
		return err
	}
	if key.IsOverride() {
		return p.removeOverride(ctx, at, key)
	}
	if err := mustNotBeCurrent(j, environment, at); err != nil {
		return err
	}
	record, err := at.Get(ctx, key)
	if err != nil {
		return at.orSpelled(ctx, environment, err)
	}
	overrides, err := at.overrides(ctx, environment)
	if err != nil {
		return err
	}
	if err := p.confirmRemoval(ctx, at, key, accountsOf(overrides)); err != nil {
		return err
	}
	c, err := p.apply(at, removed, key, boundary.Value{}, record, func() (boundary.Record, error) {
		return boundary.Record{}, p.removeAll(ctx, at, key, overrides)
	})
	if err != nil {
		return err
	}
	c.shown, c.OverriddenIn = shown{}, accountsOf(overrides)
	if err := p.show(c); err != nil {
		return err
	}
	return p.forget(ctx, j, environment, at)
}

// mustNotBeCurrent keeps the environment that is worked on, as Amplify does.
// One of its name elsewhere is another one.
func mustNotBeCurrent(j *project, environment string, at *place) error {
	if !j.means(environment, at) || j.Current != environment {
		return nil
	}
	remedy := "make another environment the current one first: pbm env checkout NAME"
	if len(j.Environments) < 2 {
		remedy = "it is the project's only one: delete " + j.path + " first"
	}
	return boundary.Problem{What: fmt.Sprintf("environment %q is the current one of the project", environment), Remedy: remedy}
}

// confirmRemoval says what stops working, and has the name typed.
func (p *pbm) confirmRemoval(ctx context.Context, at *place, key boundary.Key, accounts []string) error {
	environment := key.Environment
	p.line("warning: ", "without "+at.Location(key)+", deployments of stacks of environment "+environment+" that have roles are refused; existing roles keep their boundary")
	if len(accounts) > 0 {
		p.line("warning: ", "its overrides for these accounts are removed, too: "+strings.Join(accounts, ", "))
	}
	return p.confirm(ctx, environment, "type the name of the environment to remove it: ", boundary.Problem{
		What:   "removing environment " + environment + " has not been confirmed",
		Remedy: "pass --yes to remove it",
	})
}

// forget takes a removed environment out of the project.
func (p *pbm) forget(ctx context.Context, j *project, environment string, at *place) error {
	if p.dryRun || !j.means(environment, at) {
		return nil
	}
	if _, known := j.Environments[environment]; !known {
		return nil
	}
	err := p.edit(ctx, j, func(j *project) { delete(j.Environments, environment) })
	if err == nil {
		p.remember(ctx, j, func(confirmed map[string]access) { delete(confirmed, environment) })
	}
	return err
}
