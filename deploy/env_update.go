package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) updateCommand() *cobra.Command {
	var flag boundaryFlag
	var of accountFlag
	var explain bool
	c := &cobra.Command{
		Use:   "update [NAME]",
		Short: "change the boundary of an environment",
		Long: `Update changes the boundary of an environment, by default of the current one.
Without --permissions-boundary it asks, and Enter keeps the present value. To
remove the boundary it asks for the name of the environment, or takes --yes.

If somebody else changes the environment at the same time, update says who, and
what the boundary is now.

With --for-account it sets a boundary that overrides the environment's own in
one account, so that a change can be tried there first.

With --explain it says what the change takes from the roles of each account that
have the present boundary, and asks, or takes --yes.

Of several targets it writes to those whose boundary differs.
` + severalTargets,
		Example: `  pbm env update dev --permissions-boundary team/dev-boundary-2
  pbm env update --permissions-boundary none --dry-run
  pbm env update dev --for-account 111122223333 --permissions-boundary team/new`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE:              func(c *cobra.Command, args []string) error { return p.update(c.Context(), args, of, flag, explain) },
	}
	flag.register(c.Flags(), "boundary: ARN, policy name, or '' for none")
	of.register(c.Flags(), "set the override for this account")
	c.Flags().BoolVar(&explain, "explain", false, "say what the change takes from roles, before it is made")
	p.registerNoVerify(c.Flags())
	return c
}

func (p *pbm) update(ctx context.Context, args []string, of accountFlag, flag boundaryFlag, explain bool) error {
	value, err := flag.value()
	if err != nil {
		return err
	}
	j, key, err := p.namedKey(args, of)
	if err != nil {
		return err
	}
	all, err := p.toWrite(ctx, j, key.Environment)
	if err != nil {
		return err
	}
	if explain {
		if err := checkExplained(all); err != nil {
			return err
		}
	}
	each(ctx, p, all, func(ctx context.Context, at *place) (done, error) {
		var err error
		at.record, err = at.present(ctx, key)
		return done{}, err
	})
	if !flag.given() && len(working(all)) > 0 {
		if value, err = p.askUpdate(ctx, all, key); err != nil {
			return err
		}
	}
	p.warnLimitless(value)
	p.planUpdate(ctx, all, key, value)
	if explain {
		if err := p.explainUpdate(ctx, all, key, value); err != nil {
			return err
		}
	}
	question := p.unbinding(key, all, value, flag)
	if explain && question == nil {
		question = explainedChange(key, value)
	}
	if err := p.agree(ctx, key.Environment, all, question); err != nil {
		return err
	}
	err = p.apply(ctx, all, key, value, func(ctx context.Context, at *place) (boundary.Record, error) {
		return at.put(ctx, key, value)
	})
	if err != nil {
		return err
	}
	p.tellWhen(key, all)
	p.tellOverrides(toChange(all))
	p.tellAudit(key, toChange(all))
	return p.completed(all)
}

// planUpdate finds out where the value differs, whether it works there, and which
// accounts an update does not reach.
func (p *pbm) planUpdate(ctx context.Context, all []*place, key boundary.Key, value boundary.Value) {
	each(ctx, p, all, func(ctx context.Context, at *place) (done, error) {
		if !key.IsOverride() {
			at.overrides = at.knownOverrides(ctx, key.Environment)
		}
		if at.planValue(value); at.plan == unchanged {
			return done{}, nil
		}
		return done{}, p.verify(ctx, at, key, value)
	})
}

// unbinding warns about an update that takes boundaries away, and asks for the
// name of the environment. To answer none to a question that names it is enough.
func (p *pbm) unbinding(key boundary.Key, all []*place, value boundary.Value, flag boundaryFlag) *question {
	if !value.IsNone() || len(toChange(all)) == 0 {
		return nil
	}
	p.warnNone(key, toChange(all))
	if !flag.given() {
		return nil
	}
	return &question{key.Environment, "type the name of the environment to remove its boundary: ", boundary.Problem{
		What:   "removing the boundary of " + described(key) + " has not been confirmed",
		Remedy: "pass --yes to remove it",
	}}
}

// askUpdate asks for the new boundary of an environment. What is there is
// kept by Enter, unless it is malformed or differs between targets.
func (p *pbm) askUpdate(ctx context.Context, all []*place, key boundary.Key) (boundary.Value, error) {
	if !p.canAsk() {
		return boundary.Value{}, errNeedsBoundary(fmt.Sprintf("no new boundary is given for %s", described(key)))
	}
	for _, at := range working(all) {
		if _, err := boundary.Parse(at.record.Text); err != nil && at.record.Version != 0 {
			p.line("warning: ", at.Location(key)+" is malformed: "+err.Error())
		}
	}
	var present *boundary.Value
	if value, common := commonValue(all); common {
		present = &value
	}
	return p.askBoundary(ctx, key, present, func(value boundary.Value) error {
		differing := slices.DeleteFunc(working(all), func(at *place) bool { return same(at.record, value) })
		return p.verifyAll(ctx, differing, key, value)
	})
}

func same(record boundary.Record, value boundary.Value) bool {
	present, err := boundary.Parse(record.Text)
	return err == nil && present == value
}
