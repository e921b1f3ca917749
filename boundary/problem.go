package boundary

import (
	"errors"
	"fmt"
)

// Problem is an error for people: what is wrong and where, the cause if there
// is one, and what to do next. Texts are lower case, without a full stop. It is a
// value, so that one which is changed on its way up leaves all others as they are.
type Problem struct {
	What   string
	Cause  error // may be nil
	Remedy string
	Kind   error // what errors.Is finds beside the cause, such as ErrUnknown; may be nil
}

func (p Problem) Error() string {
	if p.Cause == nil {
		return p.What
	}
	return fmt.Sprintf("%s: %v", p.What, p.Cause)
}

func (p Problem) Unwrap() error { return p.Cause }

// Is reports whether target is the kind of the problem.
func (p Problem) Is(target error) bool { return p.Kind != nil && p.Kind == target }

func (p Problem) remedy() string { return p.Remedy }

// WithRemedy is err with another remedy.
func WithRemedy(err error, remedy string) error { return remedied{err, remedy} }

type remedied struct {
	error
	text string
}

func (r remedied) Unwrap() error  { return r.error }
func (r remedied) remedy() string { return r.text }

// Remedy is what to do about err, empty when the error does not say.
func Remedy(err error) string {
	var r interface{ remedy() string }
	if errors.As(err, &r) {
		return r.remedy()
	}
	return ""
}
