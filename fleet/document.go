package fleet

import (
	"context"
	"errors"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/awserror"
)

// PolicyDocument reads the default version of a managed policy, which takes effect,
// in JSON. Its errors are of type boundary.Problem.
func PolicyDocument(ctx context.Context, cfg aws.Config, arn string) (string, error) {
	client := iam.NewFromConfig(cfg)
	found, err := client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(arn)})
	if err != nil {
		return "", unreadPolicy(arn, err)
	}
	if found.Policy == nil {
		return "", unreadPolicy(arn, awserror.ErrAnswer)
	}
	out, err := client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(arn), VersionId: found.Policy.DefaultVersionId})
	if err != nil {
		return "", unreadPolicy(arn, err)
	}
	if out.PolicyVersion == nil {
		return "", unreadPolicy(arn, awserror.ErrAnswer)
	}
	document, err := decoded(out.PolicyVersion.Document)
	if err != nil {
		return "", unreadPolicy(arn, awserror.ErrAnswer)
	}
	return document, nil
}

// decoded is a document as IAM gives it, in URL encoding.
// Source: IAM API, PolicyVersion, Document.
func decoded(document *string) (string, error) { return url.PathUnescape(aws.ToString(document)) }

func unreadPolicy(arn string, err error) error {
	if _, missing := errors.AsType[*types.NoSuchEntityException](err); missing {
		return boundary.Problem{What: "policy " + arn + " does not exist", Remedy: "create the policy first, or correct its name"}
	}
	return awserror.Explain(awserror.Call{
		Service: "IAM", Verb: "read", Verbs: "reads of", Object: "policy " + arn,
		Allow: "allow iam:GetPolicy and iam:GetPolicyVersion on it",
	}, err)
}
