package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

func (p *pbm) checkCommand() *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check PATH...",
		Short: "find roles that would be unbound",
		Long: `Check reads templates, directories, and the local templates that they nest. It
reports for each role whether the macro binds it, replaces its boundary or
refuses it, whether it is bound already or unbound, or whether it escapes. It
also reports whether Transform lists the macro after the transforms that create
roles.

It needs no AWS account. Flags that are macro settings have the effect of the
settings. It exits with 1 when a role would be unbound, when the macro would
refuse a template, when a template cannot be read, or when a directory has none.
- is stdin.

Where there are many findings, --write-baseline records them, and --baseline
reports new ones only.`,
		Example: `  pbm check stacks/
  pbm check stacks/ --quiet --baseline pbm-baseline.json
  pbm check template.yaml --output sarif > pbm.sarif
  pbm check . --output github`,
		Args: cobra.MinimumNArgs(1),
		Annotations: map[string]string{
			outputsAnnotation: strings.Join(checkOutputs, ", "),
			ignoresAnnotation: storeFlags + ", " + readOnly,
		},
		RunE: func(c *cobra.Command, args []string) error { return p.check(c.Context(), args, o) },
	}
	flags := c.Flags()
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "show findings only: no roles that are bound, no files without findings")
	flags.StringVar(&o.baseline, "baseline", "", "report only findings that this file does not have")
	flags.StringVar(&o.writeBaseline, "write-baseline", "", "record all findings in this file")
	o.register(flags)
	return c
}

// checkOptions are the flags of pbm check.
type checkOptions struct {
	quiet                   bool
	baseline, writeBaseline string
	macroOptions
}

// Further forms of what check finds.
const (
	outputSARIF  = "sarif"
	outputGitHub = "github"
)

// Errors that end pbm check.
var (
	errUnbound    = errors.New("there are roles that would be unbound")
	errEscapes    = errors.New("there are roles that the macro cannot bind")
	errConflicts  = errors.New("there are roles with a boundary of their own, which the macro refuses (ExistingBoundary=reject)")
	errBlindSpots = errors.New("there are blind spots, which the macro refuses (BlindSpots=reject)")
)

func (p *pbm) check(ctx context.Context, paths []string, o checkOptions) error {
	options, err := o.settings()
	if err != nil {
		return err
	}
	if o.baseline != "" && o.writeBaseline != "" {
		return usagef("--baseline and --write-baseline are mutually exclusive")
	}
	if o.baseline+o.writeBaseline != "" && slices.Contains(paths, standardStream) {
		return usagef("a baseline knows findings by path, and stdin has none; name a file")
	}
	var known baseline
	var present []byte // in place of the baseline to write
	switch {
	case o.baseline != "":
		known, err = readBaseline(o.baseline)
	case o.writeBaseline != "":
		present, err = replaceable(o.writeBaseline)
	}
	if err != nil {
		return err
	}
	files, skipped, err := p.findTemplates(ctx, paths)
	if err != nil {
		return err
	}
	c := checker{macro: o.macroName, options: options, progress: p.progress("templates", 100)}
	all, err := c.files(ctx, files)
	if err != nil {
		return err
	}
	if o.baseline != "" {
		all.subtract(known, o.baseline)
	}
	all.summarize(skipped)
	for _, t := range all.Templates {
		if t.Foreign != "" {
			p.line("", t.Path+": not CloudFormation's own YAML: "+t.Foreign)
		}
	}
	// Hooks name whatever has changed, templates or not.
	for _, path := range all.others {
		if isServerless(path) {
			p.line("warning: ", path+" is of the Serverless Framework and is not checked; check what it packages, in .serverless")
		} else {
			p.line("warning: ", path+" has no Resources of CloudFormation and is not checked")
		}
	}
	if err := p.showChecked(all, o); err != nil {
		return err
	}
	if p.output != outputText {
		p.line("", all.Summary.String())
	}
	p.reportBaseline(o.baseline, all.Baseline)
	directory := slices.IndexFunc(paths, isDirectory)
	switch {
	case all.Summary.Templates == 0 && directory >= 0:
		return errNoneIn(paths[directory])
	case o.writeBaseline != "":
		if err := p.writeBaseline(o.writeBaseline, present, all); err != nil {
			return err
		}
		return all.unreadable()
	}
	return p.verdictOf(all, options, o)
}

