package deploy

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"permissions-boundary-macro/internal/printable"
)

// Push is the command of a push of the environment in the same place, for hints. Do says
// what it is to do: a flag such as --execute, or nothing for a plan. A run that is
// resumed does not know which stacks its plan was made for: what another push would
// deploy is to be seen in a plan first.
func (o *pushOptions) Push(do string) string {
	var without []string
	name, _, _ := strings.Cut(strings.TrimPrefix(do, "--"), "=")
	switch {
	case name == "resume":
		without = planFlags
	case name == "execute" && o.resumes():
		do = ""
	default:
		without = []string{name}
	}
	return o.again(do, without...)
}

// again is the command of another push, without some of the flags that this one was
// called with.
func (o *pushOptions) again(do string, without ...string) string {
	words := []string{"pbm push", printable.Shell(o.environment)}
	if do != "" {
		words = append(words, do)
	}
	return o.command(strings.Join(words, " "), without...)
}

// Audit is the command of an audit of the environment in the same place, for hints.
func (o *pushOptions) Audit() string {
	return o.command("pbm audit --environment "+printable.Shell(o.environment), o.notOfAudit()...)
}

// notOfAudit are the flags that an audit does not have.
func (*pushOptions) notOfAudit() (names []string) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(planOptions).register(flags)
	new(runOptions).register(flags)
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// command is a command with the flags that this one was called with. Those that say what
// to do and how to show it are left out, and those named.
func (o *pushOptions) command(text string, without ...string) string {
	without = append(without, "execute", "resume", "commands", "dry-run", "fresh", "json", "output", "yes")
	o.flags.Visit(func(f *pflag.Flag) {
		if isTyped(o.flags, f.Name) && !slices.Contains(without, f.Name) {
			text += asTyped(f)
		}
	})
	if o.bucket != "" && !isTyped(o.flags, "bucket") && !slices.Contains(without, "bucket") { // that of the journal, or of a variable
		text += " --bucket " + printable.Shell(o.bucket)
	}
	return text
}

// asTyped is a flag as it is typed, behind a space.
func asTyped(f *pflag.Flag) string {
	if f.Value.Type() == "bool" {
		return map[string]string{"true": " --" + f.Name, "false": " --" + f.Name + "=false"}[f.Value.String()]
	}
	values := []string{f.Value.String()}
	if list, isList := f.Value.(interface{ GetSlice() []string }); isList {
		values = list.GetSlice()
	}
	if len(values) == 0 {
		values = []string{""}
	}
	text := ""
	for _, value := range values {
		text += " --" + f.Name + " " + printable.Shell(value)
	}
	return text
}
