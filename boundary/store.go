package boundary

import (
	"context"
	"errors"
	"time"
)

// Record is a boundary value as a store holds it. Text may be malformed:
// operators also write by hand.
type Record struct {
	Key        Key
	Text       string    // for Parse
	Version    int64     // 1 for the first value, 1 more for each change
	Modified   time.Time // zero when the store does not know
	ModifiedBy string    // who made this version; empty when the store does not tell
}

// Reader reads the boundary values that take effect.
type Reader interface {
	// Effective returns the record that takes effect in the key's account: the
	// override for that account, or else the environment's own value. For a key
	// without an account it returns the environment's own value. A malformed
	// override is returned as it is, since the environment's own value may be a
	// weaker boundary. The error wraps ErrUnknown if there is neither value, and
	// ErrDenied if the caller may not read both.
	Effective(ctx context.Context, key Key) (Record, error)

	// Location says where the store keeps a value, for messages, such as
	// "parameter /permissions-boundary/dev in eu-west-1".
	Location(key Key) string

	// Correction says what to do about a malformed value.
	Correction(key Key) string
}

// Store reads and writes boundary values. Nothing is overwritten unseen: Create
// fails if there is a value, and Update if the value is not the one that the
// caller has read. An override does not need an environment with a value of its
// own.
type Store interface {
	Reader

	// Get returns the record of a key. The error wraps ErrUnknown if there is
	// none, and ErrDenied if the caller may not read it.
	Get(ctx context.Context, key Key) (Record, error)

	// List returns the present records of all environments and their overrides,
	// sorted by key.
	List(ctx context.Context) ([]Record, error)

	// History returns all records of a key that the store still has, oldest
	// first. The error wraps ErrUnknown if there is none.
	History(ctx context.Context, key Key) ([]Record, error)

	// Create adds a value and returns its first record. The error wraps
	// ErrExists if the key has a value.
	Create(ctx context.Context, key Key, value Value) (Record, error)

	// Update replaces the value that the caller has read as version from. The
	// error wraps ErrUnknown if the key has no value, and ErrMoved if somebody
	// else changed it in between: the error says what stands.
	Update(ctx context.Context, key Key, value Value, from int64) (Record, error)

	// Remove deletes the value of a key and its history. The overrides of an
	// environment stay. The error wraps ErrUnknown if the key has no value.
	Remove(ctx context.Context, key Key) error
}

// Errors that a store's errors wrap.
var (
	ErrUnknown = errors.New("environment is unknown")
	ErrExists  = errors.New("environment exists already")
	ErrMoved   = errors.New("environment was changed meanwhile")
	ErrDenied  = errors.New("not permitted")
)
