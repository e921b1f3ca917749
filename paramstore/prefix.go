package paramstore

import (
	"fmt"
	"regexp"
	"strings"
)

// DefaultPrefix is where the parameters lie unless the operator says
// otherwise.
const DefaultPrefix = "/permissions-boundary"

// maxLevels is how many levels the name of a parameter may have, and ownLevels is
// how many of them are the environment and the account of an override. Source: SSM
// API, PutParameter.
const (
	maxLevels = 15
	ownLevels = 2
)

var prefixPattern = regexp.MustCompile(`^(/[A-Za-z0-9_.-]+)+$`)

// CheckPrefix says why parameters cannot lie under a prefix: it must be
// absolute, without a slash at its end, of the characters of a parameter name,
// and not begin as the names that AWS keeps to itself. Source: SSM API,
// PutParameter.
func CheckPrefix(prefix string) error {
	first := strings.ToLower(strings.TrimPrefix(prefix, "/"))
	switch {
	case !prefixPattern.MatchString(prefix):
		return fmt.Errorf("%q is not a path such as %s", prefix, DefaultPrefix)
	case strings.HasPrefix(first, "aws"), strings.HasPrefix(first, "ssm"):
		return fmt.Errorf("%q begins with a name that AWS keeps to itself (aws, ssm)", prefix)
	case strings.Count(prefix, "/") > maxLevels-ownLevels:
		return fmt.Errorf("%q has more than %d levels", prefix, maxLevels-ownLevels)
	}
	return nil
}
