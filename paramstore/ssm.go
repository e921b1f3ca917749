// Package paramstore keeps the boundary values of environments: in SSM
// Parameter Store, where the macro reads them, and in a local file, with which
// everything can be tried without an AWS account.
package paramstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"permissions-boundary-macro/boundary"
)

// parameters are the calls that SSM needs of the SDK's client.
type parameters interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
}

// SSM keeps each value in a parameter <prefix>/<environment>. It never caches.
type SSM struct {
	client parameters
	prefix string
	region string
}

// NewSSM returns the store of the client's account and Region.
func NewSSM(client *ssm.Client, prefix string) *SSM {
	return &SSM{client: client, prefix: prefix, region: client.Options().Region}
}

func (s *SSM) name(environment string) string { return s.prefix + "/" + environment }

// Location names the parameter and its Region.
func (s *SSM) Location(environment string) string {
	return fmt.Sprintf("parameter %s in %s", s.name(environment), s.region)
}

// Get reads a parameter of whatever type, SecureString included.
func (s *SSM) Get(ctx context.Context, environment string) (boundary.Record, error) {
	out, err := s.client.GetParameter(ctx, &ssm.GetParameterInput{
		Name:           aws.String(s.name(environment)),
		WithDecryption: aws.Bool(true),
	})
	if err != nil {
		return boundary.Record{}, s.readError(environment, err)
	}
	return boundary.Record{
		Environment: environment,
		Text:        aws.ToString(out.Parameter.Value),
		Version:     out.Parameter.Version,
		Modified:    aws.ToTime(out.Parameter.LastModifiedDate),
	}, nil
}

// Codes of errors that the SDK has no types for in these operations.
var (
	throttling = []string{"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
	denial     = []string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
)

// readError says what a failed read means. What the service says is told as
// far as it is not in the problem already.
func (s *SSM) readError(environment string, err error) error {
	var (
		missing   *types.ParameterNotFound
		api       smithy.APIError
		transport *url.Error
		where     = s.Location(environment)
	)
	switch {
	case errors.As(err, &missing):
		return &boundary.Problem{
			What:   fmt.Sprintf("environment %q is unknown: %s does not exist", environment, where),
			Remedy: s.command("add it: pbm env add " + environment),
			Kind:   boundary.ErrUnknown,
		}
	case errors.As(err, &api) && slices.Contains(denial, api.ErrorCode()):
		return &boundary.Problem{
			What:   "not permitted to read " + where,
			Cause:  errors.New(api.ErrorMessage()),
			Remedy: "allow ssm:GetParameter on it, and kms:Decrypt on its key if it is a SecureString",
		}
	case errors.As(err, &api) && slices.Contains(throttling, api.ErrorCode()):
		return &boundary.Problem{
			What:   "SSM throttles reads of " + where,
			Cause:  errors.New(api.ErrorMessage()),
			Remedy: "deploy again in a minute; if it happens often, raise the throughput of Parameter Store in this Region",
		}
	case errors.As(err, &api):
		return &boundary.Problem{
			What:   "SSM refuses to read " + where,
			Cause:  fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage()),
			Remedy: "see what AWS says about this error",
		}
	case errors.Is(err, context.DeadlineExceeded):
		return &boundary.Problem{
			What:   "SSM did not answer in time about " + where,
			Remedy: "deploy again; if it happens often, check the way to SSM (VPC endpoint, proxy)",
		}
	case errors.As(err, &transport):
		return &boundary.Problem{
			What:   "SSM cannot be reached to read " + where,
			Cause:  transport.Err,
			Remedy: "check the way to SSM (VPC endpoint, proxy) and deploy again",
		}
	}
	return &boundary.Problem{
		What:   "cannot read " + where,
		Cause:  err,
		Remedy: "check the AWS credentials and the Region",
	}
}

// command completes a pbm command by what it needs to find this store.
func (s *SSM) command(text string) string {
	text += " --region " + s.region
	if s.prefix != DefaultPrefix {
		text += " --prefix " + s.prefix
	}
	return text
}
