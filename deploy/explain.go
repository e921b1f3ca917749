package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/policy/catalogue"
	"permissions-boundary-macro/transform/rules"
)

// explainOptions are the flags of pbm explain.
type explainOptions struct {
	boundary    boundaryFlag
	environment string
	policy      string
	against     string
	account     string
	actions     bool
	flags       *pflag.FlagSet
}

func (p *pbm) explainCommand() *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use:   "explain PATH...",
		Short: "show what a boundary takes from roles",
		Long: `Explain compares what the policies of the roles in templates grant with what a
boundary allows. For each role and service it says how many actions the boundary
takes: lost is what no request can use under the boundary, and may be lost what
depends on a condition, on resources, or on what is not in the template. Roles that
lose nothing are counted.

The boundary is a policy's document in a file, a managed policy, or that of an
environment. A managed policy that one of the templates creates is read there, any
other in IAM. - is stdin.

With --against, explain reports only what changes from another boundary to this
one, in both directions: current is the boundary that --environment has now.`,
		Example: `  pbm explain stacks/ --policy boundary.json
  pbm explain template.yaml --environment dev --actions
  pbm explain stacks/ --policy new.json --environment dev --against current`,
		Args:        cobra.MinimumNArgs(1),
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
	flags.BoolVar(&o.actions, "actions", false, "list actions")
}

// check finds wrong flags before anything is read.
func (o *explainOptions) check() error {
	given := 0
	for _, is := range []bool{o.policy != "", o.boundary.given(), o.environment != "" && o.against != againstCurrent} {
		count(&given, is)
	}
	switch {
	case o.environment == "" && o.flags.Changed("environment"):
		return usagef("%s is empty", spelling(o.flags, "environment"))
	case given == 0:
		return &usageError{boundary.Problem{
			What:   "no boundary is named",
			Remedy: "pass --policy FILE, --" + boundaryFlagName + " ARN or --environment NAME",
		}}
	case given > 1:
		return usagef("--policy, --%s and --environment are mutually exclusive, except with --against current", boundaryFlagName)
	case o.against == againstCurrent && o.environment == "":
		return usagef("--against current needs --environment, whose boundary it means")
	case o.account != "" && boundary.CheckAccountID(o.account) != nil:
		return usagef("--account is not an account ID of 12 digits")
	case o.environment != "":
		return checkName(o.environment)
	}
	return nil
}

func (p *pbm) explain(ctx context.Context, paths []string, o explainOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	templates, unread, err := p.readTemplates(ctx, paths)
	if err != nil {
		return err
	}
	r := &boundaryReader{pbm: p, account: o.account, templates: templates}
	before, after, err := o.boundaries(ctx, r)
	if err != nil {
		return err
	}
	e := newExplainer(r.facts(), before, after, o.actions)
	result := explanation{Boundary: after.name, Against: before.name, Roles: []explainedRole{}, NotConsidered: notConsidered, Catalogue: catalogue.Embedded().Date}
	for _, t := range templates {
		for _, g := range t.grantees() {
			result.Roles = append(result.Roles, e.role(g))
		}
	}
	result.summarize()
	if err := p.showExplanation(result, o.actions); err != nil {
		return err
	}
	if unread > 0 {
		return fmt.Errorf("templates that cannot be read: %d", unread)
	}
	return nil
}

// boundaries are the one that roles have now, and the one that is explained.
func (o *explainOptions) boundaries(ctx context.Context, r *boundaryReader) (before, after knownBoundary, err error) {
	switch o.against {
	case againstNone:
		before = noBoundary
	case againstCurrent:
		before, err = r.ofEnvironment(ctx, o.environment)
	default:
		before, err = readBoundaryFile(o.against)
	}
	if err != nil {
		return before, after, err
	}
	switch {
	case o.policy != "":
		after, err = readBoundaryFile(o.policy)
	case o.boundary.given():
		var value boundary.Value
		if value, err = o.boundary.value(); err == nil {
			after, err = r.of(ctx, value)
		}
	default:
		after, err = r.ofEnvironment(ctx, o.environment)
	}
	return before, after, err
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
func (p *pbm) showExplanation(e explanation, actions bool) error {
	switch p.output {
	case outputJSON:
		return p.printJSON(e)
	case outputSARIF:
		return p.printSARIF(e.findings(), explainCodes)
	case outputGitHub:
		return p.print(annotations(e.findings()))
	}
	return p.print(e.text(actions))
}
