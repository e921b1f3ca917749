package boundary

import (
	"context"
	"errors"
	"time"
)

// Record is an environment's boundary value as a store holds it. Text may be
// malformed: operators also write by hand.
type Record struct {
	Environment string
	Text        string    // for Parse
	Version     int64     // 1 for the first value, 1 more for each change
	Modified    time.Time // zero when the store does not know
	ModifiedBy  string    // who made this version; empty when the store does not tell
}

// Reader reads the boundary values of environments.
type Reader interface {
	// Get returns the record of an environment. The error wraps ErrUnknown
	// when the store has none, and ErrDenied when the caller may not know.
	Get(ctx context.Context, environment string) (Record, error)

	// Location says where the store keeps the value of an environment, for
	// messages, such as "parameter /permissions-boundary/dev in eu-west-1".
	Location(environment string) string

	// Correction says what to do about the value of an environment that is
	// malformed.
	Correction(environment string) string
}

// Store reads and writes the boundary values of environments. Nothing is
// overwritten unseen: Create fails where there is a value, Update where the
// value is not the one that the caller has read.
type Store interface {
	Reader

	// List returns the present record of each environment, sorted by name.
	List(ctx context.Context) ([]Record, error)

	// History returns all records of an environment that the store still has,
	// oldest first. The error wraps ErrUnknown when there is none.
	History(ctx context.Context, environment string) ([]Record, error)

	// Create adds an environment and returns its first record. The error
	// wraps ErrExists when the environment is there already.
	Create(ctx context.Context, environment string, value Value) (Record, error)

	// Update replaces the value that the caller has read as version from. The
	// error wraps ErrUnknown when there is no such environment, and ErrMoved
	// when somebody else changed it in between: the error says what stands.
	Update(ctx context.Context, environment string, value Value, from int64) (Record, error)

	// Remove deletes an environment and its history. The error wraps
	// ErrUnknown when there is none.
	Remove(ctx context.Context, environment string) error
}

// Errors that a store's errors wrap.
var (
	ErrUnknown = errors.New("environment is unknown")
	ErrExists  = errors.New("environment exists already")
	ErrMoved   = errors.New("environment was changed meanwhile")
	ErrDenied  = errors.New("not permitted")
)
