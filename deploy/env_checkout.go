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
remembers its targets, or its store: those that flags name take the place of all
that it had. The environment must exist in each.`,
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
	all, err := p.toRead(ctx, j, environment)
	if err != nil {
		return err
	}
	j.Current = environment
	key := boundary.Key{Environment: environment}
	read := each(ctx, p, all, func(ctx context.Context, at *place) (environmentResult, error) { return at.look(ctx, j, key) })
	if err := p.failed(all); err != nil {
		return err
	}
	if p.dryRun {
		p.line("", "dry run: would make environment "+environment+" the current one")
		return p.showEnvironment(key, all, read)
	}
	how, err := j.entry(all)
	if err != nil {
		return err
	}
	old := j.elsewhere(environment, all)
	if err := p.enter(ctx, j, environment, how.always, all[0].confirmed); err != nil {
		return err
	}
	p.tellEntered(j, environment, old)
	return p.showEnvironment(key, all, read)
}
