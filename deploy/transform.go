package deploy

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/atomicfile"
	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
)

// transformOptions are the flags of pbm transform.
type transformOptions struct {
	path        string
	environment string
	boundary    boundaryFlag
	parameters  []string
	account     string
	diff, check bool
	output      string

	// What the macro has as settings.
	macro                 string
	defaultEnvironment    string
	pinEnvironment        bool
	existing, blindSpots  string
	boundUsers            bool
	environmentParameters []string
}

func (p *pbm) transformCommand() *cobra.Command {
	var o transformOptions
	c := &cobra.Command{
		Use:   "transform TEMPLATE",
		Short: "run the macro on a local template",
		Long: `Transform runs the code of the macro on a template in JSON or YAML, and prints
the template that CloudFormation would deploy, in JSON. It builds the macro
request as CloudFormation does, but expands no other transform: those stay in
the result.

The boundary is the one of an environment, or the one given. With a file store
or a boundary that is given, no AWS account is needed.`,
		Example: `  pbm transform template.yaml --environment dev --diff
  pbm transform template.yaml --permissions-boundary team/dev-boundary
  pbm transform template.yaml -e dev --store file:environments.json -o out.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.path = args[0]
			if c.Flags().Changed("environment") && o.environment == "" {
				return usagef("--environment is empty")
			}
			return p.transform(c.Context(), o)
		},
	}
	flags := c.Flags()
	flags.StringVarP(&o.environment, "environment", "e", "", "environment, instead of the one that the template names")
	o.boundary.register(flags, "boundary to use: ARN, policy name, or '' for none")
	flags.StringArrayVar(&o.parameters, "parameter", nil, "value of a template parameter, NAME=VALUE (repeatable)")
	flags.StringVar(&o.account, "account", "", "account that the stack deploys to, 12 digits")
	flags.BoolVar(&o.diff, "diff", false, "print what changes instead of the template")
	flags.BoolVar(&o.check, "check", false, "print nothing, exit with 1 if something would change")
	flags.StringVarP(&o.output, "out", "o", "", "write the template to a file")
	flags.StringVar(&o.macro, "macro-name", transform.MacroName, "setting of the macro: what templates call it")
	flags.StringVar(&o.defaultEnvironment, "default-environment", "", "setting of the macro: environment of templates that name none")
	flags.BoolVar(&o.pinEnvironment, "pin-environment", false, "setting of the macro: refuse templates that name another than the default")
	flags.StringVar(&o.existing, "existing-boundary", string(transform.Replace), "setting of the macro: replace, keep or reject")
	flags.StringVar(&o.blindSpots, "blind-spots", string(transform.Warn), "setting of the macro: warn or reject")
	flags.BoolVar(&o.boundUsers, "bound-users", false, "setting of the macro: bind IAM users, too")
	flags.StringSliceVar(&o.environmentParameters, "environment-parameters",
		strings.Split(transform.DefaultEnvironmentParameters, ","), "setting of the macro: template parameters that name the environment")
	return c
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// outputs are the flags that say what becomes of the result.
func (o transformOptions) outputs() (given int) {
	for _, on := range []bool{o.diff, o.check, o.output != ""} {
		if on {
			given++
		}
	}
	return given
}

// settings are the flags that the macro has as settings.
func (o transformOptions) settings() (transform.Options, error) {
	switch {
	case o.environment != "" && o.boundary.given():
		return transform.Options{}, usagef("--environment and --permissions-boundary exclude each other")
	case o.outputs() > 1:
		return transform.Options{}, usagef("--diff, --check and --out exclude each other")
	}
	existing, err := transform.ParseExisting(o.existing)
	if err != nil {
		return transform.Options{}, usagef("--existing-boundary %w", err)
	}
	blindSpots, err := transform.ParseBlindSpots(o.blindSpots)
	if err != nil {
		return transform.Options{}, usagef("--blind-spots %w", err)
	}
	for _, name := range []string{o.environment, o.defaultEnvironment} {
		if err := boundary.CheckEnvironment(name); name != "" && err != nil {
			return transform.Options{}, usagef("environment %q: %w", clipped(name), err)
		}
	}
	if o.pinEnvironment && o.defaultEnvironment == "" {
		return transform.Options{}, usagef("--pin-environment needs --default-environment")
	}
	if o.account != "" && !accountID.MatchString(o.account) {
		return transform.Options{}, usagef("--account is not an account ID of 12 digits")
	}
	return transform.Options{
		DefaultEnvironment:    o.defaultEnvironment,
		PinEnvironment:        o.pinEnvironment,
		Existing:              existing,
		BlindSpots:            blindSpots,
		BoundUsers:            o.boundUsers,
		EnvironmentParameters: o.environmentParameters,
	}, nil
}

func (p *pbm) transform(ctx context.Context, o transformOptions) error {
	macro := transform.Macro{}
	var err error
	if macro.Options, err = o.settings(); err != nil {
		return err
	}
	t, err := readTemplate(o.path, o.macro)
	if err != nil {
		return err
	}
	target, err := p.source(ctx, o, &macro)
	if err != nil {
		return err
	}
	fragment, report, err := t.transform(ctx, macro, target, o)
	if err != nil {
		return err
	}
	if report.Err != nil {
		return t.explain(report.Err)
	}
	p.warn(t, report, o.macro)
	return p.deliver(t, fragment, report, o)
}

// placeholderAccount stands for the account where neither AWS nor the boundary
// tells it. AWS documentation uses it, nobody has it.
const placeholderAccount = "123456789012"

// source sets the macro's store, and returns where the template deploys to.
func (p *pbm) source(ctx context.Context, o transformOptions, macro *transform.Macro) (boundary.Target, error) {
	local := boundary.TargetOf(o.account, p.store.localRegion())
	if o.boundary.given() {
		value, err := o.boundary.value()
		if err != nil {
			return boundary.Target{}, err
		}
		macro.Store = given{value}
		if macro.Options.DefaultEnvironment == "" {
			macro.Options.DefaultEnvironment = givenEnvironment
		}
		return local, nil
	}
	j, err := p.project()
	if err != nil {
		return boundary.Target{}, err
	}
	at, err := p.store.open(ctx, p.store.accessOf(j, o.environment))
	if err != nil {
		return boundary.Target{}, err
	}
	macro.Store = at
	if !at.inAWS() || o.account != "" {
		return boundary.TargetOf(o.account, cmp.Or(at.Region, local.Region)), nil
	}
	return at.identify(ctx)
}

// given is a store that has one boundary for whatever environment.
type given struct{ value boundary.Value }

// givenEnvironment is what a stack is of when the boundary is given and the
// template names no environment.
const givenEnvironment = "given"

func (g given) Get(_ context.Context, environment string) (boundary.Record, error) {
	return boundary.Record{Environment: environment, Text: g.value.String(), Version: 1}, nil
}

func (g given) Location(string) string { return "--permissions-boundary" }

// noting is a store that remembers what was read of it.
type noting struct {
	boundary.Reader
	text string
}

func (n *noting) Get(ctx context.Context, environment string) (boundary.Record, error) {
	record, err := n.Reader.Get(ctx, environment)
	n.text = record.Text
	return record, err
}

// transform runs the macro. Where the account is not known it is the one of
// the boundary, for the macro refuses those of other accounts.
func (t *template) transform(ctx context.Context, macro transform.Macro, target boundary.Target, o transformOptions) ([]byte, transform.Report, error) {
	values, err := t.values(o.parameters)
	if err != nil {
		return nil, transform.Report{}, err
	}
	store := &noting{Reader: macro.Store}
	macro.Store = store
	known := target.AccountID != ""
	if !known {
		target.AccountID = placeholderAccount
	}
	response, report, err := t.respond(ctx, macro, target, values, o)
	if value, e := boundary.Parse(store.text); err == nil && !known && e == nil && value.AccountID() != "" {
		target.AccountID = value.AccountID()
		response, report, err = t.respond(ctx, macro, target, values, o)
	}
	return response, report, err
}

// respond runs the macro's own handler and returns its fragment.
func (t *template) respond(ctx context.Context, macro transform.Macro, target boundary.Target, values map[string]json.RawMessage, o transformOptions) ([]byte, transform.Report, error) {
	event, err := t.event(target, values, o.environment, o.macro)
	if err != nil {
		return nil, transform.Report{}, err
	}
	out, report := macro.Respond(ctx, event)
	var response struct {
		Fragment json.RawMessage `json:"fragment"`
	}
	if err := json.Unmarshal(out, &response); err != nil {
		return nil, report, fmt.Errorf("read the macro's response: %w", err)
	}
	return response.Fragment, report, nil
}

// explain corrects the remedies of a refusal where the template follows them
// already: pbm does not run the transforms before the macro.
func (t *template) explain(err error) error {
	refusal, ok := errors.AsType[*transform.Refusal](err)
	if !ok {
		return err
	}
	for i, f := range refusal.Findings {
		for _, other := range []string{"AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"} {
			if strings.Contains(f.Remedy, " after "+other+" ") && t.listsAfter(other) {
				refusal.Findings[i].Remedy = "nothing to do on AWS: the template lists the macro after " + other + ", where it binds the role; pbm does not run " + other
			}
		}
	}
	return err
}

// warn tells what the macro cannot see, and when CloudFormation would not run
// it at all.
func (p *pbm) warn(t *template, report transform.Report, macro string) {
	if t.macro == nil && len(report.Changes) > 0 {
		p.line("warning: ", "the template does not list "+macro+" in Transform, so CloudFormation would not run it")
		p.line("hint: ", "add it to Transform, last in the list")
	}
	for _, f := range report.BlindSpots {
		p.line("warning: ", f.String())
		p.line("hint: ", f.Remedy)
	}
}

// errWouldChange ends pbm transform --check.
var errWouldChange = &boundary.Problem{
	What:   "the template would change",
	Remedy: "see what changes with --diff",
}

// deliver writes the result where it was asked for, and then says what it is.
func (p *pbm) deliver(t *template, fragment []byte, report transform.Report, o transformOptions) error {
	before, after := t.restored(t.fragment), t.restored(fragment)
	if err := p.write(before, after, o); err != nil {
		return err
	}
	p.line("", summary(report))
	if o.check && !bytes.Equal(before, after) {
		return errWouldChange
	}
	return nil
}

func (p *pbm) write(before, after []byte, o transformOptions) error {
	switch {
	case o.check:
		return nil
	case o.diff:
		return p.print(unified(o.path, before, after, isColoured(p.stdout)))
	case o.output != "":
		if p.dryRun {
			p.line("", "dry run: would write "+o.output)
			return nil
		}
		return atomicfile.Write(o.output, withNewline(after))
	}
	return p.print(withNewline(after))
}

func (p *pbm) print(text []byte) error {
	if _, err := p.stdout.Write(text); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// isColoured reports whether a person reads the output on a terminal and has
// not switched colours off (no-color.org).
func isColoured(out io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && isTerminal(out)
}

// summary says in one line what the macro did.
func summary(r transform.Report) string {
	if r.Boundary == "" {
		return "nothing takes a boundary"
	}
	environment := ""
	if r.Environment != givenEnvironment {
		environment = "environment " + r.Environment + ", "
	}
	if r.Boundary == boundary.None {
		return environment + "explicitly no boundary: nothing changed"
	}
	counts := r.Counts()
	var parts []string
	for _, action := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[action], action))
	}
	if len(parts) == 0 {
		parts = []string{"none to bind"}
	}
	return fmt.Sprintf("%sboundary %s in account %s: %s", environment, r.Boundary, r.AccountID, strings.Join(parts, ", "))
}
