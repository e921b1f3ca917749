package deploy

import (
	"cmp"
	"context"

	"permissions-boundary-macro/boundary"
)

// placeholderAccount stands for the account where neither AWS nor the boundary
// tells it. AWS documentation uses it, nobody has it.
const placeholderAccount = "123456789012"

// source is where the boundary of a stack comes from, and where the stack
// deploys to.
type source struct {
	store  boundary.Reader
	target boundary.Target
}

// sourceError is an error of finding or opening a source.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// sources are those of several templates: a project may have each environment
// in another place.
type sources struct {
	pbm     *pbm
	options transformOptions
	local   boundary.Target // where there is no AWS to ask; its account may be unknown
	given   *source         // of --permissions-boundary
	opened  map[string]source
}

func (p *pbm) sources(o transformOptions) (*sources, error) {
	s := &sources{pbm: p, options: o, local: boundary.TargetOf(o.account, p.store.localRegion()), opened: map[string]source{}}
	if !o.boundary.given() {
		return s, nil
	}
	value, err := o.boundary.value()
	s.given = &source{given{value: value}, s.local}
	return s, err
}

// of is the source of an environment. Nothing is read for a template that needs
// none.
func (s *sources) of(ctx context.Context, environment string) (source, error) {
	if s.given != nil {
		return *s.given, nil
	}
	if environment == "" {
		return source{given{value: sample}, s.local}, nil
	}
	if known, ok := s.opened[environment]; ok {
		return known, nil
	}
	at, err := s.pbm.openToTransform(ctx, s.options, environment)
	if err != nil {
		return source{}, sourceError{err}
	}
	found := source{at, boundary.TargetOf(s.options.account, cmp.Or(at.Region, s.local.Region))}
	if s.options.account == "" && at.inAWS() {
		found.target = *at.caller
	}
	s.opened[environment] = found
	return found, nil
}

// openToTransform opens the store that has an environment's boundary. It asks
// before it goes where only the project says, when the result may be deployed,
// and says where it goes.
func (p *pbm) openToTransform(ctx context.Context, o transformOptions, environment string) (*place, error) {
	var j *project
	if !p.store.isDecided() {
		var err error
		if j, err = p.project(); err != nil {
			return nil, err
		}
	}
	c, err := p.choose(j, environment)
	if err != nil {
		return nil, err
	}
	if c.by != nil && p.isDelivered(o) {
		if err := p.confirmProject(ctx, c.by, environment); err != nil {
			return nil, err
		}
	}
	at, err := p.open(ctx, c, environment)
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
	if remedy := boundary.Remedy(err); remedy != "" {
		return boundary.WithRemedy(err, remedy+"; without AWS: --permissions-boundary, or --store file:PATH with --environment")
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
		return boundary.Record{}, boundary.Problem{What: "environment " + environment + " is unknown", Kind: boundary.ErrUnknown}
	}
	return boundary.Record{Environment: environment, Text: g.value.String(), Version: 1}, nil
}

func (g given) Location(string) string { return "--permissions-boundary" }

func (g given) Correction(string) string { return "pass another one" }

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
