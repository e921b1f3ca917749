// Package awserror says what the error of an AWS call means and what to do
// about it, for people.
package awserror

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/aws/smithy-go"

	"permissions-boundary-macro/boundary"
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

// IsDenied reports whether AWS answered that the caller lacks a permission.
func IsDenied(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(denial, api.ErrorCode())
}

// Explain returns the problem that an error of a call is. What the service
// says is told as far as it is not in the problem already.
func Explain(c Call, err error) *boundary.Problem {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return c.refused(api)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &boundary.Problem{
			What:   fmt.Sprintf("%s did not answer in time about %s", c.Service, c.Object),
			Remedy: fmt.Sprintf("try again; if it happens often, check the way to %s (VPC endpoint, proxy)", c.Service),
		}
	}
	if transport, ok := errors.AsType[*url.Error](err); ok {
		return &boundary.Problem{
			What:   fmt.Sprintf("%s cannot be reached to %s %s", c.Service, c.Verb, c.Object),
			Cause:  transport.Err,
			Remedy: fmt.Sprintf("check the way to %s (VPC endpoint, proxy) and try again", c.Service),
		}
	}
	return &boundary.Problem{
		What:   fmt.Sprintf("cannot %s %s", c.Verb, c.Object),
		Cause:  err,
		Remedy: "check the AWS credentials and the Region",
	}
}

// refused is the problem that an answer of the service is.
func (c Call) refused(api smithy.APIError) *boundary.Problem {
	code, message := api.ErrorCode(), api.ErrorMessage()
	switch {
	case slices.Contains(denial, code):
		return &boundary.Problem{
			What:   fmt.Sprintf("not permitted to %s %s", c.Verb, c.Object),
			Cause:  errors.New(message),
			Remedy: c.Allow,
		}
	case slices.Contains(throttling, code):
		remedy := "try again in a minute"
		if c.Throughput != "" {
			remedy += "; " + c.Throughput
		}
		return &boundary.Problem{
			What:   fmt.Sprintf("%s throttles %s %s", c.Service, c.Verbs, c.Object),
			Cause:  errors.New(message),
			Remedy: remedy,
		}
	case slices.Contains(credentials, code):
		return &boundary.Problem{
			What:   fmt.Sprintf("AWS does not accept the credentials to %s %s", c.Verb, c.Object),
			Cause:  fmt.Errorf("%s: %s", code, message),
			Remedy: "sign in again, or give other credentials",
		}
	}
	return &boundary.Problem{
		What:   fmt.Sprintf("%s refuses to %s %s", c.Service, c.Verb, c.Object),
		Cause:  fmt.Errorf("%s: %s", code, message),
		Remedy: "see what AWS says about this error",
	}
}
