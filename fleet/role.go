package fleet

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"permissions-boundary-macro/internal/awserror"
)

// detailLister is the part of IAM that tells of all roles at once.
type detailLister interface {
	GetAccountAuthorizationDetails(context.Context, *iam.GetAccountAuthorizationDetailsInput, ...func(*iam.Options)) (*iam.GetAccountAuthorizationDetailsOutput, error)
}

// iamRole is what an audit needs of a role. The policies that come with it are not
// kept.
type iamRole struct {
	path, name, arn, boundary string
}

// isOfAWS reports whether AWS manages the role: the service-linked ones, and those
// of IAM Identity Center and Control Tower. Nobody else can set boundaries on
// them.
func (r iamRole) isOfAWS() bool {
	return strings.HasPrefix(r.path, "/aws-service-role/") || strings.HasPrefix(r.path, "/aws-reserved/")
}

// maxDetails is the longest page of GetAccountAuthorizationDetails.
// Source: IAM API, GetAccountAuthorizationDetails, MaxItems.
const maxDetails = 1000

// readRoles reads all roles of an account. ListRoles would not do: it omits
// boundaries.
func readRoles(ctx context.Context, client detailLister) ([]iamRole, error) {
	var all []iamRole
	known := map[string]bool{} // roles that come while pages are read may move others to the next page
	err := eachDetails(ctx, client, []types.EntityType{types.EntityTypeRole}, func(out *iam.GetAccountAuthorizationDetailsOutput) {
		for _, r := range out.RoleDetailList {
			if role := roleOf(r); !known[role.arn] {
				known[role.arn] = true
				all = append(all, role)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Boundaries reads the ARNs of the boundaries of all roles of an account, by the names
// of the roles; empty for none. Its errors are of type boundary.Problem.
func Boundaries(ctx context.Context, client *iam.Client) (map[string]string, error) {
	roles, err := readRoles(ctx, client)
	if err != nil {
		return nil, err
	}
	boundaries := map[string]string{}
	for _, r := range roles {
		boundaries[r.name] = r.boundary
	}
	return boundaries, nil
}

// eachDetails reads all entities of some types in an account, a page at a time.
func eachDetails(ctx context.Context, client detailLister, filter []types.EntityType, page func(*iam.GetAccountAuthorizationDetailsOutput)) error {
	in := &iam.GetAccountAuthorizationDetailsInput{Filter: filter, MaxItems: aws.Int32(maxDetails)}
	for {
		out, err := client.GetAccountAuthorizationDetails(ctx, in)
		if err == nil && out.IsTruncated && aws.ToString(out.Marker) == "" {
			err = awserror.ErrAnswer // the rest cannot be asked for
		}
		if err != nil {
			return awserror.Explain(awserror.Call{
				Service: "IAM", Verb: "read", Verbs: "reads of", Object: "the roles of the account",
				Allow: "allow iam:GetAccountAuthorizationDetails",
			}, err)
		}
		page(out)
		if !out.IsTruncated {
			return nil
		}
		in.Marker = out.Marker
	}
}

func roleOf(r types.RoleDetail) iamRole {
	role := iamRole{path: aws.ToString(r.Path), name: aws.ToString(r.RoleName), arn: aws.ToString(r.Arn)}
	if r.PermissionsBoundary != nil {
		role.boundary = aws.ToString(r.PermissionsBoundary.PermissionsBoundaryArn)
	}
	return role
}
