package deploy

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/transform"
)

// auditOptions are the flags of pbm audit.
type auditOptions struct {
	macroOptions
	scope       auditScope
	environment string
	statuses    []string
	failOn      []string
	exempt      []string
	stack       string
	maxAge      time.Duration
	fresh       bool
	rate        float64
}

// failing are the statuses that an audit fails for by default: what the macro is
// there to prevent, and what may be so.
var failing = []fleet.Status{fleet.Lags, fleet.Drifted, fleet.Unbound, fleet.Other, fleet.Unknown}

// failOnNothing is the --fail-on of audits that only report.
const failOnNothing = "none"

func (p *pbm) auditCommand() *cobra.Command {
	var o auditOptions
	c := &cobra.Command{
		Use:   "audit",
		Short: "report which roles carry the boundary of their environment",
		Long: `Audit reads the roles and stacks of accounts, and says of each role whether it
carries the boundary that its stack's environment has now. It writes nothing to
AWS.

Without flags it reads the accounts and Regions of the project's environments, or
those of AWS's own variables and files. With --organization, --ou or --accounts it
assumes the role --role in each account.

Give it the settings of the installed macro, if they are not the defaults. It
keeps what it read of stacks, and reads again only what has changed since.`,
		Example: `  pbm audit --environment dev
  pbm audit --all-regions --output csv
  pbm audit --ou ou-a1b2-c3d4e5f6 --role pbm-auditor --external-id example --all-regions`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{outputsAnnotation: strings.Join(auditOutputs, ", "), ignoresAnnotation: readOnly + ", store"},
		RunE:        func(c *cobra.Command, _ []string) error { return p.audit(c.Context(), o) },
	}
	o.registerAudit(c.Flags(), &p.store)
	_ = c.RegisterFlagCompletionFunc("environment", p.completeNames)
	return c
}

func (o *auditOptions) registerAudit(flags *pflag.FlagSet, store *storeOptions) {
	flags.StringVarP(&o.environment, "environment", "e", "", "only roles of this environment")
	o.scope.register(flags)
	store.registerTargets(flags)
	flags.StringVar(&o.stack, "stack", "", "only stacks whose names match this pattern, such as 'shop-*'")
	flags.StringSliceVar(&o.statuses, "status", nil, "list only roles with these statuses: "+joined(fleet.Statuses()))
	flags.StringSliceVar(&o.failOn, "fail-on", texts(failing), "exit with 1 if there are roles with these statuses, or "+failOnNothing+"; unknown is for\nroles of stacks that were read and are not being deployed")
	flags.StringSliceVar(&o.exempt, "exempt", nil, "roles that need no boundary, by name or path, such as 'cdk-*' or '/platform/*'")
	flags.DurationVar(&o.maxAge, "max-age", 24*time.Hour, "reuse what was read of stacks in this time, such as 72h")
	flags.BoolVar(&o.fresh, "fresh", false, "read everything again")
	flags.Float64Var(&o.rate, "rate", 8, "calls per second to each service of each account and Region; 0 for no limit")
	o.macroOptions.register(flags)
	for _, name := range []string{"blind-spots", "accept-blind-spots", "bound-users"} {
		_ = flags.MarkHidden(name) // they decide about deployments, not about roles
	}
}

func (p *pbm) audit(ctx context.Context, o auditOptions) error {
	settings, err := o.check(&p.store)
	if err != nil {
		return err
	}
	accounts, values, err := p.accounts(ctx, o)
	if err != nil {
		return err
	}
	shown := p.newProgress()
	audit := fleet.Audit{
		Rules:    newStackRules(o.macroName, settings),
		Values:   values,
		Exempt:   o.isExempt,
		MaxAge:   o.maxAge,
		Rate:     o.rate,
		Cache:    cacheDirectory(),
		Progress: shown.tell,
	}
	if o.fresh {
		audit.MaxAge = 0
	}
	if o.stack != "" {
		audit.Stacks = func(name string) bool { return matches(o.stack, name) }
	}
	report, warning, err := audit.Run(ctx, accounts)
	shown.end()
	if warning != nil {
		p.line("warning: ", "what was read cannot be kept for the next audit: "+warning.Error())
	}
	if err != nil {
		return err
	}
	if o.environment != "" {
		report = report.Only(o.isOfEnvironment)
	}
	if err := p.showAudit(report, o); err != nil {
		return err
	}
	return o.verdict(report)
}

// isOfEnvironment reports whether a role belongs to the environment that is asked
// for, or may.
func (o *auditOptions) isOfEnvironment(r fleet.Role) bool {
	return r.Environment == o.environment || r.Environment == "" && r.Status == fleet.Unknown && r.Stack != ""
}

// check finds wrong flags before anything is read.
func (o *auditOptions) check(store *storeOptions) (settings transform.Options, err error) {
	if settings, err = o.settings(); err != nil {
		return settings, err
	}
	if _, isFile := storeFile(store.store); isFile {
		return settings, usagef("%s is a file: audit reads the values of each account", spelling(store.flags, "store"))
	}
	if o.environment != "" {
		if err := checkName(o.environment); err != nil {
			return settings, err
		}
	}
	if err := checkStatuses(o.statuses); err != nil {
		return settings, err
	}
	if !slices.Equal(o.failOn, []string{failOnNothing}) {
		if err := checkStatuses(o.failOn); err != nil {
			return settings, err
		}
	}
	for _, pattern := range o.exempt {
		if strings.HasPrefix(pattern, "arn:") {
			return settings, usagef("--exempt %q is an ARN; give the name of the role, or its path and name", pattern)
		}
	}
	for _, pattern := range append(slices.Clone(o.exempt), o.stack) {
		if _, err := path.Match(pattern, ""); err != nil {
			return settings, usagef("%q is not a pattern: %w", pattern, err)
		}
	}
	switch {
	case o.rate < 0:
		return settings, usagef("%s is negative", spelling(o.flags, "rate"))
	case o.maxAge < 0:
		return settings, usagef("%s is negative", spelling(o.flags, "max-age"))
	case len(o.failOn) == 0:
		return settings, usagef("%s is empty; --fail-on %s reports only", spelling(o.flags, "fail-on"), failOnNothing)
	}
	return settings, o.scope.check(store)
}

func checkStatuses(given []string) error {
	for _, status := range given {
		if !slices.Contains(fleet.Statuses(), fleet.Status(status)) {
			return usagef("%q is not a status; statuses are %s", status, joined(fleet.Statuses()))
		}
	}
	return nil
}

// isExempt reports whether a role is exempt, by its name or by its path and name.
func (o *auditOptions) isExempt(rolePath, name string) bool {
	return slices.ContainsFunc(o.exempt, func(pattern string) bool {
		return matches(pattern, name) || matches(pattern, rolePath+name)
	})
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

func texts[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, t := range all {
		out[i] = string(t)
	}
	return out
}

func joined(statuses []fleet.Status) string { return strings.Join(texts(statuses), ", ") }
