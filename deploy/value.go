package deploy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
)

var policyName = regexp.MustCompile(`^/?(?:[A-Za-z0-9.,+@=_-]+/)*[A-Za-z0-9_+=,.@-]{1,128}$`)

// ownPolicy is what stands before the path and name of a policy in the account at
// hand.
const ownPolicy = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/"

// parseBoundary reads a boundary as an operator gives it: what a store holds,
// a policy's name or path/name in the account at hand, or an empty
// string for none.
func parseBoundary(text string) (boundary.Value, error) {
	if text == "" {
		return boundary.Value{}, nil
	}
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed != boundary.None && strings.EqualFold(trimmed, boundary.None):
		return boundary.Value{}, usagef("boundary %q is ambiguous; write none in lower case, or the whole ARN of the policy of that name", trimmed)
	case strings.HasPrefix(trimmed, "-"):
		return boundary.Value{}, usagef("boundary %q looks like a flag; for a policy of that name write its whole ARN", clipped(trimmed))
	case trimmed != boundary.None && policyName.MatchString(trimmed):
		text = ownPolicy + strings.TrimPrefix(trimmed, "/")
	}
	value, err := boundary.Parse(text)
	if err == nil {
		return value, nil
	}
	problem := boundary.Problem{What: fmt.Sprintf("boundary %q is %v", clipped(text), err)}
	if !strings.HasPrefix(trimmed, "arn:") {
		problem.Remedy = "a policy of your account can be given by its name, or path/name"
	}
	return boundary.Value{}, &usageError{problem}
}

// clipped makes a piece of input fit into a message.
func clipped(text string) string {
	if len(text) > 40 {
		return text[:40] + "..."
	}
	return text
}

// boundaryFlag is --permissions-boundary. Unlike most flags it means something
// when it is given as ”.
type boundaryFlag struct {
	text  string
	flags *pflag.FlagSet
}

const boundaryFlagName = "permissions-boundary"

func (f *boundaryFlag) register(flags *pflag.FlagSet, usage string) {
	f.flags = flags
	flags.StringVar(&f.text, boundaryFlagName, "", usage)
}

func (f *boundaryFlag) given() bool { return f.flags.Changed(boundaryFlagName) }

func (f *boundaryFlag) value() (boundary.Value, error) { return parseBoundary(f.text) }

// errNeedsBoundary is the error where a boundary is needed and nobody can be
// asked.
func errNeedsBoundary(why string) error {
	return &usageError{boundary.Problem{
		What:   why,
		Remedy: fmt.Sprintf("pass --%s ARN, or a policy's name, or '' for none", boundaryFlagName),
	}}
}
