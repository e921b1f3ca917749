package deploy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/atomicfile"
	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// transformOptions are the flags of pbm transform.
type transformOptions struct {
	paths        []string
	environment  string
	boundary     boundaryFlag
	parameters   []string
	account      string
	diff, check  bool
	inPlace      bool
	portable     bool
	output       string
	outputFormat string
	macroOptions

	// used are the parameters that some template declares: of several, each
	// takes those that are its own. Nil for one, which must declare all.
	used map[string]bool
}

func (p *pbm) transformCommand() *cobra.Command {
	var o transformOptions
	c := &cobra.Command{
		Use:   "transform PATH...",
		Short: "run the macro on local templates",
		Long: `Transform runs the code of the macro on templates in JSON or YAML, and prints
the templates with their boundaries. Comments, short forms and order stay. It
expands no other transform: those stay in the result.

The boundary is that of an environment, or the given one. With a file store or
a given boundary you need no AWS account.

Several templates, and directories, need --diff, --check or --in-place. - is
stdin.`,
		Example: `  pbm transform template.yaml --environment dev --diff
  pbm transform template.yaml --permissions-boundary team/dev-boundary
  pbm transform stacks/ -e dev --in-place
  pbm transform template.yaml -e dev --store file:environments.json -o out.yaml`,
		Args:        cobra.MinimumNArgs(1),
		Annotations: map[string]string{outputsAnnotation: outputText, ignoresAnnotation: "yes"},
		RunE: func(c *cobra.Command, args []string) error {
			o.paths = args
			if c.Flags().Changed("environment") && o.environment == "" {
				return usagef("--environment is empty")
			}
			if c.Flags().Changed("out") && o.output == "" {
				return usagef("--out is empty; - is stdout")
			}
			return p.transform(c.Context(), o)
		},
	}
	flags := c.Flags()
	flags.StringVarP(&o.environment, "environment", "e", "", "environment, instead of the one that the template names")
	o.boundary.register(flags, "boundary to use: ARN, policy name, or '' for none")
	flags.StringArrayVar(&o.parameters, "parameter", nil, "value of a template parameter, NAME=VALUE (repeatable)")
	flags.StringVar(&o.account, "account", "", "account that the stack deploys to (12 digits)")
	flags.BoolVar(&o.portable, "portable", false, "write the boundary with Fn::Sub, for any account that deploys the template")
	flags.BoolVar(&o.diff, "diff", false, "print the diff instead of the template")
	flags.BoolVar(&o.check, "check", false, "print nothing, and exit with 1 if something would change")
	flags.BoolVar(&o.inPlace, "in-place", false, "write each template back to its file")
	flags.StringVarP(&o.output, "out", "o", "", "write the template to a file; - is stdout")
	flags.StringVar(&o.outputFormat, "output-format", "", "json or yaml (default: the template's own)")
	o.register(flags)
	return c
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// wrong finds wrong flags before anything is read.
func (o transformOptions) wrong() error {
	outputs := 0
	for _, on := range []bool{o.diff, o.check, o.inPlace, o.output != ""} {
		if on {
			outputs++
		}
	}
	switch {
	case o.environment != "" && o.boundary.given():
		return usagef("--environment and --permissions-boundary are mutually exclusive")
	case outputs > 1:
		return usagef("--diff, --check, --in-place and --out are mutually exclusive")
	case o.outputFormat != "" && o.outputFormat != "json" && o.outputFormat != "yaml":
		return usagef("--output-format %q is neither json nor yaml", o.outputFormat)
	case o.outputFormat != "" && outputs > 0 && o.output == "":
		return usagef("--output-format cannot be combined with --diff, --check or --in-place")
	case o.account != "" && !accountID.MatchString(o.account):
		return usagef("--account is not an account ID of 12 digits")
	case o.environment != "":
		return checkName(o.environment)
	}
	return nil
}

// unused is a parameter that no template declares, empty when there is none.
func (o transformOptions) unused() string {
	for _, assignment := range o.parameters {
		if name, _, _ := strings.Cut(assignment, "="); !o.used[name] {
			return name
		}
	}
	return ""
}

func (p *pbm) transform(ctx context.Context, o transformOptions) error {
	macro := transform.Macro{}
	err := o.wrong()
	if err == nil {
		macro.Options, err = o.settings()
		macro.Options.Portable = o.portable
	}
	if err != nil {
		return err
	}
	files, _, err := p.findTemplates(ctx, o.paths)
	if err != nil {
		return err
	}
	if o.inPlace {
		if files, err = p.changeable(files, "--in-place"); err != nil {
			return err
		}
	}
	if !o.inPlace && !o.diff && !o.check && (len(files) != 1 || o.output != "" && isDirectory(o.paths[0])) {
		return usagef("%s found; pass --diff, --check or --in-place", counted(len(files), "template"))
	}
	from, err := p.sources(o)
	if err != nil {
		return err
	}
	if len(files) == 1 {
		return p.transformFile(ctx, o, macro, from, files[0])
	}
	templates, failed := 0, 0
	o.used = map[string]bool{}
	for _, in := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := p.transformFile(ctx, o, macro, from, in)
		if errors.Is(err, errNoTemplate) && !in.named {
			continue
		}
		if _, noSource := errors.AsType[sourceError](err); noSource {
			return err // each further template would say the same
		}
		templates++
		if err != nil {
			p.reportOf(in.path, err)
			failed++
		}
	}
	switch {
	case templates == 0:
		return errNoneIn(o.paths[0])
	case failed > 0 && o.check:
		return fmt.Errorf("templates that would change or are refused: %d of %d", failed, templates)
	case failed > 0:
		return fmt.Errorf("templates that were not transformed: %d of %d", failed, templates)
	case o.unused() != "":
		return fmt.Errorf("--parameter %s: none of the templates declares it", o.unused())
	}
	return nil
}