// verdictOf is the error for what is found and no baseline knows.
func (p *pbm) verdictOf(all checkResult, options transform.Options, o checkOptions) error {
	counts, known := all.Summary, all.Summary.known
	switch {
	case p.output != outputText && slices.ContainsFunc(all.Templates, checkedTemplate.mayAdopt): // text has a hint for each
		return boundary.Problem{What: errUnbound.Error(), Remedy: "have the templates adopt the macro: " + o.adopt("PATH...")}
	case counts.Unbound > known.unbound:
		return errUnbound
	case counts.Escapes > known.escapes:
		return errEscapes
	case counts.Conflicts > known.conflicts:
		return errConflicts
	case options.BlindSpots == transform.RejectBlindSpots && counts.BlindSpots > known.blindSpots:
		return errBlindSpots
	case counts.Unreadable > 0:
		return all.unreadable()
	case counts.misnamed > known.misnamed:
		return fmt.Errorf("templates that every deployment refuses for what names their environment: %d", counts.misnamed-known.misnamed)
	}
	return nil
}

// unreadable is the error for templates that cannot be read.
func (r checkResult) unreadable() error {
	if r.Summary.Unreadable == 0 {
		return nil
	}
	return fmt.Errorf("templates that cannot be read: %d", r.Summary.Unreadable)
}

// isServerless reports whether a file is a service of the Serverless Framework, by
// its name: it may have roles in a section of its own.
func isServerless(path string) bool {
	return slices.Contains([]string{"serverless.yml", "serverless.yaml", "serverless.json"}, filepath.Base(path))
}

// checker checks templates, several at once.
type checker struct {
	macro    string
	options  transform.Options
	progress func(done, total int)

	generators sync.Map // of files by directory
}

// generatorOf asks of each directory once.
func (c *checker) generatorOf(in input) string {
	directory := filepath.Dir(in.real)
	if by, known := c.generators.Load(directory); known {
		return by.(string)
	}
	by := generatorOf(in)
	c.generators.Store(directory, by)
	return by
}

// files checks templates and those that they nest, which may lie elsewhere.
func (c *checker) files(ctx context.Context, files []input) (checkResult, error) {
	result := checkResult{Templates: []checkedTemplate{}}
	known := map[string]bool{}
	for _, in := range files {
		known[in.real] = true
	}
	for first := true; len(files) > 0; first = false {
		checked, err := c.some(ctx, files)
		if err != nil {
			return checkResult{}, err
		}
		var nested []input
		for i, t := range checked {
			if t.other && first { // a nested one must be a template
				if files[i].named || isServerless(files[i].path) {
					result.others = append(result.others, t.Path)
				}
				continue
			}
			result.Templates = append(result.Templates, t)
			for _, in := range t.nested {
				if !known[in.real] {
					known[in.real] = true
					nested = append(nested, in)
				}
			}
		}
		files = nested
	}
	slices.SortFunc(result.Templates, func(a, b checkedTemplate) int { return cmp.Compare(a.Path, b.Path) })
	return result, nil
}

func (c *checker) some(ctx context.Context, files []input) ([]checkedTemplate, error) {
	checked := make([]checkedTemplate, len(files))
	var done atomic.Int64
	// Not errgroup.WithContext: its context is canceled a moment after ctx, and a
	// read of stdin that ctx has ended would pass for a file that cannot be read.
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, in := range files {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			checked[i] = c.file(ctx, in)
			c.progress(int(done.Add(1)), len(files))
			return ctx.Err() // a file may have been read in part
		})
	}
	return checked, group.Wait()
}

