package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform/rules"
)

// explainOptions are the flags of pbm explain.
type explainOptions struct {
	boundary    boundaryFlag
	environment string
	policy      string
	against     string
	account     string
	context     map[string]string
	live        bool
	actions     bool
	used        int // 0: not asked for
	flags       *pflag.FlagSet
}

func (p *pbm) explainCommand() *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use:   "explain PATH... | --live [ROLE...]",
		Short: "show what a boundary takes from roles",
		Long: `Explain compares what the policies of the roles in templates grant with what a
boundary allows. For each role and service it says how many actions the boundary
takes: lost is what no request can use under the boundary, and may be lost what
depends on a condition, on resources, or on what is not in the template. Roles that
lose nothing are counted.

The boundary is a policy's document in a file, a managed policy, or that of an
environment. A managed policy that one of the templates creates is read there, any
other in IAM. - is stdin.

With --live it explains roles of the account: those that are named, by names or
patterns such as 'shop-*', or all.

With --against, explain reports only what changes from another boundary to this
one, in both directions: current is the boundary that --environment has now, with
--live for the roles that have it; or with --live alone the one that each role has.

With --used it also says which of the lost actions roles of the account have tried
to use in the last 90 days, as far as IAM tracks them.`,
		Example: `  pbm explain stacks/ --policy boundary.json
  pbm explain template.yaml --environment dev --actions
  pbm explain stacks/ --policy new.json --environment dev --against current
  pbm explain --live 'shop-*' --policy new.json --against current
  pbm explain --live --policy new.json --context aws:RequestedRegion=eu-west-1 --used`,
		Args: func(c *cobra.Command, args []string) error {
			if isSet(c.Flags(), "live") {
				return nil
			}
			return cobra.MinimumNArgs(1)(c, args)
		},
		Annotations: map[string]string{outputsAnnotation: strings.Join(checkOutputs, ", "), ignoresAnnotation: readOnly},
		RunE:        func(c *cobra.Command, args []string) error { return p.explain(c.Context(), args, o) },
	}
	o.register(c.Flags())
	return c
}

func (o *explainOptions) register(flags *pflag.FlagSet) {
	o.flags = flags
	o.boundary.register(flags, "the boundary: a policy's ARN, name or path/name, or '' for none")
	flags.StringVarP(&o.environment, "environment", "e", "", "the boundary of this environment")
	flags.StringVar(&o.policy, "policy", "", "the boundary: a policy document in this file")
	flags.StringVar(&o.against, "against", againstNone, "what the roles have now: none, current, or a policy document in a file")
	flags.StringVar(&o.account, "account", "", "account that the stacks deploy to (12 digits)")
	flags.BoolVar(&o.live, "live", false, "explain roles of the account, in place of templates")
	flags.StringToStringVar(&o.context, "context", nil, "condition keys with the value that they have in all requests, such as\naws:RequestedRegion=eu-west-1")
	flags.BoolVar(&o.actions, "actions", false, "list actions")
	flags.IntVar(&o.used, "used", 0, "with --live, say when roles that lose actions last used them; --used=N is for the\nfirst N of these roles")
	flags.Lookup("used").NoOptDefVal = strconv.Itoa(maxUses)
}

// check finds wrong flags before anything is read.
func (o *explainOptions) check(p *pbm, args []string) error {
	given := 0
	for _, is := range []bool{o.policy != "", o.boundary.given(), o.environment != "" && !o.isAgainstEnvironment()} {
		count(&given, is)
	}
	switch {
	case o.environment == "" && o.flags.Changed("environment"):
		return usagef("%s is empty", spelling(o.flags, "environment"))
	case given == 0 && o.environment != "":
		return &usageError{boundary.Problem{
			What:   "--environment names the present boundary, and no other one is named",
			Remedy: "pass the new one: --policy FILE or --" + boundaryFlagName + " ARN",
		}}
	case given == 0:
		return &usageError{boundary.Problem{
			What:   "no boundary is named",
			Remedy: "pass --policy FILE, --" + boundaryFlagName + " ARN or --environment NAME",
		}}
	case given > 1:
		return usagef("--policy, --%s and --environment are mutually exclusive, except with --against current", boundaryFlagName)
	case o.against == againstCurrent && !o.live && o.environment == "":
		return usagef("--against current needs --environment, whose boundary it means")
	case o.account != "" && boundary.CheckAccountID(o.account) != nil:
		return usagef("--account is not an account ID of 12 digits")
	case o.environment != "" && checkName(o.environment) != nil:
		return checkName(o.environment)
	case o.emptyContext() != "":
		return usagef("--context %s is not of the form KEY=VALUE", o.emptyContext())
	case o.used < 0 || o.used == 0 && o.flags.Changed("used"):
		return usagef("--used takes a number of roles")
	case o.used > 0 && !o.live:
		return usagef("--used is about roles of an account; pass --live")
	case o.live:
		return o.checkLive(p, args)
	}
	return nil
}

// emptyContext is a condition key without a value, if there is one.
func (o *explainOptions) emptyContext() string {
	for key, value := range o.context {
		if value == "" || key == "" {
			return key + "="
		}
	}
	return ""
}

// isAgainstEnvironment reports whether --environment names the boundary that roles
// have now. Alone, for roles of an account, which have their own, it names the new one.
func (o *explainOptions) isAgainstEnvironment() bool {
	return o.against == againstCurrent && o.environment != "" && (!o.live || o.policy != "" || o.boundary.given())
}

