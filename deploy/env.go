package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) envCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "env",
		Short: "manage environments and their boundaries",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	p.store.registerTargets(c.PersistentFlags())
	c.AddCommand(
		p.addCommand(),
		p.updateCommand(),
		p.listCommand(),
		p.getCommand(),
		p.historyCommand(),
		p.checkoutCommand(),
		p.removeCommand(),
		p.exportCommand(),
		p.importCommand(),
	)
	return c
}

// project reads the project of the working directory, nil if there is none.
func (p *pbm) project() (*project, error) {
	dir, err := workingDirectory()
	if err != nil {
		return nil, err
	}
	return findProject(dir)
}

// current is the environment that commands are about when none is named. A
// variable goes before the project.
func current(j *project) (string, error) {
	if name := os.Getenv("PBM_ENVIRONMENT"); name != "" {
		if err := boundary.CheckEnvironment(name); err != nil {
			return "", usagef("PBM_ENVIRONMENT: %w", err)
		}
		return name, nil
	}
	if j == nil {
		return "", nil
	}
	return j.Current, nil
}

// checkName refuses what cannot be the name of an environment.
func checkName(name string) error {
	if err := boundary.CheckEnvironment(name); err != nil {
		return usagef("environment %q: %w", clipped(name), err)
	}
	return nil
}

// named returns the project, and the environment that is named or current.
func (p *pbm) named(args []string) (*project, string, error) {
	if len(args) > 0 {
		if err := checkName(args[0]); err != nil {
			return nil, "", err
		}
	}
	j, err := p.project()
	if err != nil || len(args) > 0 {
		return j, first(args), err
	}
	name, err := current(j)
	if err == nil && name == "" {
		err = &usageError{boundary.Problem{
			What:   "no environment is named, and there is no current one",
			Remedy: "name it, set PBM_ENVIRONMENT, or make it the current one: " + j.use("NAME"),
		}}
	}
	return j, name, err
}

// orSpelled is the error of an environment that a store does not have. Where it
// has one that differs only in case, to add another is hardly what is meant.
func (at *place) orSpelled(ctx context.Context, environment string, err error) error {
	problem, ok := errors.AsType[boundary.Problem](err)
	if !ok || problem.Kind != boundary.ErrUnknown {
		return err
	}
	if how := at.project.elsewhere(environment, []*place{at}); !how.isEmpty() {
		return boundary.WithRemedy(err, fmt.Sprintf("the project has environment %s elsewhere (%s); leave out what names another place", environment, how))
	}
	records, failed := at.List(ctx)
	if failed != nil {
		return err // which says enough
	}
	for _, r := range records {
		if r.Key.Environment != environment && strings.EqualFold(r.Key.Environment, environment) {
			return boundary.WithRemedy(err, "did you mean "+r.Key.Environment+"? the names of environments are case-sensitive")
		}
	}
	return err
}

// severalTargets is help on commands that write.
const severalTargets = `
All targets are opened and read before the first is written to. If one of them
fails, nothing is written to the others unless you agree to that, or pass --yes;
the same command, run again, then completes the rest.`

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
