package boundary

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Key names a boundary value: the one that an environment has in every account,
// or its override for a single account.
type Key struct {
	Environment string
	Account     string // empty for the environment's own value
}

// accountID is the form of an account ID. Source: AWS Organizations API, Account.
var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// ErrAccountID says what an account ID looks like.
var ErrAccountID = errors.New("not an account ID (12 digits)")

// CheckAccountID returns ErrAccountID unless text may be the ID of an account.
func CheckAccountID(text string) error {
	if !accountID.MatchString(text) {
		return ErrAccountID
	}
	return nil
}

// KeyIn returns the key of the override that an environment may have for an
// account. If text is not an account ID, it returns the environment's own key:
// an account that is not known has no override.
func KeyIn(environment, text string) Key {
	if CheckAccountID(text) != nil {
		text = ""
	}
	return Key{environment, text}
}

// ParseKey reads what String returns.
func ParseKey(text string) (Key, error) {
	environment, account, isOverride := strings.Cut(text, "/")
	if err := CheckEnvironment(environment); err != nil {
		return Key{}, err
	}
	if isOverride {
		if err := CheckAccountID(account); err != nil {
			return Key{}, err
		}
	}
	return Key{environment, account}, nil
}

// String returns "dev" for an environment's own value, and "dev/111122223333" for
// an override. Stores use it as the name of the value.
func (k Key) String() string {
	if !k.IsOverride() {
		return k.Environment
	}
	return k.Environment + "/" + k.Account
}

// IsOverride reports whether the key is that of an override.
func (k Key) IsOverride() bool { return k.Account != "" }

// Own returns the key of the environment's own value.
func (k Key) Own() Key { return Key{Environment: k.Environment} }

// Compare orders keys by environment. The environment's own value comes before
// its overrides.
func (k Key) Compare(other Key) int {
	return cmp.Or(strings.Compare(k.Environment, other.Environment), strings.Compare(k.Account, other.Account))
}

// Describe names the value in messages: `environment "dev"`, or `the override of
// environment "dev" for account 111122223333`.
func (k Key) Describe() string {
	environment := fmt.Sprintf("environment %q", k.Environment)
	if !k.IsOverride() {
		return environment
	}
	return fmt.Sprintf("the override of %s for account %s", environment, k.Account)
}
