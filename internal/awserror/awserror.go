// Package awserror says what the error of an AWS call means and what to do
// about it, for people.
package awserror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// Call is a call to AWS in the words of its errors: SSM is not permitted to
// "read" "parameter /p/dev in eu-west-1", throttles "reads of" it.
type Call struct {
	Service     string // SSM
	Verb, Verbs string // "read", "reads of"
	Object      string // "parameter /p/dev in eu-west-1"
	Allow       string // what to do when it is denied: "allow ssm:GetParameter on it"
	Throughput  string // what to do when it is throttled often; may be empty
}

// Codes of errors that services share, and that the SDK has no types for.
var (
	throttling  = []string{"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
	denial      = []string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
	credentials = []string{"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch"}
)

// unnamed is the code that the SDK makes up for an answer without one. No service
// gives such answers, but proxies and sign-in pages do.
const unnamed = "UnknownError"

// maxSaid is how much of a service's own text a message repeats, in bytes.
const maxSaid = 1000

// said is what a service says, as far as a message has room for it.
func said(parts ...string) error {
	return errors.New(printable.Clip(strings.Join(parts, ": "), maxSaid))
}

// IsDenied reports whether AWS answered that the caller lacks a permission.
func IsDenied(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(denial, api.ErrorCode())
}

// ErrAnswer is the error of a call whose answer lacks what was asked for.
var ErrAnswer = errors.New("the answer lacks what was asked for")

// Explain returns the problem that an error of a call is. What the service
// says is told as far as it is not in the problem already; an answer that cannot
// be read is not repeated, for it may hold a value.
func Explain(c Call, err error) boundary.Problem {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() != unnamed {
		return c.refused(api, err)
	}
	transport, isTransport := errors.AsType[*url.Error](err)
	response, isResponse := errors.AsType[*smithyhttp.ResponseError](err)
	switch {
	case isForCredentials(err):
		return c.uncalled(err)
	case errors.Is(err, context.DeadlineExceeded):
		return boundary.Problem{
			What:   fmt.Sprintf("%s did not answer in time about %s", c.Service, c.Object),
			Remedy: "try again; if it happens often, " + c.checkWay(),
		}
	case isTransport:
		return boundary.Problem{
			What:   fmt.Sprintf("%s cannot be reached to %s %s", c.Service, c.Verb, c.Object),
			Cause:  transport.Err,
			Remedy: c.checkWay() + " and try again",
		}
	case isResponse:
		return c.unreadable(fmt.Sprintf(" (HTTP status %d)", response.HTTPStatusCode()))
	case errors.Is(err, ErrAnswer):
		return c.unreadable("")
	}
	return c.uncalled(err)
}

func (c Call) checkWay() string {
	return fmt.Sprintf("check the way to %s (VPC endpoint, proxy)", c.Service)
}

// isForCredentials reports whether a call failed for another one, that was
// made to get credentials.
func isForCredentials(err error) bool {
	outer, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return false
	}
	_, nested := errors.AsType[*smithy.OperationError](outer.Err)
	return nested
}

// uncalled is the problem of a call that was not made.
func (c Call) uncalled(err error) boundary.Problem {
	return boundary.Problem{
		What:   fmt.Sprintf("cannot %s %s", c.Verb, c.Object),
		Cause:  err,
		Remedy: "check the AWS credentials and the Region",
	}
}

// unreadable is the problem of an answer that is none of the service.
func (c Call) unreadable(detail string) boundary.Problem {
	return boundary.Problem{
		What:   fmt.Sprintf("the answer of %s about %s cannot be read%s", c.Service, c.Object, detail),
		Remedy: "try again; if it happens often, " + c.checkWay(),
	}
}

// refused is the problem that an answer of the service is.
func (c Call) refused(api smithy.APIError, err error) boundary.Problem {
	code, message := api.ErrorCode(), api.ErrorMessage()
	response, isResponse := errors.AsType[*smithyhttp.ResponseError](err)
	switch {
	case slices.Contains(denial, code):
		return boundary.Problem{
			What:   fmt.Sprintf("not permitted to %s %s", c.Verb, c.Object),
			Cause:  said(message),
			Remedy: c.Allow,
			Kind:   boundary.ErrDenied,
		}
	case slices.Contains(throttling, code):
		remedy := "try again in a minute"
		if c.Throughput != "" {
			remedy += "; " + c.Throughput
		}
		return boundary.Problem{
			What:   fmt.Sprintf("%s throttles %s %s", c.Service, c.Verbs, c.Object),
			Cause:  said(message),
			Remedy: remedy,
		}
	case slices.Contains(credentials, code):
		return boundary.Problem{
			What:   fmt.Sprintf("AWS does not accept the credentials to %s %s", c.Verb, c.Object),
			Cause:  said(code, message),
			Remedy: "sign in again, or give other credentials",
		}
	case isResponse && response.HTTPStatusCode() >= http.StatusInternalServerError:
		return boundary.Problem{
			What:   fmt.Sprintf("%s failed to %s %s", c.Service, c.Verb, c.Object),
			Cause:  said(code, message),
			Remedy: "try again in a minute; if it goes on, see the AWS Health Dashboard",
		}
	}
	return boundary.Problem{
		What:   fmt.Sprintf("%s refuses to %s %s", c.Service, c.Verb, c.Object),
		Cause:  said(code, message),
		Remedy: "see what AWS says about this error",
	}
}
