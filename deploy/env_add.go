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

func (p *pbm) addCommand() *cobra.Command {
	var flag boundaryFlag
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "add an environment with its boundary",
		Long: `Add adds an environment with its boundary: the given one; else that of the
current environment, if it works in the new one; else it asks. In a project the
new environment becomes the current one.

A target among several that has exactly this boundary already is left as it is.
` + severalTargets,
		Example: `  pbm env add dev --permissions-boundary team/dev-boundary
  pbm env add sandbox --permissions-boundary ''
  pbm env add prod --profile prod-admin --region eu-west-1,us-east-1`,
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
	key := boundary.Key{Environment: environment}
	value, err := flag.value()
	if err != nil {
		return err
	}
	all, err := p.toWrite(ctx, j, environment)
	if err != nil {
		return err
	}
	p.readNew(ctx, all, key)
	if !flag.given() && len(working(all)) > 0 {
		if value, err = p.inherit(ctx, j, all, environment); err != nil {
			return err
		}
	}
	p.warnLimitless(value)
	p.planAdd(ctx, all, key, value)
	if accounts := overriddenIn(working(all)); len(accounts) > 0 {
		p.line("warning: ", "the store already has overrides of the environment for these accounts, which keep them: "+strings.Join(accounts, ", "))
	}
	if err := p.agree(ctx, environment, all, addedElsewhere(j, environment, working(all))); err != nil {
		return err
	}
	err = p.apply(ctx, all, key, value, func(ctx context.Context, at *place) (boundary.Record, error) {
		return at.Create(ctx, key, value)
	})
	if err != nil {
		return err
	}
	switch added := working(all); {
	case j == nil || len(added) == 0:
	case p.dryRun:
		p.tellWouldWrite(j)
	default:
		if err := p.enterAdded(ctx, j, environment, added); err != nil {
			return err
		}
	}
	p.tellWhen(key, all)
	return p.completed(all)
}

// readNew reads what places have of a new environment. One that the only place
// has already cannot be added.
func (p *pbm) readNew(ctx context.Context, all []*place, key boundary.Key) {
	each(ctx, p, all, func(ctx context.Context, at *place) (done, error) {
		var err error
		at.record, err = at.Get(ctx, key)
		switch {
		case errors.Is(err, boundary.ErrUnknown):
			return done{}, nil
		case err == nil && len(all) == 1:
			err = at.exists(key)
		}
		return done{}, err
	})
}

func (at *place) exists(key boundary.Key) error {
	problem := boundary.Problem{
		What:   fmt.Sprintf("environment %q already exists: %s", key.Environment, at.Location(key)),
		Remedy: at.command("change it: pbm env update "+key.Environment) + at.command("; or use it: "+at.project.use(key.Environment)),
		Kind:   boundary.ErrExists,
	}
	if at.by != nil && !at.inAWS() {
		problem.What += ", the store that " + fromWorkingDirectory(at.by.path) + " names"
		problem.Remedy += "; or add it in AWS, with --store ssm"
	}
	return problem
}

// planAdd compares what places have with the value that they are to get. Several
// targets may have it in part, as an earlier run left it.
func (p *pbm) planAdd(ctx context.Context, all []*place, key boundary.Key, value boundary.Value) {
	each(ctx, p, all, func(ctx context.Context, at *place) (done, error) {
		switch {
		case at.record.Version == 0:
			at.plan = created
			// Without the permission to list, nothing is known of a former environment.
			at.overrides, _ = at.readOverrides(ctx, key.Environment)
			return done{}, p.verify(ctx, at, key, value)
		case same(at.record, value):
			at.plan = unchanged
			return done{}, nil
		}
		return done{}, at.exists(key)
	})
}

// addedElsewhere asks about an environment that the project has, but in none of
// the places: it may be the wrong profile or Region.
func addedElsewhere(j *project, environment string, all []*place) *question {
	how := j.elsewhere(environment, all)
	if how.isEmpty() || len(all) == 0 {
		return nil
	}
	known := fmt.Sprintf("the project has environment %s elsewhere (%s)", environment, how)
	return &question{environment, known + "; type its name to add it here as well: ", boundary.Problem{
		What:   known + ", and adding it here as well has not been confirmed",
		Remedy: "leave out what names another place, or pass --yes to add it here as well",
	}}
}

// enterAdded enters an environment in the project, beside what the project has
// of it. A store outside of the project's directory is for whoever names it each
// time.
func (p *pbm) enterAdded(ctx context.Context, j *project, environment string, added []*place) error {
	how, err := j.entry(added)
	if err != nil {
		p.line("warning: ", "the project does not remember environment "+environment+": "+err.Error())
		p.line("hint: ", boundary.Remedy(err))
		return nil
	}
	old, known := j.Environments[environment]
	var moved access
	if old.Store != "" || how.Store != "" {
		moved = j.elsewhere(environment, added)
	}
	confirmed := added[0].confirmed && (!known || old.with(how).equals(how) || j.isConfirmed(environment))
	beside := func(present access) access { return present.with(how) }
	if err := p.enter(ctx, j, environment, beside, confirmed); err != nil {
		return err
	}
	p.tellEntered(j, environment, moved)
	return nil
}