// file checks one template.
func (c *checker) file(ctx context.Context, in input) checkedTemplate {
	result := checkedTemplate{Path: in.path, Roles: []checkedRole{}, isStream: in.isStream()}
	t, err := readTemplate(in, c.macro)
	if errors.Is(err, errTemplating) && !in.named {
		result.Foreign, result.unchecked = errTemplating.Error()+"; check what it renders", true
		return result
	}
	if err != nil {
		result.unreadable(err)
		return result
	}
	result.Foreign = foreignTag(t.Document)
	result.Macro = placeOf(t.indexOf(c.macro), len(t.transforms))
	if t.macro != nil {
		result.macroLine = t.macro.Line
	}
	if result.Macro == macroMissing && len(t.scopes) > 0 {
		result.Macro = macroScoped
	}
	values, err := t.values(nil, nil)
	if err != nil {
		result.unreadable(err)
		return result
	}
	found := c.inspect(t, values)
	result.unlistable = c.unlistable(t, in)
	c.roles(&result, t, found)
	if slices.ContainsFunc(result.Roles, isUnbound) {
		result.generatedBy = c.generatorOf(in)
	}
	c.values(&result, t)
	c.blindSpots(&result, t, in.root)
	for _, f := range t.verdict.Excuses {
		result.Excuses = append(result.Excuses, roleOf(t, f, statusExcuse))
	}
	c.transforms(&result, t)
	if len(result.Roles) > 0 {
		result.Environment, result.environmentError = c.environment(ctx, t, values, found.binding)
		if result.environmentError != nil {
			result.EnvironmentProblem = transform.Message(result.environmentError)
		}
	}
	return result
}

// unlistable says why a template cannot list the macro, if it cannot.
func (c *checker) unlistable(t *templateFile, in input) string {
	switch {
	case t.defines(c.macro):
		return ofMacro
	case in.managed:
		return ofManaged
	case t.isPublished():
		return ofPublished
	}
	return ""
}

// unreadable says why the template cannot be read, and on which line.
func (t *checkedTemplate) unreadable(err error) {
	t.other = errors.Is(err, errNoTemplate)
	t.Unreadable, t.line = err.Error(), 1
	if problem, ok := errors.AsType[boundary.Problem](err); ok && problem.Cause != nil {
		t.Unreadable = problem.Cause.Error()
	}
	if at, ok := errors.AsType[*template.LineError](err); ok {
		t.line = at.Line
	}
}

// sample is a boundary that no template has.
var sample = func() boundary.Value {
	value, err := boundary.Parse("arn:aws:iam::aws:policy/pbm-check")
	if err != nil {
		panic(err)
	}
	return value
}()

// bound is what the macro does to the roles of a template, whatever their
// environment is: the boundary is a sample.
type bound struct {
	changes   []rules.Change
	conflicts []rules.Finding
	binding   []scope // where a Fn::Transform has the macro do it
}

// inspect has the rules look at a template, and at the parts of it that a
// Fn::Transform hands to the macro.
func (c *checker) inspect(t *templateFile, v values) (found bound) {
	o := c.options.Rules(c.macro, v.byName)
	t.verdict = rules.Inspect(t.Document, o)
	found.changes, found.conflicts = c.bind(t.verdict, v)
	for _, s := range t.scopes {
		s.verdict = rules.Inspect(s.template, o)
		if changes, conflicts := c.bind(s.verdict, v); len(s.verdict.Escapes) == 0 && len(changes)+len(conflicts) > 0 {
			found.binding = append(found.binding, s)
		}
	}
	return found
}

// bind binds the roles of a template to the sample.
func (c *checker) bind(verdict *rules.Verdict, v values) ([]rules.Change, []rules.Finding) {
	b, err := rules.BoundaryOf(sample, anyTarget, v.byName)
	if err != nil {
		panic(err) // the sample is a policy of AWS, which every account has
	}
	_, changes, conflicts := verdict.Bind(b, c.options.Existing)
	return changes, conflicts
}