func (p *pbm) transformFile(ctx context.Context, o transformOptions, macro transform.Macro, from *sources, in input) error {
	t, err := readTemplate(in, o.macro)
	if err != nil {
		return err
	}
	values, err := t.values(o.parameters, o.used)
	if err != nil {
		return err
	}
	t.verdict = rules.Inspect(t.Document, macro.Options.Rules(o.macro, values.byName))
	environment, awaited, err := t.environmentNamed(ctx, macro, from.local, values, o)
	if err != nil {
		return err
	}
	source, err := from.of(ctx, environment)
	if err != nil {
		return err
	}
	target := source.target
	macro.Store, macro.Options.AnyEnvironment = source.store, o.boundary.given()
	result, report, err := t.transform(ctx, macro, target, values, o)
	if err != nil {
		return err
	}
	if report.Err != nil {
		return t.explain(report, awaited, o)
	}
	if target.AccountID == "" {
		if err := p.warnAccount(report, o); err != nil {
			return err
		}
	}
	of := ""
	if len(o.paths) > 1 || isDirectory(o.paths[0]) {
		of = t.path + ": "
	}
	p.warn(t, report, awaited, o, of)
	return p.deliver(t, result, report, o, of)
}

// warnAccount keeps the account that stands for one that is not known out of
// files, or tells of it.
func (p *pbm) warnAccount(report transform.Report, o transformOptions) error {
	const remedy = "pass --account, or --portable for templates of many accounts"
	switch {
	case !wouldChange(report) || !strings.Contains(report.Boundary, placeholderAccount):
	case o.inPlace:
		return boundary.Problem{What: "the boundary needs an account, and the account is not known", Remedy: remedy}
	case p.isDelivered(o):
		p.line("warning: ", "the account is not known, so "+cmp.Or(o.output, "the output")+" has "+placeholderAccount+" in its place")
		p.line("hint: ", remedy)
	}
	return nil
}

// transform runs the macro. Where the account is not known it is the one of
// the boundary, for the macro refuses those of other accounts.
func (t *templateFile) transform(ctx context.Context, macro transform.Macro, target boundary.Target, v values, o transformOptions) ([]byte, transform.Report, error) {
	store := &noting{Reader: macro.Store}
	macro.Store = store
	known := target.AccountID != ""
	if !known {
		target.AccountID = placeholderAccount
	}
	result, report, err := t.rewrite(ctx, macro, target, v, o)
	value, malformed := boundary.Parse(store.text)
	if err == nil && malformed == nil && !known && value.AccountID() != "" {
		target.AccountID = value.AccountID()
		result, report, err = t.rewrite(ctx, macro, target, v, o)
	}
	return result, report, err
}

