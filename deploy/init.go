package deploy

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) initCommand() *cobra.Command {
	var flag boundaryFlag
	c := &cobra.Command{
		Use:   "init [NAME]",
		Short: "start a project, with its first environment",
		Long: `Init writes ` + projectFile + ` into the working directory. It remembers the current
environment, and where each is: its accounts and Regions, or its store. With --permissions-boundary
it also adds the environment to the store; without it, an existing environment
becomes the current one.

In a directory that already has a project, init NAME does what env add does.`,
		Example: `  pbm init dev --permissions-boundary team/dev-boundary
  pbm init dev --profile dev-admin --region eu-west-1`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return p.init(c.Context(), first(args), len(args) > 0, flag)
		},
	}
	flag.register(c.Flags(), "boundary of the environment: ARN, policy name, or '' for none")
	p.store.registerTargets(c.Flags())
	p.registerNoVerify(c.Flags())
	return c
}

func (p *pbm) init(ctx context.Context, environment string, isNamed bool, flag boundaryFlag) error {
	if isNamed {
		if err := checkName(environment); err != nil {
			return err
		}
	} else if flag.given() {
		return usagef("--%s needs the name of an environment: pbm init NAME", boundaryFlagName)
	}
	j, err := p.project()
	switch {
	case err != nil:
		return err
	case j != nil && isNamed:
		return p.add(ctx, j, environment, flag)
	case j != nil:
		return boundary.Problem{What: "there is already a project: " + j.path, Remedy: "add an environment to it: pbm env add NAME"}
	}
	if j, err = newProject(); err != nil {
		return err
	}
	switch {
	case !isNamed:
		return p.initEmpty(ctx, j)
	case flag.given():
		if file, isFile := storeFile(p.store.store); isFile {
			if _, err := j.keeps(file); err != nil {
				return err
			}
		}
		return p.add(ctx, j, environment, flag)
	}
	return p.initEntered(ctx, j, environment)
}

func newProject() (*project, error) {
	dir, err := workingDirectory()
	if err != nil {
		return nil, err
	}
	return &project{path: filepath.Join(dir, projectFile), isNew: true}, nil
}

// initEmpty makes a project without environments.
func (p *pbm) initEmpty(ctx context.Context, j *project) error {
	if p.dryRun {
		p.tellWouldWrite(j)
	} else if err := p.edit(ctx, j, func(*project) {}); err != nil {
		return err
	}
	p.line("hint: ", "add an environment: pbm env add NAME; or use an existing one: pbm env checkout NAME")
	return nil
}

// initEntered makes a project whose first environment is in the store, or will be.
// As with Amplify, init stores nothing and asks nothing without the flag.
func (p *pbm) initEntered(ctx context.Context, j *project, environment string) error {
	all, err := p.toRead(ctx, j, environment)
	if err != nil {
		return err
	}
	j.Current = environment
	key := boundary.Key{Environment: environment}
	read := each(ctx, p, all, func(ctx context.Context, at *place) (environmentResult, error) {
		e, err := at.look(ctx, j, key)
		if errors.Is(err, boundary.ErrUnknown) {
			err = nil
		}
		return e, err
	})
	if err := p.failed(all); err != nil {
		return err
	}
	how, err := j.entry(all)
	if err != nil {
		return err
	}
	if p.dryRun {
		p.tellWouldWrite(j)
	} else {
		if err := p.enter(ctx, j, environment, how.always, all[0].confirmed); err != nil {
			return err
		}
		p.tellEntered(j, environment, access{})
	}
	if !slices.ContainsFunc(read, func(e environmentResult) bool { return e.Version == 0 }) {
		return p.showEnvironment(key, all, read)
	}
	warning := "environment " + environment + " has no boundary yet"
	if slices.ContainsFunc(all, (*place).inAWS) {
		warning += ", so deployments of its stacks that have roles are refused"
	}
	p.line("warning: ", warning)
	p.line("hint: ", "add it: pbm env add "+environment+" --"+boundaryFlagName+" ARN")
	return nil
}

// tellWouldWrite says that a dry run would start a project.
func (p *pbm) tellWouldWrite(j *project) {
	if j.isNew {
		p.line("", "dry run: would write "+fromWorkingDirectory(j.path))
	}
}
