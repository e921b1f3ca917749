package fleet

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// How often a call is tried. AWS throttles an audit that shares its quota with
// pipelines for longer than the SDK's three attempts last. Whatever else is wrong
// does not go away by waiting.
const (
	maxAttempts  = 3
	maxThrottled = 12
)

// Limited is a configuration for the clients of one service in an account and
// Region, with a number of calls per second, 0 for no limit. Each attempt of a call
// waits for the limit, which keeps an audit from taking the quota of the deployments
// that run. After that the SDK's adaptive
// mode slows down as far as AWS wants.
func Limited(cfg aws.Config, region string, perSecond float64) aws.Config {
	cfg = cfg.Copy()
	cfg.Region = region
	cfg.Retryer = newRetryer
	if perSecond > 0 {
		limiter := rate.NewLimiter(rate.Limit(perSecond), 1)
		cfg.APIOptions = append(cfg.APIOptions, func(s *middleware.Stack) error {
			return s.Finalize.Insert(waitFor(limiter), (*retry.Attempt)(nil).ID(), middleware.After)
		})
	}
	return cfg
}

func newRetryer() aws.Retryer {
	return retryer{retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) {
			o.MaxAttempts = maxThrottled
			o.RateLimiter = ratelimit.None // attempts are limited by their number
			o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(isCutOff))
		})
	})}
}

// retryer tries calls more often that are throttled.
type retryer struct{ *retry.AdaptiveMode }

// RetryDelay returns how long to wait after an attempt, counted from 1. Its error
// ends the call.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= maxAttempts && !isThrottled(err) {
		return 0, err
	}
	return r.AdaptiveMode.RetryDelay(attempt, err)
}

func isThrottled(err error) bool {
	return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
}

// isCutOff has answers that end in the middle asked for again. A refusal that
// cannot be read is not one: an endpoint without the operation, or a proxy, gives
// it each time.
func isCutOff(err error) aws.Ternary {
	response, answered := errors.AsType[*awshttp.ResponseError](err)
	_, unreadable := errors.AsType[*smithy.DeserializationError](err)
	if unreadable && answered && response.HTTPStatusCode() < http.StatusBadRequest {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

func waitFor(limiter *rate.Limiter) middleware.FinalizeMiddleware {
	return middleware.FinalizeMiddlewareFunc("RateLimit", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if err := limiter.Wait(ctx); err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, err
		}
		return next.HandleFinalize(ctx, in)
	})
}