// environmentNamed is the environment that the template's stack belongs to, so
// that its store can be found, and the template parameter that names it at
// deployment and has no value here. They are empty where no store is asked: for a
// template that needs no boundary, or that fails before.
func (t *templateFile) environmentNamed(ctx context.Context, macro transform.Macro, target boundary.Target, v values, o transformOptions) (environment, awaited string, err error) {
	if o.environment != "" || o.boundary.given() {
		return o.environment, "", nil
	}
	if target.AccountID == "" {
		target.AccountID = placeholderAccount
	}
	d, err := t.request(macro, target, v, o)
	if err != nil {
		return "", "", err
	}
	macro.Store = given{value: sample}
	environment, _ = macro.Environment(ctx, d) // what is wrong with it, the rewrite reports
	return environment, macro.Awaited(d), nil
}

// rewrite runs the macro's own code on the template as it is written.
func (t *templateFile) rewrite(ctx context.Context, macro transform.Macro, target boundary.Target, v values, o transformOptions) ([]byte, transform.Report, error) {
	d, err := t.request(macro, target, v, o)
	if err != nil {
		return nil, transform.Report{}, err
	}
	result, report := macro.Rewrite(ctx, d)
	return result, report, nil
}

// request is the deployment of the template.
func (t *templateFile) request(macro transform.Macro, target boundary.Target, v values, o transformOptions) (transform.Deployment, error) {
	whole := t.whole()
	switch {
	case macro.Options.AnyEnvironment:
		whole.parameters = nil // which may name one that is known at deployment
	case o.environment == "":
		var err error
		if whole, err = t.called(); err != nil {
			return transform.Deployment{}, err
		}
	}
	return t.deployment(whole, target, v, o.environment, o.macro)
}

// explain corrects the remedies of a failure: pbm takes an environment from
// its caller, and does not run the transforms before the macro.
func (t *templateFile) explain(report transform.Report, awaited string, o transformOptions) error {
	if errors.Is(report.Err, transform.ErrUnnamed) {
		return boundary.WithRemedy(report.Err, "pass --environment"+orParameter(awaited)+"; or "+boundary.Remedy(report.Err))
	}
	if refusal, ok := errors.AsType[*rules.Refusal](report.Err); ok {
		return &refusedHere{refusal, func(f rules.Finding) bool { return t.isSolved(f, o.macro) }}
	}
	return report.Err
}

// refusedHere is the refusal of a template whose transforms pbm does not run.
type refusedHere struct {
	*rules.Refusal
	isSolved func(rules.Finding) bool // on AWS
}

func (r *refusedHere) Unwrap() error { return r.Refusal }

func (r *refusedHere) remedy(f rules.Finding) string {
	if r.isSolved(f) {
		return "nothing to do on AWS: the template lists the macro after " + f.SolvedBy() + ", where it binds the role; pbm does not run " + f.SolvedBy()
	}
	return f.Remedy()
}

// orParameter is the other flag that names the environment.
func orParameter(awaited string) string {
	if awaited == "" {
		return ""
	}
	return " or --parameter " + printable.Shell(clipped(awaited)) + "=VALUE"
}

// warn tells what the macro cannot see, when the environment may be another
// one, and when CloudFormation would not run the macro at all: of a result that
// is looked at, and not deployed.
func (p *pbm) warn(t *templateFile, report transform.Report, awaited string, o transformOptions, of string) {
	unlisted := func(c rules.Change) bool { return !held(t.scopes, c.LogicalID) }
	deployed := o.inPlace || o.diff || o.check || o.output != ""
	if t.macro == nil && slices.ContainsFunc(report.Changes, unlisted) && !deployed {
		p.line("warning: ", of+"the template does not list "+o.macro+" in Transform, so CloudFormation would not run it")
		p.line("hint: ", "add it to Transform, last in the list")
	}
	if awaited != "" && report.Environment != "" && !o.pinEnvironment {
		p.line("warning: ", of+"environment "+report.Environment+" may be wrong: the template parameter "+clipped(awaited)+", which has no value here, names it at deployment")
		p.line("hint: ", "pass --environment"+orParameter(awaited))
	}
	p.warnRepeated(t, of)
	for _, f := range report.BlindSpots {
		if f.Type == fnTransform && t.isOwn(f.LogicalID) {
			p.line("warning: ", of+cmp.Or(f.LogicalID, "Resources")+": Fn::Transform is left to CloudFormation")
			p.line("hint: ", "remove it if the result is deployed without the macro")
			continue
		}
		p.line("warning: ", of+f.String())
		p.line("hint: ", f.Remedy())
	}
}

