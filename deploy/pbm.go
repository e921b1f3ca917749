// Package deploy is pbm, the operator's command: environments and their
// boundaries, and the macro on a local template.
//
// Results go to stdout. Everything else goes to stderr, a line each, that
// begins "pbm: ", "pbm: warning: ", "pbm: error: " or "pbm: hint: ", in lower
// case and without a full stop. pbm exits with 0 when all is done, 1 when it
// failed, 2 when it was called wrongly, 130 when it was interrupted.
package deploy

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// Exit codes.
const (
	exitDone = iota
	exitFailed
	exitUsage
	exitInterrupted = 130 // as shells have it for Ctrl-C
)

// Run runs pbm with the arguments behind its name and returns its exit code.
// The first Ctrl-C or SIGTERM ends it before the next file or write. The second
// one kills it, whatever it waits for.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	p := &pbm{stdin: stdin, stdout: stdout, stderr: stderr}
	root := p.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil {
		p.report(p.interrupted(command))
		return exitInterrupted
	}
	p.report(err)
	if _, usage := errors.AsType[*usageError](err); usage {
		return exitUsage
	}
	return exitFailed
}

// interrupted stands for whatever error an interruption of a command led to.
func (p *pbm) interrupted(c *cobra.Command) error {
	problem := boundary.Problem{What: "interrupted"}
	switch c.Name() {
	case "init", "add", "update", "remove":
		problem.Remedy = "check the store: pbm env list"
	case "import":
		problem.Remedy = "some values may be written; run the command again to complete it"
	case "audit":
		problem.Remedy = "what was read is kept; run the command again to complete it"
	case "push":
		problem.Remedy = "nothing was written"
		if p.resume != "" {
			problem.Remedy = "to continue: " + p.resume
		}
	case "transform", "adopt":
		problem.Remedy = "files that were written are named above; run the command again for the others"
	}
	return problem
}

// pbm is one call of the command.
type pbm struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	answers        *bufio.Reader // of stdin, once something was asked
	told           []string      // which places were told of
	sessions       map[target]func() (aws.Config, error)
	resume         string // the command that continues a push, once it has begun

	store    storeOptions
	output   string // outputText or outputJSON
	yes      bool
	dryRun   bool
	noVerify bool
}

func (p *pbm) command() *cobra.Command {
	root := &cobra.Command{
		Use:               "pbm",
		Short:             "manage permissions boundaries, and run the macro on local templates",
		SilenceUsage:      true,
		SilenceErrors:     true,
		Version:           build().Version,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return p.readFlags(c) },
		Args:              cobra.NoArgs,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && c.Flag(unknown.GetSpecifiedShortnames()) != nil {
			return usagef("-%[1]s is not a flag; write --%[1]s", unknown.GetSpecifiedShortnames())
		}
		return usagef("%w (see %s --help)", err, c.CommandPath())
	})
	p.register(root.PersistentFlags())
	root.AddCommand(p.initCommand(), p.envCommand(), p.transformCommand(), p.checkCommand(), p.adoptCommand(), p.auditCommand(), p.pushCommand(), p.explainCommand(), p.guardCommand(), p.versionCommand())
	root.InitDefaultCompletionCmd()
	p.registerCompletions(root)
	usageArgs(root)
	help := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		tailor(c)
		help(c, args)
	})
	return root
}

// register registers the flags that all commands have.
func (p *pbm) register(flags *pflag.FlagSet) {
	p.store.register(flags)
	flags.StringVar(&p.output, "output", outputText, "output format")
	flags.Bool("json", false, "short for --output json")
	flags.BoolVar(&p.yes, "yes", false, "confirm everything without asking")
	flags.BoolVar(&p.dryRun, "dry-run", false, "show what would be written, and write nothing")
}

func (p *pbm) registerNoVerify(flags *pflag.FlagSet) {
	flags.BoolVar(&p.noVerify, "no-verify", false, "skip the checks of account and policy that need AWS")
}

