package paramstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"permissions-boundary-macro/boundary"
)

// action is a call to SSM, in the words of its errors.
type action struct {
	verb, verbs string // "read", "reads of"
	permission  string
}

var (
	read        = action{"read", "reads of", "ssm:GetParameter"}
	readHistory = action{"read the history of", "reads of the history of", "ssm:GetParameterHistory"}
	list        = action{"list", "lists of", "ssm:GetParametersByPath"}
	create      = action{"create", "writes of", "ssm:PutParameter and ssm:AddTagsToResource"}
	update      = action{"update", "writes of", "ssm:PutParameter"}
	remove      = action{"delete", "deletions of", "ssm:DeleteParameter"}
)

// Codes of errors that the SDK has no types for in these operations.
var (
	throttling  = []string{"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
	denial      = []string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
	credentials = []string{"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidSignatureException"}
)

// failed says what the error of a call means. What the service says is told as
// far as it is not in the problem already.
func (s *SSM) failed(a action, environment string, err error) error {
	where := "the parameters below " + s.prefix + " in " + s.region
	if environment != "" {
		where = s.Location(environment)
	}
	var (
		missing   *types.ParameterNotFound
		exists    *types.ParameterAlreadyExists
		api       smithy.APIError
		transport *url.Error
	)
	isAPI := errors.As(err, &api)
	switch {
	case errors.As(err, &missing):
		return &boundary.Problem{
			What:   fmt.Sprintf("environment %q is unknown: %s does not exist", environment, where),
			Remedy: s.command("add it: pbm env add " + environment),
			Kind:   boundary.ErrUnknown,
		}
	case errors.As(err, &exists):
		return &boundary.Problem{
			What:   fmt.Sprintf("environment %q exists already: %s", environment, where),
			Remedy: s.command("change it: pbm env update " + environment),
			Kind:   boundary.ErrExists,
		}
	case isAPI && slices.Contains(denial, api.ErrorCode()):
		return &boundary.Problem{
			What:   fmt.Sprintf("not permitted to %s %s", a.verb, where),
			Cause:  errors.New(api.ErrorMessage()),
			Remedy: "allow " + a.permission + " on it, and the use of its key if it is a SecureString",
		}
	case isAPI && slices.Contains(throttling, api.ErrorCode()):
		return &boundary.Problem{
			What:   fmt.Sprintf("SSM throttles %s %s", a.verbs, where),
			Cause:  errors.New(api.ErrorMessage()),
			Remedy: "try again in a minute; if it happens often, raise the throughput of Parameter Store in this Region",
		}
	case isAPI && slices.Contains(credentials, api.ErrorCode()):
		return &boundary.Problem{
			What:   fmt.Sprintf("AWS does not accept the credentials to %s %s", a.verb, where),
			Cause:  fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage()),
			Remedy: "sign in again, or give other credentials",
		}
	case isAPI:
		return &boundary.Problem{
			What:   fmt.Sprintf("SSM refuses to %s %s", a.verb, where),
			Cause:  fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage()),
			Remedy: "see what AWS says about this error",
		}
	case errors.Is(err, context.DeadlineExceeded):
		return &boundary.Problem{
			What:   "SSM did not answer in time about " + where,
			Remedy: "try again; if it happens often, check the way to SSM (VPC endpoint, proxy)",
		}
	case errors.As(err, &transport):
		return &boundary.Problem{
			What:   fmt.Sprintf("SSM cannot be reached to %s %s", a.verb, where),
			Cause:  transport.Err,
			Remedy: "check the way to SSM (VPC endpoint, proxy) and try again",
		}
	}
	return &boundary.Problem{
		What:   fmt.Sprintf("cannot %s %s", a.verb, where),
		Cause:  err,
		Remedy: "check the AWS credentials and the Region",
	}
}
