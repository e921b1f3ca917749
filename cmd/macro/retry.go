package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
)

// Limits of one call to SSM. An attempt that hangs must leave time for
// another, within the function's own deadline.
const (
	attempts       = 5
	attemptTimeout = 3 * time.Second
	longestWait    = 2 * time.Second
)

// retryer is the SDK's standard one with shorter waits: the SDK's own, up to 16
// seconds each, would outlast the function. It also tries again when an answer
// breaks off or is none of SSM's, for all calls are reads. When no time is left
// to wait and try again it gives up at once, so that people read what SSM
// answered last and not that time was up.
type retryer struct{ *retry.Standard }

func newRetryer() aws.Retryer {
	return retryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Backoff = retry.BackoffDelayerFunc(wait)
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(isUnreadable))
	})}
}

func isUnreadable(err error) aws.Ternary {
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// wait is random, so that stacks that were throttled together do not come back
// together.
func wait(attempt int, _ error) (time.Duration, error) {
	return rand.N(min(time.Second<<(attempt-1), longestWait)), nil
}

var errNoTime = errors.New("no time is left to try again")

// GetRetryToken implements aws.Retryer.
func (r retryer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < longestWait {
		return nil, errNoTime
	}
	return r.Standard.GetRetryToken(ctx, err)
}