func (o *explainOptions) checkLive(p *pbm, patterns []string) error {
	switch {
	case p.output == outputSARIF || p.output == outputGitHub:
		return usagef("--output %s is about files, and --live reads none", p.output)
	case o.account != "":
		return usagef("--account is about templates; with --live, --profile or --environment says which account it is")
	}
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return usagef("%q is not a pattern: %w", pattern, err)
		}
	}
	return nil
}

func (p *pbm) explain(ctx context.Context, args []string, o explainOptions) error {
	if err := o.check(p, args); err != nil {
		return err
	}
	if o.live {
		return p.explainLive(ctx, args, o)
	}
	return p.explainTemplates(ctx, args, o)
}

func (p *pbm) explainTemplates(ctx context.Context, paths []string, o explainOptions) error {
	templates, unread, err := p.readTemplates(ctx, paths)
	if err != nil {
		return err
	}
	r := &boundaryReader{pbm: p, account: o.account, templates: templates}
	after, err := o.after(ctx, r)
	if err != nil {
		return err
	}
	before, err := o.before(ctx, r)
	if err != nil {
		return err
	}
	result := newExplanation(before.name, after.name, o.context)
	comparison := newExplainer(r.facts(o.context), before, after)
	for _, t := range templates {
		for _, g := range t.grantees() {
			if err := r.complete(ctx, g); err != nil {
				return err
			}
			result.add(g, comparison)
		}
	}
	p.warnContext(&result)
	if err := p.showExplanation(&result, o.actions); err != nil {
		return err
	}
	if unread > 0 {
		return fmt.Errorf("templates that cannot be read: %d", unread)
	}
	return nil
}

// explainLive explains roles of an account. Each may have another boundary now.
func (p *pbm) explainLive(ctx context.Context, patterns []string, o explainOptions) error {
	r := &boundaryReader{pbm: p, account: o.account}
	after, err := o.after(ctx, r)
	if err != nil {
		return err
	}
	roles, err := r.liveRoles(ctx, patterns)
	if err != nil {
		return err
	}
	before := r.currentBoundary
	against, arn := o.against, ""
	if o.against != againstCurrent || o.isAgainstEnvironment() {
		fixed, err := o.before(ctx, r)
		if err != nil {
			return err
		}
		before = func(context.Context, string) (knownBoundary, error) { return fixed, nil }
		against, arn = fixed.name, fixed.arn
	}
	if o.isAgainstEnvironment() {
		roles = havingBoundary(roles, arn)
	}
	result := newExplanation(against, after.name, o.context)
	if err := result.addLive(ctx, roles, r.facts(o.context), before, after); err != nil {
		return err
	}
	if o.used > 0 {
		if err := p.readUse(ctx, r.at, &result, o.used); err != nil {
			return err
		}
	}
	p.warnContext(&result)
	if err := p.showExplanation(&result, o.actions); err != nil {
		return err
	}
	return result.unreadUses()
}

// warnContext warns about condition keys that no policy mentions: they may be misspelt.
func (p *pbm) warnContext(e *explanation) {
	for _, key := range slices.Sorted(maps.Keys(e.Context)) {
		if len(e.subjects) > 0 && !e.mentions(key) {
			p.line("warning: ", "no policy is about the condition key "+key+" of --context")
		}
	}
}

// after is the boundary that is explained.
func (o *explainOptions) after(ctx context.Context, r *boundaryReader) (knownBoundary, error) {
	switch {
	case o.policy != "":
		return readBoundaryFile(o.policy)
	case o.boundary.given():
		value, err := o.boundary.value()
		if err != nil {
			return knownBoundary{}, err
		}
		return r.of(ctx, value)
	}
	return r.ofEnvironment(ctx, o.environment)
}

// before is the boundary that the roles of templates have now.
func (o *explainOptions) before(ctx context.Context, r *boundaryReader) (knownBoundary, error) {
	switch o.against {
	case againstNone:
		return noBoundary, nil
	case againstCurrent:
		return r.ofEnvironment(ctx, o.environment)
	}
	return readBoundaryFile(o.against)
}

// readTemplates reads the templates in files and directories, and counts those that
// cannot be read. Files in directories that are none are skipped.
func (p *pbm) readTemplates(ctx context.Context, paths []string) (templates []*templateFile, unread int, err error) {
	files, _, err := p.findTemplates(ctx, paths)
	if err != nil {
		return nil, 0, err
	}
	for _, in := range files {
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		t, err := readTemplate(in, rules.MacroName)
		switch {
		case err == nil:
			templates = append(templates, t)
		case !in.named && (errors.Is(err, errNoTemplate) || errors.Is(err, errTemplating)):
		default:
			p.report(err)
			unread++
		}
	}
	return templates, unread, nil
}

// showExplanation prints the result in the form that was asked for.
func (p *pbm) showExplanation(e *explanation, actions bool) error {
	switch p.output {
	case outputJSON:
		return printWithRoles(p, func() any { return e }, e.roles(actions))
	case outputSARIF:
		return p.printSARIF(e.findings(), explainCodes)
	case outputGitHub:
		return p.print(annotations(e.findings()))
	}
	return writeExplanation(p.stdout, e, actions)
}
