package deploy

import (
	"regexp"
	"strings"

	"permissions-boundary-macro/boundary"
)

var policyName = regexp.MustCompile(`^/?(?:[A-Za-z0-9.,+@=_-]+/)*[A-Za-z0-9_+=,.@-]{1,128}$`)

// parseBoundary reads a boundary as an operator gives it: what a store holds,
// a policy's name or path/name in the account at hand, or nothing for none.
func parseBoundary(text string) (boundary.Value, error) {
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "":
		return boundary.Parse(boundary.None)
	case trimmed != boundary.None && policyName.MatchString(trimmed):
		text = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/" + strings.TrimPrefix(trimmed, "/")
	}
	value, err := boundary.Parse(text)
	if err != nil {
		return boundary.Value{}, usagef("boundary %q is %w", clipped(text), err)
	}
	return value, nil
}