// inherit returns the boundary of the current environment where it works in
// the new one, else what somebody answers.
func (p *pbm) inherit(ctx context.Context, j *project, all []*place, environment string) (boundary.Value, error) {
	from, err := current(j)
	if err != nil {
		return boundary.Value{}, err
	}
	if from == environment {
		if value, common := commonValue(all); common {
			p.line("", fmt.Sprintf("boundary %s is that of environment %s in its other targets", value, environment))
			return value, nil
		}
	}
	if from == "" || from == environment {
		return p.askNew(ctx, all, environment, "there is no other environment to inherit from")
	}
	value, err := p.boundaryOf(ctx, j, from)
	if errors.Is(err, boundary.ErrUnknown) || errors.Is(err, errMalformed) {
		p.line("warning: ", "nothing to inherit from the current environment: "+err.Error())
		return p.askNew(ctx, all, environment, "the current environment has no boundary that it could inherit")
	}
	if err != nil {
		return boundary.Value{}, fmt.Errorf("inherit from environment %s: %w", from, err)
	}
	switch err := p.verifyAll(ctx, all, boundary.Key{Environment: environment}, value); {
	case errors.Is(err, errUnusable):
		p.line("warning: ", fmt.Sprintf("the boundary of environment %s does not work in %s: %v", from, environment, err))
		return p.askNew(ctx, all, environment, "the boundary of the current environment does not work there")
	case err != nil:
		return boundary.Value{}, err
	case value.IsNone():
		p.line("", fmt.Sprintf("environment %s explicitly has no boundary, and so %s has none", from, environment))
	default:
		p.line("", fmt.Sprintf("boundary %s is inherited from environment %s", value, from))
	}
	hint := "to change it: pbm env update " + environment
	if len(all) == 1 {
		hint = all[0].command(hint)
	}
	p.line("hint: ", hint)
	return value, nil
}

// commonValue is the boundary value of an environment in all places that have
// it, if it is the same in all and not malformed.
func commonValue(all []*place) (value boundary.Value, common bool) {
	for _, at := range working(all) {
		if at.record.Version == 0 {
			continue
		}
		v, err := boundary.Parse(at.record.Text)
		if err != nil || common && v != value {
			return boundary.Value{}, false
		}
		value, common = v, true
	}
	return value, common
}

// askNew asks for the boundary of a new environment.
func (p *pbm) askNew(ctx context.Context, all []*place, environment, why string) (boundary.Value, error) {
	if !p.canAsk() {
		return boundary.Value{}, errNeedsBoundary(fmt.Sprintf("environment %s needs a boundary: %s", environment, why))
	}
	key := boundary.Key{Environment: environment}
	return p.askBoundary(ctx, key, nil, func(value boundary.Value) error { return p.verifyAll(ctx, all, key, value) })
}

// errMalformed is what errors wrap that say that a store holds no boundary
// value.
var errMalformed = errors.New("boundary value is malformed")

// correction is the command that replaces a malformed value.
func (at *place) correction(key boundary.Key) string {
	return at.command(paramstore.UpdateCommand(key))
}

// chooseKnown says where an environment is that another one inherits from:
// where the project has it. The flags are those of the new environment.
func (p *pbm) chooseKnown(j *project, environment string) (choice, error) {
	c := choice{access: p.store.given(), project: j}
	if j == nil {
		return c, nil
	}
	if _, known := j.Environments[environment]; !known {
		return c, nil
	}
	how := j.access(environment)
	if how.isEmpty() {
		if c.Store == "" {
			c.Targets = []target{{}}
		}
		return c, nil
	}
	if file, isFile := storeFile(how.Store); isFile {
		if _, err := j.keeps(file); err != nil {
			return c, err
		}
	}
	return choice{how, j, j}, nil
}

// boundaryOf reads the boundary of an environment where the project has it. Its
// targets must agree.
func (p *pbm) boundaryOf(ctx context.Context, j *project, environment string) (boundary.Value, error) {
	c, err := p.chooseKnown(j, environment)
	if err != nil {
		return boundary.Value{}, err
	}
	all, err := p.openChosen(ctx, c, environment)
	if err != nil {
		return boundary.Value{}, err
	}
	values := each(ctx, p, all, func(ctx context.Context, at *place) (boundary.Value, error) {
		return at.value(ctx, boundary.Key{Environment: environment})
	})
	if err := p.failed(all); err != nil {
		return boundary.Value{}, err
	}
	if slices.ContainsFunc(values, func(value boundary.Value) bool { return value != values[0] }) {
		return boundary.Value{}, errNeedsBoundary("its boundary is not the same in all of its targets")
	}
	return values[0], nil
}

// value reads a boundary.
func (at *place) value(ctx context.Context, key boundary.Key) (boundary.Value, error) {
	record, err := at.Get(ctx, key)
	if err != nil {
		return boundary.Value{}, err
	}
	value, err := boundary.Parse(record.Text)
	if err != nil {
		return boundary.Value{}, boundary.Problem{
			What:   at.Location(key) + " is malformed",
			Cause:  err,
			Remedy: "correct it: " + at.correction(key),
			Kind:   errMalformed,
		}
	}
	return value, nil
}
