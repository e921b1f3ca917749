package deploy

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) addCommand() *cobra.Command {
	var flag boundaryFlag
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "add an environment with its boundary",
		Long: `Add adds an environment with its boundary: the given one; else that of the
current environment, if it works in the new one; else it asks. In a project the
new environment becomes the current one.`,
		Example: `  pbm env add dev --permissions-boundary team/dev-boundary
  pbm env add sandbox --permissions-boundary ''
  pbm env add prod --profile prod-admin --region eu-west-1`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkName(args[0]); err != nil {
				return err
			}
			j, err := p.project()
			if err != nil {
				return err
			}
			return p.add(c.Context(), j, args[0], flag)
		},
	}
	flag.register(c.Flags(), "boundary: ARN, policy name, or '' for none")
	p.registerNoVerify(c.Flags())
	return c
}

func (p *pbm) add(ctx context.Context, j *project, environment string, flag boundaryFlag) error {
	c, at, err := p.addBoundary(ctx, j, environment, flag)
	if err != nil {
		return err
	}
	if err := p.show(c); err != nil {
		return err
	}
	if j != nil && !p.dryRun {
		if err := p.enterAdded(ctx, j, environment, at); err != nil {
			return err
		}
	}
	p.tellWhen(c)
	return nil
}

// enterAdded enters an environment in the project. A store outside of the
// project's directory is for whoever names it each time.
func (p *pbm) enterAdded(ctx context.Context, j *project, environment string, at *place) error {
	if _, err := j.entry(at); err != nil {
		p.line("warning: ", "the project does not remember environment "+environment+": "+err.Error())
		p.line("hint: ", boundary.Remedy(err))
		return nil
	}
	old := j.movesFrom(environment, at.access)
	if err := p.enter(ctx, j, environment, at); err != nil {
		return err
	}
	p.entered(environment, old, at.access)
	return nil
}

// addBoundary adds an environment to the store.
func (p *pbm) addBoundary(ctx context.Context, j *project, environment string, flag boundaryFlag) (change, *place, error) {
	given, err := flag.value()
	if err != nil {
		return change{}, nil, err
	}
	at, err := p.toWrite(ctx, j, environment)
	if err != nil {
		return change{}, nil, err
	}
	if err := mustBeNew(ctx, at, environment); err != nil {
		return change{}, nil, err
	}
	value := given
	if flag.given() {
		err = p.verify(ctx, at, boundary.Key{Environment: environment}, value)
	} else {
		value, err = p.inherit(ctx, j, at, environment)
	}
	if err != nil {
		return change{}, nil, err
	}
	c, err := p.create(ctx, at, boundary.Key{Environment: environment}, value)
	return c, at, err
}

// mustBeNew finds out before any question, and in dry runs, what the store
// would say of a write.
func mustBeNew(ctx context.Context, at *place, environment string) error {
	switch _, err := at.Get(ctx, boundary.Key{Environment: environment}); {
	case err == nil:
		return boundary.Problem{
			What:   fmt.Sprintf("environment %q already exists: %s", environment, at.Location(boundary.Key{Environment: environment})),
			Remedy: at.command("change it: pbm env update "+environment) + at.command("; or use it: pbm env checkout "+environment),
			Kind:   boundary.ErrExists,
		}
	case errors.Is(err, boundary.ErrUnknown):
		return nil
	default:
		return err
	}
}

// inherit returns the boundary of the current environment where it works in
// the new one, else what somebody answers.
func (p *pbm) inherit(ctx context.Context, j *project, at *place, environment string) (boundary.Value, error) {
	from, err := current(j)
	if err != nil {
		return boundary.Value{}, err
	}
	if from == "" || from == environment {
		return p.askNew(ctx, at, environment, "there is no other environment to inherit from")
	}
	value, err := p.boundaryOf(ctx, j, from)
	if errors.Is(err, boundary.ErrUnknown) || errors.Is(err, errMalformed) {
		p.line("warning: ", "nothing to inherit from the current environment: "+err.Error())
		return p.askNew(ctx, at, environment, "the current environment has no boundary that it could inherit")
	}
	if err != nil {
		return boundary.Value{}, fmt.Errorf("inherit from environment %s: %w", from, err)
	}
	switch err := p.verify(ctx, at, boundary.Key{Environment: environment}, value); {
	case errors.Is(err, errUnusable):
		p.line("warning: ", fmt.Sprintf("the boundary of environment %s does not work in %s: %v", from, environment, err))
		return p.askNew(ctx, at, environment, "the boundary of the current environment does not work there")
	case err != nil:
		return boundary.Value{}, err
	case value.IsNone():
		p.line("", fmt.Sprintf("environment %s explicitly has no boundary, and so %s has none", from, environment))
	default:
		p.line("", fmt.Sprintf("boundary %s is inherited from environment %s", value, from))
	}
	p.line("hint: ", at.command("to change it: pbm env update "+environment))
	return value, nil
}

// askNew asks for the boundary of a new environment.
func (p *pbm) askNew(ctx context.Context, at *place, environment, why string) (boundary.Value, error) {
	if !p.canAsk() {
		return boundary.Value{}, errNeedsBoundary(fmt.Sprintf("environment %s needs a boundary: %s", environment, why))
	}
	return p.askBoundary(ctx, boundary.Key{Environment: environment}, nil, func(value boundary.Value) error {
		return p.verify(ctx, at, boundary.Key{Environment: environment}, value)
	})
}

// errMalformed is what errors wrap that say that a store holds no boundary
// value.
var errMalformed = errors.New("boundary value is malformed")

// correction is the command that replaces a malformed value.
func (at *place) correction(key boundary.Key) string {
	return at.command("pbm env update " + arguments(key))
}

// chooseKnown says where an environment is that another one inherits from:
// where the project has it. The flags are those of the new environment.
func (p *pbm) chooseKnown(j *project, environment string) (choice, error) {
	c := choice{access: p.store.access}
	if j == nil {
		return c, nil
	}
	if _, known := j.Environments[environment]; !known {
		return c, nil
	}
	how := j.access(environment)
	if how == (access{}) {
		return choice{access: access{Store: c.Store}}, nil
	}
	if file, isFile := storeFile(how.Store); isFile {
		if _, err := j.keeps(file); err != nil {
			return c, err
		}
	}
	return choice{how, j}, nil
}

// boundaryOf reads the boundary of an environment where the project has it.
func (p *pbm) boundaryOf(ctx context.Context, j *project, environment string) (boundary.Value, error) {
	c, err := p.chooseKnown(j, environment)
	if err != nil {
		return boundary.Value{}, err
	}
	at, err := p.openChosen(ctx, c, environment)
	if err != nil {
		return boundary.Value{}, err
	}
	record, err := at.Get(ctx, boundary.Key{Environment: environment})
	if err != nil {
		return boundary.Value{}, err
	}
	value, err := boundary.Parse(record.Text)
	if err != nil {
		return boundary.Value{}, boundary.Problem{
			What:   at.Location(boundary.Key{Environment: environment}) + " is malformed",
			Cause:  err,
			Remedy: "correct it: " + at.correction(record.Key),
			Kind:   errMalformed,
		}
	}
	return value, nil
}
