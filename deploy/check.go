package deploy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
)

func (p *pbm) checkCommand() *cobra.Command {
	var o macroOptions
	c := &cobra.Command{
		Use:   "check PATH...",
		Short: "say which roles of templates would be unbound",
		Long: `Check looks through templates, directories of them, and the local templates that
they nest, and says of each role whether the macro binds it, it is bound
already, it is unbound, or it escapes. It says whether the macro is listed in
Transform, and behind the transforms that make roles.

It needs no AWS account. It exits with 1 when a role would be unbound, or when a
template cannot be read.`,
		Example: `  pbm check stacks/
  pbm check template.yaml --output sarif > pbm.sarif
  pbm check . --output github`,
		Args:        cobra.MinimumNArgs(1),
		Annotations: map[string]string{outputsAnnotation: strings.Join([]string{outputText, outputJSON, outputSARIF, outputGitHub}, ", ")},
		RunE:        func(c *cobra.Command, args []string) error { return p.check(c.Context(), args, o) },
	}
	o.register(c.Flags())
	return c
}

// Further forms of what check finds.
const (
	outputSARIF  = "sarif"
	outputGitHub = "github"
)

// errUnbound ends pbm check.
var errUnbound = &boundary.Problem{
	What:   "there are roles that would be unbound",
	Remedy: "have the templates adopt the macro: pbm adopt PATH...",
}

func (p *pbm) check(ctx context.Context, paths []string, o macroOptions) error {
	options, err := o.settings()
	if err != nil {
		return err
	}
	files, err := findTemplates(paths)
	if err != nil {
		return err
	}
	files, err = p.onlyTemplates(files)
	if err != nil {
		return err
	}
	c := checker{macro: o.macro, options: options, progress: p.progress()}
	all, err := c.files(ctx, files)
	if err != nil {
		return err
	}
	if err := p.showChecked(all); err != nil {
		return err
	}
	counts := all.Summary
	p.line("", counts.String())
	switch {
	case counts.Unbound+counts.Escapes > 0:
		return errUnbound
	case counts.Unreadable > 0:
		return fmt.Errorf("templates that cannot be read: %d", counts.Unreadable)
	}
	return nil
}

// onlyTemplates leaves files out that are no templates: hooks name whatever has
// changed.
func (p *pbm) onlyTemplates(files []string) ([]string, error) {
	var templates []string
	for _, file := range files {
		switch is, err := looksLikeTemplate(file); {
		case err != nil:
			return nil, fmt.Errorf("read the template: %w", err)
		case is:
			templates = append(templates, file)
		default:
			p.line("warning: ", file+" has no Resources of CloudFormation and is not checked")
		}
	}
	return templates, nil
}

// checker checks templates, several at once.
type checker struct {
	macro    string
	options  transform.Options
	progress func(done, total int)
}

// files checks templates and those that they nest, which may lie elsewhere.
func (c *checker) files(ctx context.Context, files []string) (checkResult, error) {
	known := map[string]bool{}
	var all []checkedTemplate
	for len(files) > 0 {
		for _, file := range files {
			known[filepath.Clean(file)] = true
		}
		checked, err := c.some(ctx, files)
		if err != nil {
			return checkResult{}, err
		}
		files = nil
		for _, t := range checked {
			for _, path := range t.nested {
				if !known[path] {
					known[path] = true
					files = append(files, path)
				}
			}
		}
		all = append(all, checked...)
	}
	slices.SortFunc(all, func(a, b checkedTemplate) int { return cmp.Compare(a.Path, b.Path) })
	result := checkResult{Templates: all}
	for _, t := range all {
		result.Summary.add(t)
	}
	return result, nil
}

func (c *checker) some(ctx context.Context, files []string) ([]checkedTemplate, error) {
	checked := make([]checkedTemplate, len(files))
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, file := range files {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			checked[i] = c.file(ctx, file)
			c.progress(int(done.Add(1)), len(files))
			return nil
		})
	}
	return checked, group.Wait()
}

// file checks one template.
func (c *checker) file(ctx context.Context, path string) checkedTemplate {
	result := checkedTemplate{Path: path, Roles: []checkedRole{}}
	t, err := readTemplate(path, c.macro)
	if err != nil {
		result.Unreadable = reasonOf(err)
		return result
	}
	result.Macro = placeOf(c.macro, t.Transforms())
	report, err := c.run(ctx, t)
	if err != nil {
		result.Unreadable = reasonOf(err)
		return result
	}
	c.roles(&result, t, report)
	c.blindSpots(&result, t, report)
	if len(result.Roles) > 0 && result.Macro != macroMissing {
		result.Environment, result.EnvironmentProblem = c.environment(ctx, t)
	}
	return result
}

func reasonOf(err error) string {
	if problem, ok := errors.AsType[*boundary.Problem](err); ok && problem.Cause != nil {
		return problem.Cause.Error()
	}
	return err.Error()
}

// sample is a boundary that no template has.
var sample = func() boundary.Value {
	value, err := boundary.Parse("arn:aws:iam::aws:policy/pbm-check")
	if err != nil {
		panic(err)
	}
	return value
}()

