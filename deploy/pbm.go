// Package deploy is pbm, the operator's command: environments and their
// boundaries, and the macro on a local template.
//
// Results go to stdout. Everything else goes to stderr, a line each, that
// begins "pbm: ", "pbm: warning: ", "pbm: error: " or "pbm: hint: ", in lower
// case and without a full stop. pbm exits with 0 when all is done, 1 when it
// failed, 2 when it was called wrongly.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
)

// Exit codes.
const (
	exitDone = iota
	exitFailed
	exitUsage
)

// Run runs pbm with the arguments behind its name and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &pbm{stdout: stdout, stderr: stderr}
	root := p.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	p.report(err)
	if _, usage := errors.AsType[*usageError](err); usage {
		return exitUsage
	}
	return exitFailed
}

// pbm is one call of the command.
type pbm struct {
	stdout, stderr io.Writer
	store          storeOptions
}

func (p *pbm) command() *cobra.Command {
	root := &cobra.Command{
		Use:               "pbm",
		Short:             "permissions boundaries per environment, and the macro on a local template",
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return fromEnvironment(c.Flags()) },
		Args:              cobra.NoArgs,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w (see %s --help)", err, c.CommandPath())
	})
	p.store.register(root.PersistentFlags())
	root.AddCommand(p.transformCommand())
	usageArgs(root)
	return root
}

// usageArgs has wrong arguments of any command count as wrong usage.
func usageArgs(c *cobra.Command) {
	check := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usagef("%w (see %s --help)", err, c.CommandPath())
		}
		return nil
	}
	for _, sub := range c.Commands() {
		usageArgs(sub)
	}
}

// fromEnvironment sets flags that are not given from variables: --store from
// PBM_STORE.
func fromEnvironment(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		variable := "PBM_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, set := os.LookupEnv(variable)
		if !set || f.Changed || failed != nil || f.Name == "help" || otherSource(flags, f.Name) {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = usagef("%s: %w", variable, err)
		}
	})
	return failed
}

// otherSource reports whether the command line says by another flag where the
// boundary comes from.
func otherSource(flags *pflag.FlagSet, name string) bool {
	switch name {
	case "environment":
		return flags.Changed("permissions-boundary")
	case "permissions-boundary":
		return flags.Changed("environment")
	}
	return false
}

// usageError is an error of a call that cannot work, whatever the state of the
// world is.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// report writes an error and what to do about it.
func (p *pbm) report(err error) {
	if refusal, ok := errors.AsType[*transform.Refusal](err); ok {
		p.reportRefusal(refusal)
		return
	}
	p.line("error: ", err.Error())
	if remedy := boundary.Remedy(err); remedy != "" {
		p.line("hint: ", remedy)
	}
}

// reportRefusal writes each finding, and each remedy once, behind the findings
// that it is for.
func (p *pbm) reportRefusal(r *transform.Refusal) {
	for i, f := range r.Findings {
		p.line("error: ", f.String())
		if i == len(r.Findings)-1 || r.Findings[i+1].Remedy != f.Remedy {
			p.line("hint: ", f.Remedy)
		}
	}
}

func (p *pbm) line(kind, text string) {
	// Nobody is left to tell when stderr is gone.
	_, _ = fmt.Fprintf(p.stderr, "pbm: %s%s\n", kind, text)
}