// maxRepeated is how many keys that are given twice are named.
const maxRepeated = 10

// warnRepeated tells of keys that are given twice, where that is no reason to
// refuse the template.
func (p *pbm) warnRepeated(t *templateFile, of string) {
	keys := t.RepeatedKeys()
	for _, key := range keys[:min(len(keys), maxRepeated)] {
		p.line("warning: ", fmt.Sprintf("%sline %d: the key %s appears again; CloudFormation uses the last one", of, key.Line, key.Name))
	}
	if more := len(keys) - maxRepeated; more > 0 {
		p.line("warning: ", fmt.Sprintf("%sand %d more repeated keys", of, more))
	}
}

// errWouldChange ends pbm transform --check.
var errWouldChange = boundary.Problem{
	What:   "the template would change",
	Remedy: "see what changes with --diff",
}

// deliver writes the result where it was asked for, and then says what it is.
func (p *pbm) deliver(t *templateFile, result []byte, report transform.Report, o transformOptions, of string) error {
	if err := p.write(t, result, o); err != nil {
		return err
	}
	if o.inPlace && !p.dryRun && !bytes.Equal(t.src, result) {
		of = "wrote " + t.path + ": "
	}
	p.line("", of+summary(report, o.portable))
	if o.check && wouldChange(report) {
		return errWouldChange
	}
	return nil
}

func wouldChange(r transform.Report) bool {
	return slices.ContainsFunc(r.Changes, func(c rules.Change) bool { return c.Action != rules.Kept })
}

func (p *pbm) write(t *templateFile, result []byte, o transformOptions) error {
	switch {
	case o.check:
		return nil
	case o.diff:
		return p.printDiff(t.path, t.src, result)
	case o.inPlace:
		return p.writeFile(t.path, t.src, result)
	}
	result, err := inFormat(result, o.outputFormat)
	if err != nil {
		return err
	}
	if p.toFile(o) {
		if strings.EqualFold(filepath.Ext(o.output), ".json") && !template.IsJSONObject(result) {
			p.line("warning: ", o.output+" is YAML, as the template is")
			p.line("hint: ", "pass --output-format json")
		}
		return p.writeFile(o.output, nil, result)
	}
	return p.print(result)
}

// writeFile writes a file that has another content.
func (p *pbm) writeFile(path string, present, content []byte) error {
	switch {
	case bytes.Equal(present, content):
		return nil
	case p.dryRun:
		p.line("", "dry run: would write "+path)
		return nil
	}
	return atomicfile.Write(path, content)
}

func (p *pbm) print(text []byte) error {
	if _, err := p.stdout.Write(text); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// toFile reports whether --out names a file.
func (p *pbm) toFile(o transformOptions) bool {
	return o.output != "" && o.output != standardStream && !p.isStdout(o.output)
}

// isStdout reports whether a path is another name of stdout: /dev/stdout, or
// the file that a shell has opened.
func (p *pbm) isStdout(path string) bool {
	stdout, ok := p.stdout.(*os.File)
	if !ok {
		return false
	}
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	here, err := stdout.Stat()
	return err == nil && os.SameFile(here, there)
}

// summary says in one line what the macro did.
func summary(r transform.Report, portable bool) string {
	if r.Boundary == "" {
		return "no resource takes a boundary"
	}
	environment := ""
	if r.Environment != "" {
		environment = "environment " + r.Environment + ", "
	}
	if r.Boundary == boundary.None {
		return environment + "explicitly no boundary: roles stay as they are"
	}
	counts := r.Counts()
	var parts []string
	for _, action := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[action], action))
	}
	if len(parts) == 0 {
		parts = []string{"none to bind"}
	}
	where := "in account " + r.AccountID
	if portable {
		where = "of the account that deploys it"
	}
	return fmt.Sprintf("%sboundary %s %s: %s", environment, r.Boundary, where, strings.Join(parts, ", "))
}
