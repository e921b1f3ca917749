package deploy

import (
	"cmp"
	"context"
	"errors"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
)

// placeholderAccount stands for the account where neither AWS nor the boundary
// tells it. AWS documentation uses it, nobody has it.
const placeholderAccount = "123456789012"

// source sets the macro's store, and returns where the template deploys to.
func (p *pbm) source(ctx context.Context, o transformOptions, macro *transform.Macro) (boundary.Target, error) {
	local := boundary.TargetOf(o.account, p.store.localRegion())
	if o.boundary.given() {
		value, err := o.boundary.value()
		if err != nil {
			return boundary.Target{}, err
		}
		macro.Store = given{value: value}
		macro.Options.AnyEnvironment = true
		return local, nil
	}
	at, err := p.openToTransform(ctx, o)
	if err != nil {
		return boundary.Target{}, err
	}
	macro.Store = at
	if o.account == "" && at.inAWS() {
		return *at.caller, nil
	}
	return boundary.TargetOf(o.account, cmp.Or(at.Region, local.Region)), nil
}

// openToTransform opens the store that boundaries are read from. It asks before
// it goes where only the project says, when the result may be deployed, and
// says where it goes.
func (p *pbm) openToTransform(ctx context.Context, o transformOptions) (*place, error) {
	var j *project
	if !p.store.isDecided() {
		var err error
		if j, err = p.project(); err != nil {
			return nil, err
		}
	}
	c, err := p.choose(j, o.environment)
	if err != nil {
		return nil, err
	}
	if c.by != nil && p.isDelivered(o) {
		if err := p.confirmProject(ctx, c.by, o.environment); err != nil {
			return nil, err
		}
	}
	at, err := p.open(ctx, c, o.environment)
	if err != nil {
		return nil, withoutAWS(err)
	}
	if at.inAWS() {
		// With --account, that of the store is only told.
		if _, err := at.identify(ctx); err != nil && o.account == "" {
			return nil, withoutAWS(err)
		}
	}
	p.tellPlace(at)
	return at, nil
}

// isDelivered reports whether the result goes where it may be deployed from,
// and not only to somebody who looks at it.
func (p *pbm) isDelivered(o transformOptions) bool {
	return !o.diff && !o.check && (o.inPlace || p.toFile(o) || !isTerminal(p.stdout))
}

// withoutAWS adds to the remedy of an error that pbm transform can do without
// AWS.
func withoutAWS(err error) error {
	if problem, ok := errors.AsType[*boundary.Problem](err); ok {
		problem.Remedy += "; without AWS: --permissions-boundary, or --store file:PATH with --environment"
	}
	return err
}

// given is a store that has one boundary for any environment, or for only one.
type given struct {
	value boundary.Value
	only  string
}

func (g given) Get(_ context.Context, environment string) (boundary.Record, error) {
	if g.only != "" && environment != g.only {
		return boundary.Record{}, &boundary.Problem{What: "environment " + environment + " is unknown", Kind: boundary.ErrUnknown}
	}
	return boundary.Record{Environment: environment, Text: g.value.String(), Version: 1}, nil
}

func (g given) Location(string) string { return "--permissions-boundary" }

func (g given) Correction(string) string { return "give another one" }

// noting is a store that remembers what was read of it.
type noting struct {
	boundary.Reader
	text string
}

func (n *noting) Get(ctx context.Context, environment string) (boundary.Record, error) {
	record, err := n.Reader.Get(ctx, environment)
	n.text = record.Text
	if at, isPlace := n.Reader.(*place); isPlace && err != nil {
		err = at.orSpelled(ctx, environment, err)
	}
	return record, err
}
