package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

func (p *pbm) adoptCommand() *cobra.Command {
	var o macroOptions
	c := &cobra.Command{
		Use:   "adopt PATH...",
		Short: "add the macro to the templates that create roles",
		Long: `Adopt adds the macro to the Transform section of each template that creates
roles, and of the local templates that it nests: last, after SAM and language
extensions, so that it sees the roles that they create. Everything else stays as
it is, comments included. With --dry-run it shows the diff and writes nothing.`,
		Example: `  pbm adopt stacks/ --dry-run
  pbm adopt template.yaml`,
		Args:        cobra.MinimumNArgs(1),
		Annotations: map[string]string{outputsAnnotation: outputText, ignoresAnnotation: storeFlags + ", yes"},
		RunE:        func(c *cobra.Command, args []string) error { return p.adopt(c.Context(), args, o) },
	}
	c.Flags().StringVar(&o.macroName, "macro-name", rules.MacroName, "name of the installed macro")
	c.Flags().BoolVar(&o.boundUsers, "bound-users", false, "also adopt templates that create IAM users")
	return c
}

func (p *pbm) adopt(ctx context.Context, paths []string, o macroOptions) error {
	files, _, err := p.findTemplates(ctx, paths)
	if err != nil {
		return err
	}
	if files, err = p.changeable(files, "adopt"); err != nil {
		return err
	}
	c := checker{macro: o.macroName, options: transform.Options{BoundUsers: o.boundUsers}}
	known := map[string]bool{}
	templates, adopted, failed := 0, 0, 0
	for len(files) > 0 {
		in := files[0]
		files = files[1:]
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if known[in.real] {
			continue
		}
		known[in.real] = true
		nested, changed, err := p.adoptFile(&c, in)
		if errors.Is(err, errNoTemplate) && !in.named {
			continue
		}
		files = append(files, nested...)
		templates++
		switch {
		case err != nil:
			p.reportOf(in.path, err)
			failed++
		case changed:
			adopted++
		}
	}
	p.line("", fmt.Sprintf("%s, %d changed", counted(templates, "template"), adopted))
	if failed > 0 {
		return fmt.Errorf("templates that could not be changed: %d", failed)
	}
	return nil
}

// adoptFile changes one template, and returns the local templates that it
// nests.
func (p *pbm) adoptFile(c *checker, in input) (nested []input, changed bool, err error) {
	t, err := readTemplate(in, c.macro)
	if err != nil {
		return nil, false, err
	}
	all := t.nested(in.root)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		inner := all[id]
		if nestedTemplate(inner.root, inner.path) == nil {
			inner.named = true
			nested = append(nested, inner)
		}
	}
	if t.defines(c.macro) {
		p.line("warning: ", in.path+" defines the macro, which cannot be used in its own stack")
		return nested, false, nil
	}
	values, err := t.values(nil, nil)
	if err != nil {
		return nested, false, err
	}
	found := c.inspect(t, values)
	changes := slices.DeleteFunc(found.changes, func(change rules.Change) bool { return held(found.binding, change.LogicalID) })
	switch {
	case len(t.verdict.Escapes)+len(found.conflicts)+len(changes) == 0:
		return nested, false, nil // it creates no role, or Fn::Transform has it bound
	case in.managed:
		p.line("warning: ", in.path+" is deployed by a service-managed StackSet, which takes no transforms")
		p.line("hint: ", "bind its roles in the file: pbm transform --portable --in-place")
		return nested, false, nil
	}
	result, err := t.Adopt(c.macro)
	if err != nil {
		return nested, false, boundary.Problem{What: "the macro was not added", Cause: err, Remedy: "list " + c.macro + " last in Transform by hand"}
	}
	if result == nil {
		return nested, false, nil
	}
	p.warnReplaced(t, changes)
	p.warnRepeated(t, t.path+": ")
	if p.dryRun {
		return nested, true, p.printDiff(t.path, t.src, result)
	}
	if err := p.writeFile(t.path, t.src, result); err != nil {
		return nested, false, err
	}
	p.line("", "wrote "+t.path)
	return nested, true, nil
}

// warnReplaced names the roles whose boundary the macro replaces once it is
// listed.
func (p *pbm) warnReplaced(t *templateFile, changes []rules.Change) {
	replaced := false
	for _, change := range changes {
		if change.Action == rules.Replaced {
			replaced = true
			p.line("warning: ", fmt.Sprintf("%s:%d: the macro replaces the boundary of %s, which has %s", t.path, t.Line(change.Offset), change.LogicalID, change.Was))
		}
	}
	if replaced {
		p.line("hint: ", "with the setting ExistingBoundary=keep, the macro keeps a value that is certain to be a boundary")
	}
}
