package deploy

import (
	"cmp"
	"context"
	"strings"

	"permissions-boundary-macro/boundary"
)

// placeholderAccount stands for the account where neither AWS nor the boundary
// tells it. AWS documentation uses it, nobody has it.
const placeholderAccount = "123456789012"

// source is the store that has the boundary of an environment, and where the
// stack deploys to. It reads each value once.
type source struct {
	boundary.Reader
	target boundary.Target
	own    bool // the account is not known, or not the only one, so no override takes effect
	read   map[boundary.Key]reading
	failed bool // something could not be read, or is malformed
}

type reading struct {
	record boundary.Record
	err    error
}

func (s *source) Effective(ctx context.Context, key boundary.Key) (boundary.Record, error) {
	if s.own {
		key = key.Own()
	}
	if known, ok := s.read[key]; ok {
		return known.record, known.err
	}
	record, err := s.Reader.Effective(ctx, key)
	if at, isPlace := s.Reader.(*place); isPlace && err != nil {
		err = at.orSpelled(ctx, key.Environment, err)
	}
	if s.read == nil {
		s.read = map[boundary.Key]reading{}
	}
	s.read[key] = reading{record, err}
	_, malformed := boundary.Parse(record.Text)
	s.failed = s.failed || err != nil || malformed != nil
	return record, err
}

// value is the boundary of an environment, none if it cannot be read: the macro
// says so, if it needs it.
func (s *source) value(ctx context.Context, environment string) boundary.Value {
	record, _ := s.Effective(ctx, boundary.Key{Environment: environment})
	value, _ := boundary.Parse(record.Text)
	return value
}

// openError is an error of opening the store of an environment.
type openError struct{ error }

func (e openError) Unwrap() error { return e.error }

// source returns the source of an environment: a project may have each in
// another place. Nothing is read for a template that needs none.
func (r *transformRun) source(ctx context.Context, environment string) (*source, error) {
	if r.given != nil {
		return r.given, nil
	}
	if environment == "" {
		return &source{Reader: given{value: sample}, target: r.local}, nil
	}
	if known, ok := r.opened[environment]; ok {
		return known, nil
	}
	at, err := r.openStore(ctx, environment)
	if err != nil {
		return nil, openError{err}
	}
	found := &source{Reader: at, target: boundary.TargetOf(r.account, cmp.Or(at.Region, r.local.Region))}
	if r.account == "" && at.inAWS() {
		found.target = *at.caller
	}
	found.own = r.portable || found.target.AccountID == ""
	if found.own && !r.portable {
		r.warnOverrides(ctx, at, environment)
	}
	r.opened[environment] = found
	return found, nil
}

// warnOverrides names the overrides of which one may take effect in an account that
// is not known.
func (r *transformRun) warnOverrides(ctx context.Context, at *place, environment string) {
	// An error is one of reading the store, which is told when the boundary is read.
	overrides, _ := at.readOverrides(ctx, environment)
	if accounts := accountsOf(overrides); len(accounts) > 0 {
		r.line("warning: ", "the account is not known, so the overrides of environment "+environment+" are not used: "+strings.Join(accounts, ", "))
		r.line("hint: ", "pass --account")
	}
}

// openStore opens the store that has an environment's boundary. It asks
// before it goes where only the project says, when the result may be deployed,
// and says where it goes.
func (r *transformRun) openStore(ctx context.Context, environment string) (*place, error) {
	var j *project
	if !r.store.isDecided() {
		var err error
		if j, err = r.project(); err != nil {
			return nil, err
		}
	}
	c, err := r.choose(j, environment)
	if err != nil {
		return nil, err
	}
	if c.by != nil && r.isDelivered() {
		if err := r.confirmProject(ctx, c.by, environment); err != nil {
			return nil, err
		}
	}
	r.noVerify = r.account != "" // then that of the store is only told
	at, err := r.openOnly(ctx, c, environment, r.account)
	if err != nil {
		return nil, withoutAWS(err, givenOffline)
	}
	if at.inAWS() {
		if _, err := at.identify(ctx); err != nil && r.account == "" {
			return nil, withoutAWS(err, givenOffline)
		}
	}
	r.tellPlace(at)
	return at, nil
}

// isDelivered reports whether the result goes where it may be deployed from,
// and not only to somebody who looks at it.
func (r *transformRun) isDelivered() bool {
	return !r.diff && !r.checkOnly && (r.inPlace || r.toFile() || !isTerminal(r.stdout))
}

// givenOffline are the flags that name a boundary without AWS.
const givenOffline = "--permissions-boundary, or --store file:PATH with --environment"

// withoutAWS adds to the remedy of an error which flags make a command do without
// AWS.
func withoutAWS(err error, flags string) error {
	if remedy := boundary.Remedy(err); remedy != "" {
		return boundary.WithRemedy(err, remedy+"; without AWS: "+flags)
	}
	return err
}

// given is a store that has one boundary for any environment, or for only one.
type given struct {
	value boundary.Value
	only  string
}

func (g given) Effective(_ context.Context, key boundary.Key) (boundary.Record, error) {
	if g.only != "" && key.Environment != g.only {
		return boundary.Record{}, boundary.Problem{What: key.Own().Describe() + " is unknown", Kind: boundary.ErrUnknown}
	}
	return boundary.Record{Key: key.Own(), Text: g.value.String(), Version: 1}, nil
}

func (g given) Location(boundary.Key) string { return "--permissions-boundary" }

func (g given) Correction(boundary.Key) string { return "pass another one" }
