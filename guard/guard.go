// Package guard writes the policies and rules that stop principals who leave the
// macro out: service control policies and managed policies of IAM for requests to
// AWS, and rules of AWS CloudFormation Guard for templates, hooks and AWS Config.
//
// A [Scope] says which boundaries count and what they rest on; its methods write
// the documents. The package is pure: equal scopes give equal documents, byte for
// byte.
package guard

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
)

// Value is a boundary that counts: a role or user that has it is bound.
type Value struct {
	boundary.Value        // not none
	Account        string // the only account in which it counts, such as that of an override; or empty
}

// Scope is what to guard.
type Scope struct {
	// Name is part of the names of policies: an environment, or empty for all.
	Name string
	// Account is the ID of the account that the documents are for, or empty for any.
	// Values that spell out another account do not count there.
	Account string
	// Values are the boundaries that count. At least one must count in the account.
	Values []Value
	// Others are boundaries that do not count, such as those of other environments.
	// Their policies are protected as well.
	Others []Value
	// Exempt are the ARNs of roles and users that may do what is denied to others,
	// with the wildcards * and ?.
	Exempt []string
	// Prefix is the path of the boundary values in Parameter Store.
	Prefix string
	// Stack is the name of the macro's stack, with which its function, log group,
	// role and alarms begin, and the StackSet of its spokes.
	Stack string
	// FunctionAccount is the account of the macro's function, or empty if not known.
	FunctionAccount string
}

// ErrNoBoundary says that no boundary counts, so that the documents would deny
// every role.
var ErrNoBoundary = errors.New("there is no boundary that a role could have")

// AWSPrincipals are the roles that AWS's own services work with in the accounts of
// an organization. Only the management account and its delegated administrators
// can use them, but the roles of Control Tower and of StackSets take no boundary,
// so they are exempt from the SCP. Source: Control Tower User Guide, "How AWS
// Control Tower works with roles"; CloudFormation User Guide, "Grant
// service-managed permissions".
var AWSPrincipals = []string{
	"arn:*:iam::*:role/AWSControlTowerExecution",
	"arn:*:iam::*:role/stacksets-exec-*",
}

// exemptARN is the ARN of a role, a user or the root user, in which * and ? are
// wildcards.
var exemptARN = regexp.MustCompile(`^arn:[a-z*?][a-z0-9*?-]*:iam::(?:[0-9]{12}|[0-9?]*[*?][0-9*?]*):(?:root|(?:role|user)/[A-Za-z0-9_+=,.@/*?-]+)$`)

// CheckExempt returns an error unless text is the ARN of a principal that
// policies can exempt. One whose path or name begins with a wildcard is refused: it
// would exempt roles and users that anyone has named.
func CheckExempt(text string) error {
	if !exemptARN.MatchString(text) {
		return errors.New("not the ARN of an IAM role or user, such as arn:*:iam::*:role/platform/*")
	}
	_, name, _ := strings.Cut(text, "/")
	if name != "" && strings.ContainsRune("*?/", rune(name[0])) {
		return errors.New("not specific enough: name a path, or the beginning of a name")
	}
	return nil
}

// IsRole reports whether an ARN that [CheckExempt] takes is that of roles.
func IsRole(arn string) bool { return strings.Contains(arn, ":role/") }

// maxStack is the longest name of the stack with which the names of all that it
// creates begin. A role or function has 64 characters: of these, the logical ID,
// such as MacroFunction, a suffix of 12 characters and two hyphens follow the
// stack's name, which CloudFormation would otherwise shorten.
const maxStack = 64 - len("-MacroFunction-") - 12

var stackName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// CheckStack returns an error unless text may be the name of the macro's stack.
func CheckStack(text string) error {
	switch {
	case !stackName.MatchString(text):
		return errors.New("not the name of a stack (letters, digits and hyphens)")
	case len(text) > maxStack:
		return fmt.Errorf("longer than %d characters, so that CloudFormation shortens it in the names of the function and the role", maxStack)
	}
	return nil
}

// boundaries are the ARNs of the boundaries that count, sorted. The partition is a *,
// and so are the account, unless it is known, and a Region in the name.
func (s Scope) boundaries() ([]string, error) {
	var all []string
	for _, v := range s.Values {
		if !s.counts(v) {
			continue
		}
		if matchesForeign(s.pattern(v)) {
			return nil, boundary.Problem{
				What:   v.String() + " is guarded with a * in place of the Region, and so would be policies of other names",
				Remedy: "choose a name that begins alike in all Regions, such as platform/dev-${AWS::Region}",
			}
		}
		all = append(all, s.pattern(v))
	}
	if len(all) == 0 {
		return nil, ErrNoBoundary
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// pattern is the ARN of a boundary in the scope's account.
func (s Scope) pattern(v Value) string {
	return v.Expand(boundary.Target{Partition: "*", AccountID: cmp.Or(s.Account, v.Account, "*"), Region: "*"})
}

// matchesForeign reports whether a boundary is a pattern which policies match that
// anyone can create: a * in its path, or at the beginning of a name without a path,
// also stands for slashes.
func matchesForeign(arn string) bool {
	_, name, _ := strings.Cut(arn, ":policy/")
	before, after, hasRegion := strings.Cut(name, "*")
	return hasRegion && (before == "" || strings.Contains(after, "/"))
}

// counts reports whether a role in the scope's account can have a boundary.
func (s Scope) counts(v Value) bool {
	for _, only := range []string{v.Account, v.AccountID()} {
		if s.Account != "" && only != "" && only != s.Account {
			return false
		}
	}
	return true
}

// protectedPolicies are patterns of the policies that nobody else may create or
// change, sorted: all below the paths of the boundaries and of others, or a boundary
// alone if it has no path. Nobody can change a policy of AWS's.
func (s Scope) protectedPolicies(boundaries []string) []string {
	patterns := slices.Clone(boundaries)
	for _, v := range s.Others {
		if s.counts(v) && !matchesForeign(s.pattern(v)) {
			patterns = append(patterns, s.pattern(v))
		}
	}
	var all []string
	for _, arn := range patterns {
		if strings.Split(arn, ":")[4] == "aws" {
			continue
		}
		if end := strings.LastIndexByte(arn, '/') + 1; !strings.HasSuffix(arn[:end], ":policy/") {
			arn = arn[:end] + "*"
		}
		all = append(all, arn)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
