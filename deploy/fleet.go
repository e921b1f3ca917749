package deploy

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/transform"
)

// fleetOptions are the flags of commands that read what is live: of which accounts,
// Regions and stacks, and how.
type fleetOptions struct {
	macroOptions
	scope       auditScope
	environment string
	stack       string
	maxAge      time.Duration
	fresh       bool
	rate        float64
}

// register registers the flags. The role is the one that is assumed in accounts by
// default.
func (o *fleetOptions) register(flags *pflag.FlagSet, store *storeOptions, role string) {
	o.scope.register(flags, role)
	store.registerTargets(flags)
	flags.StringVar(&o.stack, "stack", "", "only stacks whose names match this pattern, such as 'shop-*'")
	flags.DurationVar(&o.maxAge, "max-age", 24*time.Hour, "reuse what was read of stacks in this time, such as 72h")
	flags.BoolVar(&o.fresh, "fresh", false, "read everything again")
	flags.Float64Var(&o.rate, "rate", 8, "calls per second to each service of each account and Region; 0 for no limit")
	o.macroOptions.register(flags)
	for _, name := range []string{"blind-spots", "accept-blind-spots", "bound-users"} {
		_ = flags.MarkHidden(name) // they decide about deployments, not about roles
	}
}

// check finds wrong flags before anything is read.
func (o *fleetOptions) check(store *storeOptions) (settings transform.Options, err error) {
	if settings, err = o.settings(); err != nil {
		return settings, err
	}
	if _, isFile := storeFile(store.store); isFile {
		return settings, usagef("%s is a file: this command reads the values of each account", spelling(store.flags, "store"))
	}
	if err := checkPattern(o.stack); err != nil {
		return settings, err
	}
	switch {
	case o.rate < 0:
		return settings, usagef("%s is negative", spelling(o.flags, "rate"))
	case o.maxAge < 0:
		return settings, usagef("%s is negative", spelling(o.flags, "max-age"))
	}
	return settings, o.scope.check(store)
}

func checkPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return usagef("%q is not a pattern: %w", pattern, err)
	}
	return nil
}

// newAudit is an audit with these flags.
func (o *fleetOptions) newAudit(settings transform.Options, values valuesReader) *fleet.Audit {
	audit := &fleet.Audit{
		Rules:  newStackRules(o.macroName, settings),
		Values: values,
		MaxAge: o.maxAge,
		Rate:   o.rate,
		Cache:  cacheDirectory(),
	}
	if o.fresh {
		audit.MaxAge = 0
	}
	if o.stack != "" {
		audit.Stacks = func(name string) bool { return matches(o.stack, name) }
	}
	return audit
}

// runAudit reads accounts, and shows how far it is.
func (p *pbm) runAudit(ctx context.Context, audit *fleet.Audit, accounts []fleet.Account) (fleet.Report, error) {
	shown := p.newProgress()
	audit.Progress = shown.tell
	report, warning, err := audit.Run(ctx, accounts)
	shown.end()
	if warning != nil {
		p.line("warning: ", "what was read cannot be kept for the next audit: "+warning.Error())
	}
	return report, err
}

// isOfEnvironment reports whether a role belongs to the environment that is asked
// for, or may.
func (o *fleetOptions) isOfEnvironment(r fleet.Role) bool {
	return r.Environment == o.environment || r.Environment == "" && r.Status == fleet.Unknown && r.Stack != ""
}

func matches(pattern, name string) bool {
	matched, err := path.Match(pattern, name)
	return matched && err == nil
}

// cacheDirectory is where audits keep what they read, empty where there is no
// home directory.
func cacheDirectory() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "pbm")
}