// run has the macro bind the template's roles to a sample, where they have no
// boundary of their own.
func (c *checker) run(ctx context.Context, t *template) (transform.Report, error) {
	options := c.options
	options.Existing, options.BlindSpots = transform.Keep, transform.Warn
	options.DefaultEnvironment, options.PinEnvironment, options.EnvironmentParameters = givenEnvironment, false, nil
	m := transform.Macro{Options: options, Store: given{sample}}
	return t.respond(ctx, m, givenEnvironment, c.macro)
}

// respond is the macro's report on the template, with the defaults of its
// parameters.
func (t *template) respond(ctx context.Context, m transform.Macro, environment, macro string) (transform.Report, error) {
	values, err := t.values(nil)
	if err != nil {
		return transform.Report{}, err
	}
	event, err := t.event(boundary.TargetOf(placeholderAccount, "us-east-1"), values, environment, macro)
	if err != nil {
		return transform.Report{}, err
	}
	report := m.Inspect(ctx, event)
	if refusal, ok := errors.AsType[*transform.Refusal](report.Err); report.Err != nil && (!ok || refusal == nil) {
		return report, report.Err
	}
	return report, nil
}

// environment is which environment the template's stacks are of, or why nobody
// knows.
func (c *checker) environment(ctx context.Context, t *template) (name, problem string) {
	m := transform.Macro{Options: c.options, Store: given{sample}}
	report, err := t.respond(ctx, m, "", c.macro)
	if err != nil {
		return "", err.Error()
	}
	return report.Environment, ""
}

// roles says of each role what becomes of it.
func (c *checker) roles(result *checkedTemplate, t *template, report transform.Report) {
	for _, change := range report.Changes {
		status := statusBound
		switch {
		case change.Action != transform.Kept && result.Macro != macroMissing:
			status = statusByMacro
		case change.Action != transform.Kept:
			status = statusUnbound
		}
		role := checkedRole{LogicalID: change.LogicalID, Type: change.Type, Line: t.Line(change.Offset), Status: status}
		if status == statusUnbound {
			role.Reason = "has no boundary, and the template does not list " + c.macro
			if change.Action == transform.Filled {
				role.Reason = "has a boundary that may be none, and the template does not list " + c.macro
			}
			role.Remedy = "list " + c.macro + " last in Transform"
		}
		result.Roles = append(result.Roles, role)
	}
	if refusal, ok := errors.AsType[*transform.Refusal](report.Err); ok {
		c.escapes(result, t, refusal.Findings)
	}
	slices.SortStableFunc(result.Roles, func(a, b checkedRole) int { return cmp.Compare(a.Line, b.Line) })
}

func (c *checker) escapes(result *checkedTemplate, t *template, findings []transform.Finding) {
	for _, f := range findings {
		role := checkedRole{
			LogicalID: f.LogicalID, Type: f.Type, Line: t.Line(f.Offset),
			Status: statusEscape, Reason: f.Reason, Remedy: f.Remedy,
		}
		if other := t.solvedBy(f, c.macro); other != "" {
			// The macro sees what that transform makes.
			role.Status, role.Reason, role.Remedy = statusByMacro, "", ""
		}
		result.Roles = append(result.Roles, role)
	}
}

// solvedBy is the transform that the macro is listed after, as the remedy of a
// finding asks for.
func (t *template) solvedBy(f transform.Finding, macro string) string {
	for _, other := range []string{"AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"} {
		if strings.Contains(f.Remedy, " after "+other+" ") && t.listsAfter(macro, other) {
			return other
		}
	}
	return ""
}

// blindSpots are those of the template, without nested templates that are at
// hand: they are checked, too.
func (c *checker) blindSpots(result *checkedTemplate, t *template, report transform.Report) {
	nested := t.nested()
	for _, f := range report.BlindSpots {
		if path, here := nested[f.LogicalID]; here {
			if _, err := os.Stat(path); err == nil {
				result.nested = append(result.nested, path)
				continue
			}
		}
		result.BlindSpots = append(result.BlindSpots, checkedRole{
			LogicalID: f.LogicalID, Type: f.Type, Line: t.Line(f.Offset),
			Status: statusBlind, Reason: f.Reason, Remedy: f.Remedy,
		})
	}
}

// nested are the local templates that a template nests, by logical ID.
func (t *template) nested() map[string]string {
	var sections struct {
		Resources map[string]struct {
			Type       string
			Properties json.RawMessage
		}
	}
	paths := map[string]string{}
	if json.Unmarshal(t.Fragment(), &sections) != nil {
		return paths // of another form than that of a template with nested ones
	}
	for id, r := range sections.Resources {
		var where struct{ TemplateURL, Location any }
		if json.Unmarshal(r.Properties, &where) != nil {
			continue
		}
		location, _ := map[string]any{
			"AWS::CloudFormation::Stack":   where.TemplateURL,
			"AWS::Serverless::Application": where.Location,
		}[r.Type].(string)
		if location != "" && !strings.Contains(location, "://") {
			paths[id] = filepath.Join(filepath.Dir(t.path), filepath.FromSlash(location))
		}
	}
	return paths
}
