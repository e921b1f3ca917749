package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
)

// An override is the boundary of an environment for one account. Commands that
// take --for-account are then about the override instead of the environment.

const forAccountName = "for-account"

// accountFlag is --for-account.
type accountFlag struct {
	id    string
	flags *pflag.FlagSet
}

func (f *accountFlag) register(flags *pflag.FlagSet, usage string) {
	f.flags = flags
	flags.StringVar(&f.id, forAccountName, "", usage)
}

func (f *accountFlag) check() error {
	if f.flags.Changed(forAccountName) && boundary.CheckAccountID(f.id) != nil {
		return usagef("--%s is not an account ID of 12 digits", forAccountName)
	}
	return nil
}

// namedKey returns the project, and the key of the environment that is named or
// current, or of its override.
func (p *pbm) namedKey(args []string, of accountFlag) (*project, boundary.Key, error) {
	if err := of.check(); err != nil {
		return nil, boundary.Key{}, err
	}
	j, environment, err := p.named(args)
	return j, boundary.Key{Environment: environment, Account: of.id}, err
}

// described names an environment, or the part of it that an override is for.
func described(key boundary.Key) string {
	if !key.IsOverride() {
		return "environment " + key.Environment
	}
	return "environment " + key.Environment + " in account " + key.Account
}

// readOverrides reads the overrides that an environment has, sorted by account.
func (at *place) readOverrides(ctx context.Context, environment string) ([]boundary.Record, error) {
	records, err := at.List(ctx)
	return slices.DeleteFunc(records, func(r boundary.Record) bool {
		return r.Key.Environment != environment || !r.Key.IsOverride()
	}), err
}

// accountsOf are the accounts that overrides are for.
func accountsOf(overrides []boundary.Record) []string {
	var accounts []string
	for _, r := range overrides {
		accounts = append(accounts, r.Key.Account)
	}
	return accounts
}

// overriddenIn are the accounts of the overrides in places.
func overriddenIn(all []*place) []string {
	var accounts []string
	for _, at := range all {
		accounts = append(accounts, accountsOf(at.overrides)...)
	}
	slices.Sort(accounts)
	return slices.Compact(accounts)
}

// knownOverrides are the overrides of an environment, none with a warning if they
// cannot be listed.
func (at *place) knownOverrides(ctx context.Context, environment string) []boundary.Record {
	overrides, err := at.readOverrides(ctx, environment)
	if err != nil {
		at.note("warning: ", "not known which accounts have an override: "+err.Error())
		at.note("hint: ", boundary.Remedy(err))
	}
	return overrides
}

// present reads the record that an update is about. An override need not exist,
// but its environment must; the record then has version 0.
func (at *place) present(ctx context.Context, key boundary.Key) (boundary.Record, error) {
	record, err := at.Get(ctx, key)
	if key.IsOverride() && errors.Is(err, boundary.ErrUnknown) {
		record = boundary.Record{Key: key}
		_, err = at.Get(ctx, key.Own())
	}
	if err != nil {
		return boundary.Record{}, at.orSpelled(ctx, key.Environment, err)
	}
	return record, nil
}

// warnOwn says what takes effect in an account without its override.
func (at *place) warnOwn(ctx context.Context, key boundary.Key) error {
	if !at.inAWS() {
		return nil
	}
	own, err := at.Get(ctx, key.Own())
	value := showValue(own.Text)
	switch {
	case errors.Is(err, boundary.ErrUnknown):
		at.note("warning: ", described(key.Own())+" has no boundary of its own, so deployments of its stacks in account "+key.Account+" that have roles are refused without the override")
	case err != nil:
		return err
	case value.Value == nil:
		at.note("warning: ", "the boundary of "+described(key.Own())+" is malformed, so deployments of its stacks in account "+key.Account+" that have roles are refused without the override")
	default:
		at.note("warning: ", "without the override, the next deployment of each stack of "+described(key)+" sets the boundary of the environment: "+*value.Value)
	}
	return nil
}

// removeAll deletes a value, and the overrides of an environment after its own
// value: if it fails halfway, no account falls back from its override to another
// boundary, and another run removes the rest.
func (at *place) removeAll(ctx context.Context, key boundary.Key) error {
	if at.record.Version != 0 {
		if err := at.Remove(ctx, key); err != nil {
			return err
		}
	}
	for _, r := range at.overrides {
		if err := at.Remove(ctx, r.Key); err != nil && !errors.Is(err, boundary.ErrUnknown) {
			return err
		}
		at.note("", "removed the override for account "+r.Key.Account+", which was "+showValue(r.Text).text())
	}
	return nil
}

// tellOverrides says which accounts a change of an environment does not reach.
func (p *pbm) tellOverrides(changed []*place) {
	if accounts := overriddenIn(changed); len(accounts) > 0 {
		p.line("", "accounts with an override keep their own boundary: "+strings.Join(accounts, ", "))
	}
}
