package deploy

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) updateCommand() *cobra.Command {
	var flag boundaryFlag
	var of accountFlag
	c := &cobra.Command{
		Use:   "update [NAME]",
		Short: "change the boundary of an environment",
		Long: `Update changes the boundary of an environment, by default of the current one.
Without --permissions-boundary it asks, and Enter keeps the present value. To
remove the boundary of the current environment, name it, or pass --yes.

If somebody else changes the environment at the same time, update says who, and
what the boundary is now.

With --for-account it sets a boundary that overrides the environment's own in
one account, so that a change can be tried there first.`,
		Example: `  pbm env update dev --permissions-boundary team/dev-boundary-2
  pbm env update --permissions-boundary none --dry-run
  pbm env update dev --for-account 111122223333 --permissions-boundary team/new`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE:              func(c *cobra.Command, args []string) error { return p.update(c.Context(), args, of, flag) },
	}
	flag.register(c.Flags(), "boundary: ARN, policy name, or '' for none")
	of.register(c.Flags(), "set the override for this account")
	p.registerNoVerify(c.Flags())
	return c
}

func (p *pbm) update(ctx context.Context, args []string, of accountFlag, flag boundaryFlag) error {
	given, err := flag.value()
	if err != nil {
		return err
	}
	j, key, err := p.namedKey(args, of)
	if err != nil {
		return err
	}
	at, err := p.toWrite(ctx, j, key.Environment)
	if err != nil {
		return err
	}
	record, err := at.present(ctx, key)
	if err != nil {
		return err
	}
	value := given
	if !flag.given() {
		if value, err = p.askUpdate(ctx, at, record); err != nil {
			return err
		}
	}
	if value.IsNone() && !same(record, value) {
		p.line("warning: ", "with none, the next deployment of each stack of "+described(key)+" removes the boundary from its roles")
		// Whoever names the environment, or answers a question that does, means it.
		if flag.given() && isImplied(args) {
			if err := p.confirmNone(ctx, key); err != nil {
				return err
			}
		}
	}
	c, err := p.updateBoundary(ctx, at, record, value)
	if err != nil {
		return err
	}
	if !key.IsOverride() {
		c.OverriddenIn = accountsOf(p.knownOverrides(ctx, at, key.Environment))
	}
	if err := p.show(c); err != nil {
		return err
	}
	if c.Action != unchanged {
		p.tellWhen(c)
		p.tellOverrides(c.OverriddenIn)
	}
	return nil
}

// isImplied reports whether only the project says which environment is meant.
func isImplied(args []string) bool { return len(args) == 0 && os.Getenv("PBM_ENVIRONMENT") == "" }

// confirmNone has the name of an environment typed that nobody has named.
func (p *pbm) confirmNone(ctx context.Context, key boundary.Key) error {
	return p.confirm(ctx, key.Environment, "type the name of the environment to remove its boundary: ", boundary.Problem{
		What:   "removing the boundary of " + described(key) + " has not been confirmed",
		Remedy: "name the environment, or pass --yes",
	})
}

// updateBoundary writes a value over a record unless it is there already.
func (p *pbm) updateBoundary(ctx context.Context, at *place, record boundary.Record, value boundary.Value) (change, error) {
	if same(record, value) {
		return change{
			Environment: record.Key.Environment,
			ForAccount:  record.Key.Account,
			Action:      unchanged,
			DryRun:      p.dryRun,
			shown:       showValue(record.Text),
			Previous:    showValue(record.Text).Value,
			Version:     record.Version,
			location:    at.location(record.Key),
		}, nil
	}
	if err := p.verify(ctx, at, record.Key, value); err != nil {
		return change{}, err
	}
	if record.Version == 0 {
		return p.create(ctx, at, record.Key, value)
	}
	return p.apply(at, updated, record.Key, value, record, func() (boundary.Record, error) {
		return at.Update(ctx, record.Key, value, record.Version)
	})
}

// askUpdate asks for the new boundary of an environment. What is there is
// kept by Enter, unless it is malformed.
func (p *pbm) askUpdate(ctx context.Context, at *place, record boundary.Record) (boundary.Value, error) {
	if !p.canAsk() {
		return boundary.Value{}, errNeedsBoundary(fmt.Sprintf("no new boundary is given for %s", described(record.Key)))
	}
	var present *boundary.Value
	if value, err := boundary.Parse(record.Text); err == nil {
		present = &value
	} else if record.Version != 0 {
		p.line("warning: ", at.Location(record.Key)+" is malformed: "+err.Error())
	}
	return p.askBoundary(ctx, record.Key, present, func(value boundary.Value) error {
		if same(record, value) {
			return nil
		}
		return p.verify(ctx, at, record.Key, value)
	})
}

func same(record boundary.Record, value boundary.Value) bool {
	present, err := boundary.Parse(record.Text)
	return err == nil && present == value
}
