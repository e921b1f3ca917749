package deploy

import (
	"context"
	"slices"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/guard"
)

// guardScope reads the boundary values that flags or the project lead to.
func (p *pbm) guardScope(ctx context.Context, o guardOptions) (guard.Scope, error) {
	s := guard.Scope{Name: o.environment, Account: o.account, Exempt: o.exempt, Prefix: p.store.prefix, Stack: o.stack}
	for _, text := range o.also {
		value, err := parseBoundary(text)
		if err != nil {
			return s, err
		}
		if value.IsNone() {
			return s, usagef("%s names no boundary", spelling(o.flags, "also"))
		}
		if isOfOther(value, o.account) {
			return s, usagef("%s %s is a policy of account %s, and %s is %s",
				spelling(o.flags, "also"), clipped(text), value.AccountID(), spelling(o.flags, "account"), o.account)
		}
		s.Values = append(s.Values, guard.Value{Value: value})
	}
	places, err := p.placesOf(ctx, o.environment)
	if err != nil {
		return s, err
	}
	if only := places[0]; len(places) == 1 && only.inAWS() && only.failure != nil {
		return s, withoutAWS(only.failure, "--store file:PATH")
	}
	values := each(ctx, p, places, func(ctx context.Context, at *place) (guardValues, error) {
		return at.guardValues(ctx, o)
	})
	if err := p.failed(places); err != nil {
		return s, err
	}
	for _, v := range values {
		s.Values = append(s.Values, v.counting...)
		s.Others = append(s.Others, v.others...)
	}
	s.FunctionAccount = onlyAccount(places)
	return s, nil
}

// guardValues are the boundaries of a store that count: all, or those of one
// environment, and then the others.
type guardValues struct{ counting, others []guard.Value }

func (at *place) guardValues(ctx context.Context, o guardOptions) (guardValues, error) {
	var values guardValues
	if err := at.mustExist(); err != nil {
		return values, err
	}
	records, err := at.List(ctx)
	if err != nil {
		return values, err
	}
	isOther := func(r boundary.Record) bool { return o.environment != "" && r.Key.Environment != o.environment }
	if o.environment != "" && !slices.ContainsFunc(records, func(r boundary.Record) bool { return !isOther(r) }) {
		_, err := at.Get(ctx, boundary.Key{Environment: o.environment}) // says that there is none
		return values, at.orSpelled(ctx, o.environment, err)
	}
	for _, r := range records {
		if !takesEffect(records, r.Key, o.account) {
			continue
		}
		value, err := boundary.Parse(r.Text)
		if isOther(r) {
			if err == nil && !value.IsNone() {
				values.others = append(values.others, guard.Value{Value: value, Account: r.Key.Account})
			}
			continue
		}
		if err != nil {
			return values, boundary.Problem{What: "the value of " + r.Key.Describe() + " is malformed", Cause: err, Remedy: at.Correction(r.Key)}
		}
		switch {
		case !value.IsNone() && isOfOther(value, o.account):
			at.note("", r.Key.Describe()+" is left out: its boundary is a policy of account "+value.AccountID())
		case !value.IsNone():
			values.counting = append(values.counting, guard.Value{Value: value, Account: r.Key.Account})
		case o.environment != "":
			return values, boundary.Problem{What: r.Key.Describe() + " has no boundary (none), so there is none to require of its roles", Remedy: unlimitedRemedy}
		default:
			at.note("warning: ", r.Key.Describe()+" has no boundary (none), and is left out: its roles, which have none, are refused")
			at.note("hint: ", unlimitedRemedy)
		}
	}
	return values, nil
}

const unlimitedRemedy = "give it a boundary that permits everything, or keep what is written away from its accounts; see docs/guarding.md"

// isOfOther reports whether roles of an account cannot have a boundary.
func isOfOther(value boundary.Value, account string) bool {
	of := value.AccountID()
	return account != "" && of != "" && of != account
}

// takesEffect reports whether a value takes effect in an account, or in any if the
// account is empty.
func takesEffect(records []boundary.Record, key boundary.Key, account string) bool {
	switch {
	case account == "":
		return true
	case key.IsOverride():
		return key.Account == account
	}
	override := boundary.Key{Environment: key.Environment, Account: account}
	return !slices.ContainsFunc(records, func(r boundary.Record) bool { return r.Key == override })
}

// onlyAccount is the account that all places are in, or empty.
func onlyAccount(places []*place) string {
	account := places[0].account()
	if slices.ContainsFunc(places, func(at *place) bool { return at.account() != account }) {
		return ""
	}
	return account
}