// Annotations of commands: which forms of results one has, where it has not
// text and JSON, and which of the flags that all commands have mean nothing to
// it.
const (
	outputsAnnotation = "outputs"
	ignoresAnnotation = "ignores"
)

// What commands ignore that only read, and those that have nothing to do with
// stores.
const (
	readOnly   = "yes, dry-run"
	storeFlags = "store, prefix, profile, region"
)

func outputsOf(c *cobra.Command) []string {
	return strings.Split(cmp.Or(c.Annotations[outputsAnnotation], outputText+", "+outputJSON), ", ")
}

// tailor has the help of a command show only flags that mean something to it.
func tailor(c *cobra.Command) {
	ignored := strings.Split(c.Annotations[ignoresAnnotation], ", ")
	if outputs := outputsOf(c); len(outputs) > 1 {
		c.Flag("output").Usage += ": " + strings.Join(outputs, ", ")
	} else {
		ignored = append(ignored, "output", "json")
	}
	for _, name := range ignored {
		if flag := c.Flag(name); flag != nil {
			flag.Hidden = true
		}
	}
}

// readFlags completes and checks the flags of a call.
func (p *pbm) readFlags(c *cobra.Command) error {
	flags := c.Flags()
	p.store.flags = flags
	if err := fromEnvironment(flags); err != nil {
		return err
	}
	if err := p.readOutput(c); err != nil {
		return err
	}
	return p.store.check()
}

// readOutput reads the form of results. A variable is for all commands of a
// job: those that have not what it says print text.
func (p *pbm) readOutput(c *cobra.Command) error {
	flags, source := c.Flags(), "output"
	if isSet(flags, "json") {
		if flags.Changed("output") && p.output != outputJSON {
			return usagef("--json and --output %s are mutually exclusive", p.output)
		}
		p.output, source = outputJSON, "json"
	}
	outputs := outputsOf(c)
	switch {
	case slices.Contains(outputs, p.output):
	case isFromVariable(flags, source) && slices.Contains(allOutputs, p.output):
		p.output = outputText
	case len(outputs) == 1:
		return usagef("%s: %s has only text output", spelling(flags, source), c.CommandPath())
	default:
		return usagef("%s %q is not one of %s", spelling(flags, "output"), p.output, strings.Join(outputs, ", "))
	}
	return nil
}

// usageArgs has wrong arguments of any command count as wrong usage.
func usageArgs(c *cobra.Command) {
	if !c.Runnable() { // such as completion: cobra would not check its arguments
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	check := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(c, args); err != nil {
			return wrongArgs(c, args, err)
		}
		return nil
	}
	for _, sub := range c.Commands() {
		usageArgs(sub)
	}
}

// wantedArgs are what commands take, as their usage spells it, and what to do when
// they are given something else.
var wantedArgs = map[string]string{
	"PATH...":                    "name at least one template or directory",
	"PATH... | --live [ROLE...]": "name at least one template or directory, or pass --live",
	"NAME":                       "name one environment",
	"ENVIRONMENT":                "name one environment",
	"[NAME]":                     "name at most one environment",
	"FILE":                       "name one file",
}

// wrongArgs is the error for arguments that a command does not take. Cobra's words
// are for groups of commands: they name the command that is unknown.
func wrongArgs(c *cobra.Command, args []string, err error) error {
	_, spelled, _ := strings.Cut(c.Use, " ")
	switch {
	case c.HasSubCommands():
		return &usageError{boundary.Problem{
			What:   fmt.Sprintf("%v (see %s --help)", err, c.CommandPath()),
			Remedy: similar(c, args),
		}}
	case wantedArgs[spelled] == "":
		return usagef("%s takes no arguments", c.CommandPath())
	}
	return usagef("%s: %s %s", wantedArgs[spelled], c.CommandPath(), spelled)
}

// similar names the commands below one that somebody may have meant: the nearest.
func similar(c *cobra.Command, args []string) string {
	if len(args) == 0 {
		return ""
	}
	for c.SuggestionsMinimumDistance = 1; c.SuggestionsMinimumDistance <= 2; c.SuggestionsMinimumDistance++ {
		if names := c.SuggestionsFor(args[0]); len(names) > 0 {
			return "did you mean " + strings.Join(names, " or ") + "?"
		}
	}
	return ""
}

