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
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
	diff         bool
	checkOnly    bool
	inPlace      bool
	portable     bool
	out          string
	outputFormat string
	macroOptions
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
			if c.Flags().Changed("out") && o.out == "" {
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
	flags.BoolVar(&o.checkOnly, "check", false, "print nothing, and exit with 1 if something would change")
	flags.BoolVar(&o.inPlace, "in-place", false, "write each template back to its file")
	flags.StringVarP(&o.out, "out", "o", "", "write the template to a file; - is stdout")
	flags.StringVar(&o.outputFormat, "output-format", "", "json or yaml (default: the template's own)")
	o.register(flags)
	return c
}

// wrong finds wrong flags before anything is read.
func (o transformOptions) wrong() error {
	outputs := 0
	for _, on := range []bool{o.diff, o.checkOnly, o.inPlace, o.out != ""} {
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
	case o.outputFormat != "" && outputs > 0 && o.out == "":
		return usagef("--output-format cannot be combined with --diff, --check or --in-place")
	case o.account != "" && boundary.CheckAccountID(o.account) != nil:
		return usagef("--account is not an account ID of 12 digits")
	case o.environment != "":
		return checkName(o.environment)
	}
	return nil
}

func (p *pbm) transform(ctx context.Context, o transformOptions) error {
	r := transformRun{pbm: p, transformOptions: o, opened: map[string]*source{}}
	if err := r.prepare(); err != nil {
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
	if !o.inPlace && !o.diff && !o.checkOnly && (len(files) != 1 || o.out != "" && isDirectory(o.paths[0])) {
		return usagef("%s found; pass --diff, --check or --in-place", counted(len(files), "template"))
	}
	if len(files) == 1 {
		return r.file(ctx, files[0])
	}
	return r.files(ctx, files)
}

// transformRun is one run of pbm transform.
type transformRun struct {
	*pbm
	transformOptions
	macro  transform.Macro
	local  boundary.Target    // where there is no AWS to ask; its account may be unknown
	given  *source            // of --permissions-boundary
	opened map[string]*source // by environment

	// used are the parameters that some template declares: of several, each
	// takes those that are its own. Nil for one, which must declare all.
	used map[string]bool
}

// prepare checks the flags before anything is read.
func (r *transformRun) prepare() (err error) {
	if err := r.wrong(); err != nil {
		return err
	}
	if r.macro.Options, err = r.settings(); err != nil {
		return err
	}
	r.macro.Options.Portable, r.macro.Options.AnyEnvironment = r.portable, r.boundary.given()
	r.local = boundary.TargetOf(r.account, r.store.localRegion())
	if !r.boundary.given() {
		return nil
	}
	value, err := r.boundary.value()
	r.given = &source{Reader: given{value: value}, target: r.local}
	return err
}

// files transforms several templates. What is wrong with an environment is said
// once, and not for each of its templates.
func (r *transformRun) files(ctx context.Context, files []input) error {
	templates, failed := 0, 0
	r.used = map[string]bool{}
	told := map[string]bool{}
	for _, in := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := r.file(ctx, in)
		if errors.Is(err, errNoTemplate) && !in.named {
			continue
		}
		if _, unopened := errors.AsType[openError](err); unopened {
			return err // each further template would say the same
		}
		templates++
		if err == nil {
			continue
		}
		failed++
		if of, ok := errors.AsType[environmentError](err); !ok {
			r.reportOf(in.path, err)
		} else if !told[of.environment] {
			told[of.environment] = true
			r.report(err)
		}
	}
	switch {
	case templates == 0:
		return errNoneIn(r.paths[0])
	case failed > 0 && r.checkOnly:
		return fmt.Errorf("templates that would change or are refused: %d of %d", failed, templates)
	case failed > 0:
		return fmt.Errorf("templates that were not transformed: %d of %d", failed, templates)
	}
	for _, assignment := range r.parameters {
		if name, _, _ := strings.Cut(assignment, "="); !r.used[name] {
			return fmt.Errorf("--parameter %s: none of the templates declares it", name)
		}
	}
	return nil
}

