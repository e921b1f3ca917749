package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/guard"
)

// guardOptions are the flags of pbm guard.
type guardOptions struct {
	environment string
	account     string
	exempt      []string
	also        []string
	stack       string
	out         string
	check       []string
	flags       *pflag.FlagSet
}

func (p *pbm) guardCommand() *cobra.Command {
	var o guardOptions
	c := &cobra.Command{
		Use:   "guard",
		Short: "write policies that stop whoever leaves the macro out",
		Long: `Guard writes, from the stored boundaries, what requires them of all roles and
users: policies that deny requests, and rules that refuse resources or find them.
It changes nothing in AWS.

  scp         for accounts of an organization
  iam         for roles that deploy stacks
  hook        for CloudFormation and Cloud Control API in an account and Region
  config      for what exists, in AWS Config
  guard-rule  for templates in CI, and for the hook

docs/guarding.md says which is for whom, and how to roll them out.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	p.store.registerTargets(c.PersistentFlags())
	o.register(c.PersistentFlags())
	for _, d := range guardDocuments {
		c.AddCommand(p.guardDocumentCommand(d, &o))
	}
	return c
}

func (o *guardOptions) register(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVarP(&o.environment, "environment", "e", "", "only the boundary of this environment")
	flags.StringVar(&o.account, "account", "", "only for this account (12 digits)")
	flags.StringArrayVar(&o.exempt, "exempt", nil, "ARN of a role or user that is exempt, with wildcards; may be repeated")
	flags.StringArrayVar(&o.also, "also", nil, "another boundary that counts, such as the next or previous one; may be repeated")
	flags.StringVar(&o.stack, "stack", "permissions-boundary-macro", "name of the macro's stack, and of the StackSet of its spokes")
	flags.StringVarP(&o.out, "out", "o", standardStream, "write to a file, several policies to FILE-1, FILE-2; - is stdout")
	flags.StringArrayVar(&o.check, "check", nil, "compare with what is installed, in this file; may be repeated")
}

// guardDocument is what a command of pbm guard writes: policies or a text.
type guardDocument struct {
	name, short, long string
	example           string // flags
	policies          func(guard.Scope) ([]guard.Policy, error)
	text              func(guard.Scope) (string, error)
	ignores           string // which flags, as ignoresAnnotation has them
}

var guardDocuments = []guardDocument{
	{
		name:    "scp",
		example: " --exempt 'arn:*:iam::*:role/platform/*'",
		short:   "write a service control policy",
		long: `Scp writes service control policies (SCPs). In the accounts that they are attached
to, they deny whatever leaves a role or user without one of the stored boundaries, or
changes what these rest on: the boundary policies and all below their paths, the
values in Parameter Store, the macro's function and stacks, and exempt roles.

Exempt are the roles of --exempt, AWSControlTowerExecution and stacksets-exec-*. SCPs
do not apply to service-linked roles. Attach all parts, beside FullAWSAccess.`,
		policies: guard.Scope.SCP,
	},
	{
		name:    "iam",
		example: " --exempt 'arn:*:iam::*:role/platform/*'",
		short:   "write the policy of roles that deploy",
		long: `Iam writes managed policies for roles that deploy stacks: what they need for the
macro and for roles that have a boundary, and the denials of the SCP. Attach all parts.
Nobody is exempt; --exempt names roles that deployers must not change or pass.`,
		policies: guard.Scope.Deployer,
	},
	{
		name:    "hook",
		example: " --exempt 'arn:*:iam::*:role/platform/*'",
		short:   "write a template with a Guard hook",
		long: `Hook writes a CloudFormation template with a Guard hook: in an account and Region,
CloudFormation and Cloud Control API then refuse roles and users without one of the
stored boundaries, after all macros. The hook reads the rule that pbm guard guard-rule
writes from a bucket. Stacks of the macro are excluded, and stacks whose service role
is exempt.`,
		text: guard.Scope.Hook,
	},
	{
		name:    "config",
		example: " --exempt 'arn:*:iam::*:role/platform/*'",
		short:   "write a template with a rule of AWS Config",
		long: `Config writes a CloudFormation template with a rule of AWS Config, which finds roles
and users that exist without one of the stored boundaries. It prevents nothing.
Service-linked and exempt roles are not evaluated.`,
		text: guard.Scope.ConfigRule,
	},
	{
		name:    "guard-rule",
		example: " -o boundary.guard",
		short:   "write a rule file for cfn-guard",
		long: `Guard-rule writes a rule file of AWS CloudFormation Guard. Templates pass if each role
and user in them has one of the stored boundaries: as CloudFormation processed them, or
pbm transform wrote them. It also is the rule of the hook.`,
		text:    guard.Scope.Rule,
		ignores: "exempt",
	},
}

func (p *pbm) guardDocumentCommand(d guardDocument, o *guardOptions) *cobra.Command {
	outputs := outputText
	if d.policies != nil {
		outputs += ", " + outputJSON
	}
	return &cobra.Command{
		Use:         d.name,
		Short:       d.short,
		Long:        d.long,
		Example:     "  pbm guard " + d.name + d.example,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{outputsAnnotation: outputs, ignoresAnnotation: d.ignores},
		RunE: func(c *cobra.Command, _ []string) error {
			o.flags = c.Flags()
			return p.guard(c.Context(), d, *o)
		},
	}
}

// validate finds wrong flags before anything is read.
func (o *guardOptions) validate(d guardDocument) error {
	for _, name := range []string{"environment", "account", "stack", "out"} {
		if o.flags.Changed(name) && o.flags.Lookup(name).Value.String() == "" {
			return usagef("%s is empty", spelling(o.flags, name))
		}
	}
	if o.environment != "" && boundary.CheckEnvironment(o.environment) != nil {
		return checkName(o.environment)
	}
	if o.account != "" && boundary.CheckAccountID(o.account) != nil {
		return usagef("%s is not an account ID of 12 digits", spelling(o.flags, "account"))
	}
	if err := guard.CheckStack(o.stack); err != nil {
		return usagef("%s %q is %w", spelling(o.flags, "stack"), clipped(o.stack), err)
	}
	for _, arn := range o.exempt {
		if err := guard.CheckExempt(arn); err != nil {
			return usagef("%s %q is %w", spelling(o.flags, "exempt"), clipped(arn), err)
		}
	}
	if d.name == "guard-rule" && isTyped(o.flags, "exempt") {
		return usagef("--exempt has no effect on guard-rule: a template does not say who deploys it")
	}
	if len(o.check) > 0 && o.flags.Changed("out") {
		return usagef("%s and %s are mutually exclusive", spelling(o.flags, "check"), spelling(o.flags, "out"))
	}
	if streams := slices.DeleteFunc(slices.Clone(o.check), func(file string) bool { return file != standardStream }); len(streams) > 1 {
		return usagef("%s - is given twice, and stdin can be read once", spelling(o.flags, "check"))
	}
	return nil
}

func (p *pbm) guard(ctx context.Context, d guardDocument, o guardOptions) error {
	if err := o.validate(d); err != nil {
		return err
	}
	s, err := p.guardScope(ctx, o)
	if err != nil {
		return err
	}
	p.tellScope(d, o, s)
	texts, err := p.guardTexts(d, s)
	switch {
	case err != nil:
		return o.withRemedy(err)
	case len(o.check) > 0:
		return p.checkGuard(ctx, d, o.check, texts)
	}
	return p.writeGuard(d, o.out, texts)
}

// tellScope says what people may not expect of the boundaries and exemptions.
func (p *pbm) tellScope(d guardDocument, o guardOptions, s guard.Scope) {
	if o.environment != "" {
		p.line("", fmt.Sprintf("only for environment %q, as %s says", o.environment, spelling(o.flags, "environment")))
	}
	if slices.ContainsFunc(s.Values, func(v guard.Value) bool { return administrator.MatchString(v.String()) }) {
		p.line("warning: ", "AdministratorAccess is one of the boundaries: it allows everything, and any role can have it")
		if o.environment == "" {
			p.line("hint: ", "for accounts of other environments, pass --environment, so that nobody there can set it")
		}
	}
	switch {
	case len(o.exempt) > 0:
	case d.name == "scp":
		p.line("warning: ", "only StackSets and Control Tower are exempt: under this SCP nobody else can install the macro or change boundaries")
		p.line("hint: ", "pass --exempt ARN for the roles of operators and installers, such as 'arn:*:iam::*:role/platform/*'")
	case d.name == "iam":
		p.line("warning: ", "only the roles of StackSets, Control Tower and the macro are protected: deployers may delete all others, or take their policies away")
		p.line("hint: ", "pass --exempt ARN for roles that deployers must not change or pass, such as 'arn:*:iam::*:role/platform/*'")
	}
	for _, arn := range o.exempt {
		if d.name == "hook" && !guard.IsRole(arn) {
			p.line("warning: ", "--exempt "+arn+" has no effect on the hook, which exempts service roles of stacks")
		}
	}
}

// guardText is a policy or another text that is written.
type guardText struct {
	about string // for people
	text  []byte
}

// guardTexts are the documents in the form that was asked for.
func (p *pbm) guardTexts(d guardDocument, s guard.Scope) ([]guardText, error) {
	if d.policies == nil {
		text, err := d.text(s)
		return []guardText{{strings.TrimPrefix(d.short, "write "), []byte(text)}}, err
	}
	policies, err := d.policies(s)
	if err != nil {
		return nil, err
	}
	if p.output == outputJSON {
		text, err := indented(guardResult{policies}, "")
		return []guardText{{counted(len(policies), "policy document"), withNewline(text)}}, err
	}
	texts := make([]guardText, len(policies))
	for i, policy := range policies {
		texts[i] = guardText{fmt.Sprintf("%s, %d characters without white space", policy.Name, policy.Size()), []byte(policy.Document.String())}
	}
	return texts, nil
}

// guardResult is the result of pbm guard scp and pbm guard iam.
type guardResult struct {
	Policies []guard.Policy `json:"policies"`
}

// withRemedy adds to an error what to do about it.
func (o *guardOptions) withRemedy(err error) error {
	if tooLong, is := errors.AsType[*guard.TooLongError](err); is {
		return boundary.Problem{
			What:   tooLong.Error(),
			Remedy: "write one for each environment or account, with --environment or --account; or keep boundary policies below fewer and shorter paths",
		}
	}
	if errors.Is(err, guard.ErrNoBoundary) {
		return boundary.Problem{
			What:   o.nothing(),
			Remedy: "see pbm env list; pbm env add NAME adds an environment",
		}
	}
	return err
}

// nothing says that no value counts.
func (o *guardOptions) nothing() string {
	if o.account == "" {
		return "no environment has a boundary, so there is none to require of roles"
	}
	return "no environment has a boundary that roles of account " + o.account + " can have"
}