// fromEnvironment sets flags that are not given from variables: --store from
// PBM_STORE. An empty variable counts, so that PBM_PROFILE= overrides a
// project, except for the boundary, where an unset secret of a CI job must not
// mean that an environment has none, and for targets, which cannot be empty.
func fromEnvironment(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		variable := variableOf(f.Name)
		value, set := os.LookupEnv(variable)
		if !set || f.Changed || failed != nil || f.Name == "help" || f.Name == "version" || otherSource(flags, f.Name) ||
			value == "" && (f.Name == boundaryFlagName || f.Name == targetFlagName) {
			return
		}
		f.Annotations = map[string][]string{variableAnnotation: {}}
		if err := flags.Set(f.Name, value); err != nil {
			failed = usagef("%s: %w", variable, err)
			if f.Value.Type() == "bool" {
				failed = usagef("%s=%s is neither true nor false", variable, clipped(value))
			}
		}
	})
	return failed
}

// variableOf is the variable of a flag.
func variableOf(flag string) string {
	return "PBM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// variableAnnotation is of flags that their variables have set.
const variableAnnotation = "variable"

func isFromVariable(flags *pflag.FlagSet, name string) bool {
	_, is := flags.Lookup(name).Annotations[variableAnnotation]
	return is
}

// spelling is what messages call a flag: what it was given as.
func spelling(flags *pflag.FlagSet, name string) string {
	if isFromVariable(flags, name) {
		return variableOf(name)
	}
	return "--" + name
}

func isSet(flags *pflag.FlagSet, name string) bool {
	set, err := flags.GetBool(name)
	return err == nil && set
}

// otherSource reports whether the command line says by another flag where the
// boundary comes from, where the environment is, or in which form results are. Of variables PBM_JSON,
// which is read first, goes before PBM_OUTPUT.
func otherSource(flags *pflag.FlagSet, name string) bool {
	switch name {
	case "environment":
		return flags.Changed("permissions-boundary")
	case "permissions-boundary":
		return flags.Changed("environment")
	case "json":
		return flags.Changed("output")
	case "output":
		return isSet(flags, "json")
	case "profile", "region":
		return isTyped(flags, targetFlagName)
	case targetFlagName:
		return isTyped(flags, "profile") || isTyped(flags, "region")
	}
	return false
}

// isTyped reports whether a flag is on the command line.
func isTyped(flags *pflag.FlagSet, name string) bool {
	return flags.Lookup(name) != nil && flags.Changed(name) && !isFromVariable(flags, name)
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
func (p *pbm) report(err error) { p.reportOf("", err) }

// reportOf reports an error of one of several files, named in front unless the
// error does so.
func (p *pbm) reportOf(file string, err error) {
	of := ""
	if _, named := errors.AsType[readError](err); file != "" && !named {
		of = file + ": "
	}
	if refused, ok := errors.AsType[*refusedHere](err); ok {
		p.reportRefusal(of, refused)
		return
	}
	p.line("error: ", of+err.Error())
	if remedy := boundary.Remedy(err); remedy != "" {
		p.line("hint: ", remedy)
	}
}

// reportRefusal writes each finding, and each remedy once, behind the findings
// that it is for.
func (p *pbm) reportRefusal(of string, r *refusedHere) {
	for i, f := range r.Findings {
		p.line("error: ", of+f.String())
		if i == len(r.Findings)-1 || r.remedy(r.Findings[i+1]) != r.remedy(f) {
			p.line("hint: ", r.remedy(f))
		}
	}
}

// line writes a line for people. What it says may come from templates, stores and
// AWS: nothing of it does more than show.
func (p *pbm) line(kind, text string) {
	// Nobody is left to tell when stderr is gone.
	_, _ = fmt.Fprintf(p.stderr, "pbm: %s%s\n", kind, printable.Line(text))
}
