package deploy

import (
	"context"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) checkoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "checkout NAME",
		Short: "make an environment the current one of the project",
		Long: `Checkout makes an environment the project's current one: commands use it unless
you name another, and new environments inherit its boundary. The project
remembers its profile, Region and store.`,
		Annotations:       map[string]string{ignoresAnnotation: "yes"},
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE:              func(c *cobra.Command, args []string) error { return p.checkout(c.Context(), args[0]) },
	}
}

func (p *pbm) checkout(ctx context.Context, environment string) error {
	if err := checkName(environment); err != nil {
		return err
	}
	j, err := p.project()
	if err != nil {
		return err
	}
	if j == nil {
		return boundary.Problem{
			What:   "there is no project here, so there is no current environment",
			Remedy: "make one: pbm init; or name the environment in each command",
		}
	}
	at, err := p.toRead(ctx, j, environment)
	if err != nil {
		return err
	}
	old := j.movesFrom(environment, at.access)
	j.Current = environment
	e, err := at.look(ctx, j, boundary.Key{Environment: environment})
	if err != nil {
		return err
	}
	if p.dryRun {
		p.line("", "dry run: would make environment "+environment+" the current one")
		return p.showEnvironment(e)
	}
	if err := p.enter(ctx, j, environment, at); err != nil {
		return err
	}
	p.entered(environment, old, at.access)
	return p.showEnvironment(e)
}