// file transforms one template.
func (r *transformRun) file(ctx context.Context, in input) error {
	t, err := readTemplate(in, r.macroName)
	if err != nil {
		return err
	}
	values, err := t.values(r.parameters, r.used)
	if err != nil {
		return err
	}
	t.verdict = rules.Inspect(t.Document, r.macro.Options.Rules(r.macroName, values.byName))
	environment, awaited, err := r.environmentOf(ctx, t, values)
	if err != nil {
		return err
	}
	from, err := r.source(ctx, environment)
	if err != nil {
		return err
	}
	target, assumed := from.target, false
	if target.AccountID == "" {
		// The macro refuses the boundaries of other accounts.
		value := from.value(ctx, environment)
		target.AccountID = cmp.Or(value.AccountID(), placeholderAccount)
		assumed = value.AccountID() == "" && value.NeedsAccount() && !r.portable
	}
	d, err := r.request(t, target, values)
	if err != nil {
		return err
	}
	macro := r.macro
	macro.Store = from
	result, report := macro.Rewrite(ctx, d)
	if report.Err != nil {
		return r.explain(t, from, report, awaited)
	}
	if assumed && wouldChange(report) {
		if err := r.warnAccount(); err != nil {
			return err
		}
	}
	of := ""
	if len(r.paths) > 1 || isDirectory(r.paths[0]) {
		of = t.path + ": "
	}
	r.warn(t, report, awaited, of)
	return r.deliver(t, result, report, of)
}

// warnAccount keeps the account that stands for one that is not known out of
// files, or warns about it.
func (r *transformRun) warnAccount() error {
	const remedy = "pass --account, or --portable for templates of many accounts"
	switch {
	case r.inPlace:
		return boundary.Problem{What: "the boundary needs an account, and the account is not known", Remedy: remedy}
	case r.isDelivered():
		r.line("warning: ", "the account is not known, so "+cmp.Or(r.out, "the output")+" has "+placeholderAccount+" in its place")
		r.line("hint: ", remedy)
	}
	return nil
}

// environmentOf returns the environment that the template's stack belongs to, so
// that its store can be found, and the template parameter that names it at
// deployment and has no value here. They are empty where no store is asked: for a
// template that needs no boundary, or that fails before.
func (r *transformRun) environmentOf(ctx context.Context, t *templateFile, v values) (environment, awaited string, err error) {
	if r.environment != "" || r.boundary.given() {
		return r.environment, "", nil
	}
	target := r.local
	target.AccountID = cmp.Or(target.AccountID, placeholderAccount)
	d, err := r.request(t, target, v)
	if err != nil {
		return "", "", err
	}
	macro := r.macro
	macro.Store = given{value: sample}
	environment, _ = macro.Environment(ctx, d) // Rewrite reports what is wrong with it
	return environment, macro.Awaited(d), nil
}

// request is the deployment of the template.
func (r *transformRun) request(t *templateFile, target boundary.Target, v values) (transform.Deployment, error) {
	whole := t.whole()
	switch {
	case r.boundary.given():
		whole.parameters = nil // which may name one that is known at deployment
	case r.environment == "":
		var err error
		if whole, err = t.called(); err != nil {
			return transform.Deployment{}, err
		}
	}
	return t.deployment(whole, target, v, r.environment, r.macroName)
}

// environmentError is an error of the store or the value of an environment. It
// is the same for each of its templates.
type environmentError struct {
	error
	environment string
}

func (e environmentError) Unwrap() error { return e.error }

