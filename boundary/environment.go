package boundary

import (
	"errors"
	"regexp"
)

var environmentName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// maxEnvironmentName is apart from the expression for the reason that
// maxNameLength is.
const maxEnvironmentName = 64

// ErrEnvironmentName says what an environment may be called. The characters
// are those of an SSM parameter name, without the slash.
var ErrEnvironmentName = errors.New("not an environment name (1 to 64 characters of A-Z a-z 0-9 _ . -)")

// CheckEnvironment returns ErrEnvironmentName unless name may be the name of
// an environment. Case counts: Dev and dev are two environments.
func CheckEnvironment(name string) error {
	if len(name) > maxEnvironmentName || !environmentName.MatchString(name) {
		return ErrEnvironmentName
	}
	return nil
}
