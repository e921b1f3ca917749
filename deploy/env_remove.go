package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
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
environment's own boundary then takes effect.

A target among several where the environment is gone already is skipped.
` + severalTargets,
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
	all, err := p.toWrite(ctx, j, environment)
	if err != nil {
		return err
	}
	if !key.IsOverride() {
		if err := mustNotBeCurrent(j, environment, all); err != nil {
			return err
		}
	}
	p.planRemove(ctx, all, key)
	if len(all) > 1 && len(working(all)) == len(all) && len(toChange(all)) == 0 {
		return boundary.Problem{What: described(key) + " is unknown in all targets", Kind: boundary.ErrUnknown}
	}
	if err := p.agree(ctx, environment, all, p.removal(key, toChange(all))); err != nil {
		return err
	}
	err = p.apply(ctx, all, key, boundary.Value{}, func(ctx context.Context, at *place) (boundary.Record, error) {
		return boundary.Record{}, at.removeAll(ctx, key)
	})
	if err != nil {
		return err
	}
	if !key.IsOverride() {
		if err := p.forget(ctx, j, environment, working(all)); err != nil {
			return err
		}
	}
	return p.completed(all)
}

// mustNotBeCurrent keeps the environment that is worked on, as Amplify does.
// One of its name elsewhere is another one, and one of its targets is not all
// of it.
func mustNotBeCurrent(j *project, environment string, all []*place) error {
	if j == nil || j.Current != environment {
		return nil
	}
	if how := j.access(environment); !slices.ContainsFunc(all, how.has) || len(how.without(all).Targets) > 0 {
		return nil
	}
	remedy := "make another environment the current one first: pbm env checkout NAME"
	if len(j.Environments) < 2 {
		remedy = "it is the project's only one: delete " + j.path + " first"
	}
	return boundary.Problem{What: fmt.Sprintf("environment %q is the current one of the project", environment), Remedy: remedy}
}

// without is the access with places left out.
func (a access) without(all []*place) access {
	a.Targets = slices.DeleteFunc(slices.Clone(a.Targets), func(t target) bool {
		return slices.ContainsFunc(all, func(at *place) bool { return at.isTarget(t) })
	})
	return a
}

// planRemove finds out what there is to remove. An earlier run may have left
// overrides without their environment, or some of several targets.
func (p *pbm) planRemove(ctx context.Context, all []*place, key boundary.Key) {
	each(ctx, p, all, func(ctx context.Context, at *place) (done, error) {
		var unknown, err error
		at.plan = removed
		if at.record, err = at.Get(ctx, key); errors.Is(err, boundary.ErrUnknown) {
			unknown, err = boundary.WithRemedy(err, "see what is there: "+at.command("pbm env list")), nil
		}
		if err == nil && !key.IsOverride() {
			at.overrides, err = at.readOverrides(ctx, key.Environment)
		}
		switch {
		case unknown != nil && len(at.overrides) == 0 && len(all) > 1:
			at.plan = unchanged
			return done{}, nil
		case unknown != nil && len(at.overrides) == 0:
			return done{}, at.orSpelled(ctx, key.Environment, unknown)
		case err == nil && key.IsOverride():
			err = at.warnOwn(ctx, key)
		}
		return done{}, err
	})
}

// removal says what stops working, and asks for the name of the environment.
func (p *pbm) removal(key boundary.Key, from []*place) *question {
	for _, file := range filesOf(from) {
		p.line("hint: ", "the macro does not read "+file+"; to remove this from SSM: "+paramstore.RemoveCommand(key)+" --store ssm")
	}
	if key.IsOverride() {
		return &question{key.Environment, "type the name of the environment to remove its override: ", boundary.Problem{
			What:   "removing the override of environment " + key.Environment + " for account " + key.Account + " has not been confirmed",
			Remedy: "pass --yes to remove it",
		}}
	}
	for _, at := range slices.DeleteFunc(slices.Clone(from), func(at *place) bool { return !at.inAWS() }) {
		p.line("warning: ", "without "+at.Location(key)+", deployments of stacks of environment "+key.Environment+" that have roles are refused; existing roles keep their boundary")
	}
	if accounts := overriddenIn(from); len(accounts) > 0 {
		p.line("warning: ", "its overrides for these accounts are removed, too: "+strings.Join(accounts, ", "))
	}
	return &question{key.Environment, "type the name of the environment to remove it: ", boundary.Problem{
		What:   "removing environment " + key.Environment + " has not been confirmed",
		Remedy: "pass --yes to remove it",
	}}
}

// forget takes the places of a removed environment out of the project.
func (p *pbm) forget(ctx context.Context, j *project, environment string, gone []*place) error {
	if p.dryRun || j == nil || len(gone) == 0 || !slices.ContainsFunc(gone, j.access(environment).has) {
		return nil
	}
	how, known := j.Environments[environment]
	if !known {
		return nil
	}
	expected, wasConfirmed := how.without(gone), j.isConfirmed(environment)
	err := p.edit(ctx, j, func(j *project) {
		how = j.Environments[environment].without(gone)
		if j.Environments[environment] = how; len(how.Targets) == 0 {
			delete(j.Environments, environment)
		}
	})
	if err != nil {
		return err
	}
	p.remember(ctx, j, func(confirmed map[string]access) {
		switch {
		case len(how.Targets) == 0:
			delete(confirmed, environment)
		case wasConfirmed && how.equals(expected):
			confirmed[environment] = how
		}
	})
	return nil
}