// explain corrects the remedies of a failure: pbm takes an environment from
// its caller, and does not run the transforms before the macro.
func (r *transformRun) explain(t *templateFile, from *source, report transform.Report, awaited string) error {
	// An unknown environment that templates name may be misspelled in one of them.
	isTemplates := r.environment == "" && errors.Is(report.Err, boundary.ErrUnknown)
	if from.failed && !isTemplates {
		return environmentError{report.Err, report.Environment}
	}
	if errors.Is(report.Err, transform.ErrUnnamed) {
		return boundary.WithRemedy(report.Err, "pass --environment"+orParameter(awaited)+"; or "+boundary.Remedy(report.Err))
	}
	if refusal, ok := errors.AsType[*rules.Refusal](report.Err); ok {
		return &refusedHere{refusal, func(f rules.Finding) bool { return t.isSolved(f, r.macroName) }}
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
func (r *transformRun) warn(t *templateFile, report transform.Report, awaited, of string) {
	unlisted := func(c rules.Change) bool { return !held(t.scopes, c.LogicalID) }
	deployed := r.inPlace || r.diff || r.checkOnly || r.out != ""
	if t.macro == nil && slices.ContainsFunc(report.Changes, unlisted) && !deployed {
		r.line("warning: ", of+"the template does not list "+r.macroName+" in Transform, so CloudFormation would not run it")
		r.line("hint: ", "add it to Transform, last in the list")
	}
	if awaited != "" && report.Environment != "" && !r.pinEnvironment {
		r.line("warning: ", of+"environment "+report.Environment+" may be wrong: the template parameter "+clipped(awaited)+", which has no value here, names it at deployment")
		r.line("hint: ", "pass --environment"+orParameter(awaited))
	}
	r.warnRepeated(t, of)
	for _, f := range report.BlindSpots {
		if f.Type == fnTransform && t.isOwn(f.LogicalID) {
			r.line("warning: ", of+cmp.Or(f.LogicalID, "Resources")+": Fn::Transform is left to CloudFormation")
			r.line("hint: ", "remove it if the result is deployed without the macro")
			continue
		}
		r.line("warning: ", of+f.String())
		r.line("hint: ", f.Remedy())
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
func (r *transformRun) deliver(t *templateFile, result []byte, report transform.Report, of string) error {
	if err := r.write(t, result); err != nil {
		return err
	}
	if r.inPlace && !r.dryRun && !bytes.Equal(t.src, result) {
		of = "wrote " + t.path + ": "
	}
	r.line("", of+summary(report, r.portable))
	if r.checkOnly && wouldChange(report) {
		return errWouldChange
	}
	return nil
}

func wouldChange(r transform.Report) bool {
	return slices.ContainsFunc(r.Changes, func(c rules.Change) bool { return c.Action != rules.Kept })
}

func (r *transformRun) write(t *templateFile, result []byte) error {
	switch {
	case r.checkOnly:
		return nil
	case r.diff:
		return r.printDiff(t.path, "transformed", t.src, result)
	case r.inPlace:
		return r.writeFile(t.path, t.src, result)
	}
	result, err := inFormat(result, r.outputFormat)
	if err != nil {
		return err
	}
	if r.toFile() {
		if strings.EqualFold(filepath.Ext(r.out), ".json") && !template.IsJSONObject(result) {
			r.line("warning: ", r.out+" is YAML, as the template is")
			r.line("hint: ", "pass --output-format json")
		}
		return r.writeFile(r.out, nil, result)
	}
	return r.print(result)
}

// inFormat is a template in a syntax: json, yaml, or empty for its own.
func inFormat(text []byte, format string) ([]byte, error) {
	syntax, converts := map[string]template.Syntax{"json": template.JSON, "yaml": template.YAML}[format]
	if !converts {
		return text, nil
	}
	t, err := template.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the result: %w", err)
	}
	return t.Convert(syntax)
}

// toFile reports whether --out names a file.
func (r *transformRun) toFile() bool {
	return r.out != "" && r.out != standardStream && !r.isStdout(r.out)
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
	if r.Value.IsOverride() {
		environment = "override of " + environment
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
