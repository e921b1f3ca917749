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
	j, err := p.project()
	if err != nil {
		return boundary.Target{}, err
	}
	at, err := p.store.open(ctx, p.store.accessOf(j, o.environment))
	if err != nil {
		return boundary.Target{}, withoutAWS(err)
	}
	macro.Store = at
	if !at.inAWS() || o.account != "" {
		return boundary.TargetOf(o.account, cmp.Or(at.Region, local.Region)), nil
	}
	target, err := at.identify(ctx)
	return target, withoutAWS(err)
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
