package fleet

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/awserror"
)

// PolicyDocument reads the default version of a managed policy, which takes effect,
// in JSON. Its errors are of type boundary.Problem.
func PolicyDocument(ctx context.Context, cfg aws.Config, arn string) (string, error) {
	client := iam.NewFromConfig(Limited(cfg, cfg.Region, 0))
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

// RolePolicies is a role with its policies.
type RolePolicies struct {
	Name     string
	ARN      string
	Boundary string // ARN, empty for none
	Policies []Policy
}

// Policy is a policy of a role.
type Policy struct {
	Name     string // of an inline policy, or the ARN of a managed one
	Document string // in JSON, of the version that takes effect; empty if IAM does not tell it
}

// Granted reads the roles of an account with their policies, in order of name. Roles
// that AWS manages are omitted: nobody else can set boundaries on them. Its errors are
// of type boundary.Problem.
func Granted(ctx context.Context, cfg aws.Config) ([]RolePolicies, error) {
	var roles []types.RoleDetail
	managed := map[string]string{} // documents by ARN
	entities := []types.EntityType{types.EntityTypeRole, types.EntityTypeLocalManagedPolicy, types.EntityTypeAWSManagedPolicy}
	client := iam.NewFromConfig(Limited(cfg, cfg.Region, 0))
	err := eachDetails(ctx, client, entities, func(out *iam.GetAccountAuthorizationDetailsOutput) {
		roles = append(roles, out.RoleDetailList...)
		for _, p := range out.Policies {
			managed[aws.ToString(p.Arn)] = defaultVersion(p)
		}
	})
	if err != nil {
		return nil, err
	}
	var all []RolePolicies
	for _, r := range roles {
		if !roleOf(r).isOfAWS() {
			all = append(all, policiesOf(r, managed))
		}
	}
	slices.SortFunc(all, func(a, b RolePolicies) int { return strings.Compare(a.Name, b.Name) })
	// Roles that come while pages are read may move others to the next page.
	return slices.CompactFunc(all, func(a, b RolePolicies) bool { return a.ARN == b.ARN }), nil
}

func defaultVersion(p types.ManagedPolicyDetail) string {
	for _, version := range p.PolicyVersionList {
		if aws.ToString(version.VersionId) == aws.ToString(p.DefaultVersionId) {
			document, _ := decoded(version.Document) // empty, if it cannot be decoded
			return document
		}
	}
	return ""
}

func policiesOf(r types.RoleDetail, managed map[string]string) RolePolicies {
	known := roleOf(r)
	role := RolePolicies{Name: known.name, ARN: known.arn, Boundary: known.boundary}
	for _, inline := range r.RolePolicyList {
		document, _ := decoded(inline.PolicyDocument)
		role.Policies = append(role.Policies, Policy{aws.ToString(inline.PolicyName), document})
	}
	for _, attached := range r.AttachedManagedPolicies {
		arn := aws.ToString(attached.PolicyArn)
		role.Policies = append(role.Policies, Policy{arn, managed[arn]})
	}
	return role
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