// anyTarget stands for the account and the Region of a deployment.
var anyTarget = boundary.TargetOf(placeholderAccount, "us-east-1")

// environment is which environment the template's stacks are of, or why nobody
// knows. Each place that calls the macro has its own say. Of what deployment
// decides there is nothing to say, such as of what names it by the account.
func (c *checker) environment(ctx context.Context, t *templateFile, v values, binding []scope) (string, error) {
	if t.macro != nil {
		binding = append(binding, t.whole())
	}
	m := transform.Macro{Options: c.options, Store: given{value: sample}}
	if c.options.PinEnvironment { // whether there are others, only the account knows
		m.Store = given{value: sample, only: c.options.DefaultEnvironment}
	}
	var names []string
	for _, s := range binding {
		d, err := t.deployment(s, boundary.Target{}, v, "", c.macro)
		if errors.Is(err, errAtDeployment) {
			continue
		}
		if err != nil {
			return "", err
		}
		name, err := m.Environment(ctx, d)
		if m.Awaited(d) != "" && (err == nil || errors.Is(err, transform.ErrUnnamed)) {
			continue // the deployment knows
		}
		if err != nil {
			return "", err
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", "), nil
}

// roles gives each role its status.
func (c *checker) roles(result *checkedTemplate, t *templateFile, found bound) {
	isRun := func(id string) bool { return t.macro != nil || held(found.binding, id) }
	for _, change := range found.changes {
		role := checkedRole{LogicalID: change.LogicalID, Type: change.Type}
		role.Line, role.column = t.placeOf(change.Offset, change.Inside)
		if isRun(change.LogicalID) {
			role.withMacro(change)
		} else {
			c.withoutMacro(&role, change, result)
		}
		result.Roles = append(result.Roles, role)
	}
	for _, f := range found.conflicts {
		if differs(f) { // the boundary of the environment is not known here: it is the sample
			f.Names = []string{f.Names[0], "a boundary that check does not know"}
		}
		role := roleOf(t, f, statusConflict)
		if differs(f) {
			role.brief = "has " + briefBoundary(f.Was) + ", its environment may have another"
		}
		switch {
		case !isRun(f.LogicalID):
			role.Code = ""
			c.withoutMacro(&role, rules.Change{Was: f.Was, Certain: f.Certain}, result)
		case !differs(f):
			role.Status = statusEscape
		}
		result.Roles = append(result.Roles, role)
	}
	c.escapes(result, t, t.verdict.Escapes)
	slices.SortStableFunc(result.Roles, func(a, b checkedRole) int { return cmp.Compare(a.Line, b.Line) })
}

// differs reports whether a conflict is about another boundary, which the setting
// Reject refuses.
func differs(f rules.Finding) bool {
	return f.Code == rules.CodeConflict || f.Code == rules.CodeGlobalConflict
}

// withMacro is the status of a role that the macro sees.
func (role *checkedRole) withMacro(change rules.Change) {
	switch change.Action {
	case rules.Kept:
		role.Status, role.brief = statusBound, "already"
	case rules.Replaced:
		role.Status, role.Reason, role.brief = statusReplaced, "had "+change.Was, "was "+briefBoundary(change.Was)
	default:
		role.Status, role.brief = statusByMacro, "by the macro"
	}
}

// briefBoundary is what was said of a boundary, in fewer words: of an ARN the name
// of the policy.
func briefBoundary(was string) string {
	was = strings.TrimPrefix(was, "the boundary ")
	if at := strings.LastIndex(was, ":policy/"); at >= 0 {
		return was[at+1:]
	}
	return was
}

// withoutMacro is the status of a role that the macro does not see, with the
// reason and the remedy. The macro cannot bind the stack that creates it, and
// service-managed StackSets take no transforms.
func (c *checker) withoutMacro(role *checkedRole, change rules.Change, result *checkedTemplate) {
	if change.Certain {
		role.Status, role.Reason, role.Remedy, role.brief = statusBound, "", "", "already"
		return
	}
	role.Status = statusUnbound
	role.Reason, role.Remedy, role.brief = "has no boundary", "give it a boundary in the template", "no boundary"
	if change.Was != "" {
		role.Reason, role.Remedy = "has a boundary that may be none", "give it a value that cannot be empty; for a parameter, by AllowedPattern or MinLength"
		role.brief = "boundary may be empty: " + briefBoundary(change.Was)
		if change.Inherited {
			role.Reason = "has a boundary from Globals that may be none"
			role.brief = "boundary from Globals may be empty: " + briefBoundary(change.Was)
		}
	}
	switch result.unlistable {
	case ofMacro:
		role.Reason += ", and the macro cannot bind its own stack"
	case ofManaged:
		role.Reason += ", and a service-managed StackSet takes no transforms"
		role.Remedy = "bind it in the file: pbm transform --portable --in-place"
	case ofPublished:
		role.Reason += ", and the Serverless Application Repository takes no macro"
	default:
		role.Reason += ", and the template does not list " + c.macro
		role.Remedy = "list " + c.macro + " last in Transform"
	}
}

func roleOf(t *templateFile, f rules.Finding, status string) checkedRole {
	role := checkedRole{LogicalID: f.LogicalID, Type: f.Type, Status: status, Code: f.Code, Reason: f.Reason(), Remedy: f.Remedy(), Accepted: f.Accepted}
	role.Line, role.column = t.placeOf(f.Offset, f.Inside)
	return role
}

// placeOf is the line and the column of a place in the template. In the template of
// a StackSet it is the line only.
func (t *templateFile) placeOf(offset int, inside rules.Inside) (line, column int) {
	if inside.Template != nil {
		return t.LineInside(offset, inside.Template.Line(inside.Offset)), 0
	}
	return t.Line(offset), t.Column(offset)
}

func (c *checker) escapes(result *checkedTemplate, t *templateFile, findings []rules.Finding) {
	for _, f := range findings {
		role := roleOf(t, f, statusEscape)
		switch {
		case held(t.scopes, f.LogicalID):
			role.Remedy += ", in place of " + fnTransform
		case t.isSolved(f, c.macro):
			// The macro sees what that transform makes, such as a further role.
			role.Status, role.Code, role.Reason, role.Remedy = statusByMacro, "", "may create a role, which the macro binds after "+f.SolvedBy()+" has run", ""
			role.brief = "by the macro, if it creates a role after " + f.SolvedBy()
		}
		result.Roles = append(result.Roles, role)
	}
}

// values reports where a Fn::Transform calls the macro in place of the value of
// a property. The macro refuses that, and so the deployment, whatever else binds
// the roles.
func (c *checker) values(result *checkedTemplate, t *templateFile) {
	for _, id := range t.valued {
		line := t.SectionLine("Resources")
		if at := slices.IndexFunc(result.Roles, func(r checkedRole) bool { return r.LogicalID == id }); at >= 0 {
			line = result.Roles[at].Line
		}
		f := rules.PropertyValue(c.macro)
		result.Roles = append(result.Roles, checkedRole{LogicalID: id, Type: fnTransform, Line: line, Status: statusEscape, Code: f.Code, Reason: f.Reason(), Remedy: f.Remedy()})
	}
	slices.SortStableFunc(result.Roles, func(a, b checkedRole) int { return cmp.Compare(a.Line, b.Line) })
}

// isSolved reports whether the template lists the macro after the transform that
// makes a finding go away. Fn::Transform comes before all that Transform lists.
func (t *templateFile) isSolved(f rules.Finding, macro string) bool {
	return f.SolvedBy() != "" && !held(t.scopes, f.LogicalID) && t.listsAfter(macro, f.SolvedBy())
}

// blindSpots are those of the template, except those that are checked: nested
// templates that are at hand, and places where Fn::Transform names the macro.
// A macro that rejects blind spots does not see the former.
func (c *checker) blindSpots(result *checkedTemplate, t *templateFile, root string) {
	if len(t.verdict.Blind) == 0 {
		return // most templates nest nothing, and to look for it costs as much as to check them
	}
	nested := t.nested(root)
	for _, f := range t.verdict.Blind {
		role := roleOf(t, f, statusBlind)
		if f.Accepted != "" && !c.refusesAccepted() {
			role.Status, role.Remedy, role.brief = statusAccepted, "", f.Accepted
		}
		switch {
		case f.Type == fnTransform && !f.Embedded && (t.macro != nil || t.isOwn(f.LogicalID)):
			continue // it has run when the macro sees the template, or calls it
		case t.isSolved(f, c.macro):
			continue
		}
		if in, here := nested[f.LogicalID]; here && f.IsOfOtherTemplate() {
			switch err := nestedTemplate(root, in.path); {
			case err == nil:
				result.nested = append(result.nested, in)
				if t.macro == nil || c.options.BlindSpots != transform.RejectBlindSpots {
					continue
				}
			case !errors.Is(err, fs.ErrNotExist):
				role.Reason, role.Remedy = "nests "+in.path+", which "+err.Error(), "name that template, too"
			}
		}
		result.BlindSpots = append(result.BlindSpots, role)
	}
}

// refusesAccepted reports whether the macro refuses a blind spot that the template
// accepts.
func (c *checker) refusesAccepted() bool {
	return c.options.BlindSpots == transform.RejectBlindSpots && !c.options.AcceptBlindSpots
}

// transforms reports those that add what the macro does not see: behind it, or
// anywhere in a template that does not list it.
func (c *checker) transforms(result *checkedTemplate, t *templateFile) {
	for _, other := range t.transforms[t.indexOf(c.macro)+1:] {
		if rules.MayAddRoles(other.Name) {
			result.BlindSpots = append(result.BlindSpots, checkedRole{
				LogicalID: "Transform", Type: other.Name, Line: other.Line,
				Status: statusBlind, Code: codeLaterTransform, Reason: "may add roles, which the macro does not see", Remedy: "list " + c.macro + " last in Transform",
			})
		}
	}
}

// Types of resources that nest a template, or deploy it.
const (
	stackType       = "AWS::CloudFormation::Stack"
	stackSetType    = "AWS::CloudFormation::StackSet"
	applicationType = "AWS::Serverless::Application"
)

// nested are the local templates that a template nests or deploys by a
// StackSet, by logical ID. root is that of the template: see [input].
func (t *templateFile) nested(root string) map[string]input {
	inputs := map[string]input{}
	for id, r := range t.Resources(stackType, stackSetType, applicationType) {
		location := nestedLocation(r)
		if !location.IsString() || location.IsEmpty() || strings.Contains(location.Text, "://") {
			continue
		}
		path := filepath.Join(filepath.Dir(t.path), filepath.FromSlash(location.Text))
		inputs[id] = input{
			path:    path,
			real:    realPath(path),
			root:    root,
			managed: r.Type == stackSetType && r.Properties.Get("PermissionModel").Text == "SERVICE_MANAGED",
		}
	}
	return inputs
}

// nestedLocation says where the template of a resource is. In the output of the
// CDK, TemplateURL is where the CDK uploads it, and Metadata names the file.
func nestedLocation(r template.Resource) template.Node {
	switch {
	case r.Type == applicationType:
		return r.Properties.Get("Location")
	case r.Metadata.Get("aws:asset:property").Text == "TemplateURL":
		return r.Metadata.Get("aws:asset:path")
	}
	return r.Properties.Get("TemplateURL")
}
