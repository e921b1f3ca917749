package deploy

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/transform"
)

// auditOptions are the flags of pbm audit.
type auditOptions struct {
	fleetOptions
	statuses []string
	failOn   []string
	exempt   []string
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
	o.fleetOptions.register(flags, store, "pbm-auditor")
	o.scope.role.Session = fleet.AuditSession
	flags.StringSliceVar(&o.statuses, "status", nil, "list only roles with these statuses: "+joined(fleet.Statuses()))
	flags.StringSliceVar(&o.failOn, "fail-on", texts(failing), "exit with 1 if there are roles with these statuses, or "+failOnNothing+"; unknown is for\nroles of stacks that were read and are not being deployed")
	flags.StringSliceVar(&o.exempt, "exempt", nil, "roles that need no boundary, by name or path, such as 'cdk-*' or '/platform/*'")
}

func (p *pbm) audit(ctx context.Context, o auditOptions) error {
	settings, err := o.check(&p.store)
	if err != nil {
		return err
	}
	accounts, values, err := p.accounts(ctx, o.fleetOptions)
	if err != nil {
		return err
	}
	audit := o.newAudit(settings, values)
	audit.Exempt = o.isExempt
	report, err := p.runAudit(ctx, audit, accounts)
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

// check finds wrong flags before anything is read.
func (o *auditOptions) check(store *storeOptions) (settings transform.Options, err error) {
	if settings, err = o.fleetOptions.check(store); err != nil {
		return settings, err
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
		if err := checkPattern(pattern); err != nil {
			return settings, err
		}
	}
	if len(o.failOn) == 0 {
		return settings, usagef("%s is empty; --fail-on %s reports only", spelling(o.flags, "fail-on"), failOnNothing)
	}
	return settings, nil
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

func texts[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, t := range all {
		out[i] = string(t)
	}
	return out
}

func joined(statuses []fleet.Status) string { return strings.Join(texts(statuses), ", ") }
