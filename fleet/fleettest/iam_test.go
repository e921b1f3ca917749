package fleettest_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

const devBoundary = "arn:aws:iam::111122223333:policy/platform/dev"

// Pages of any size, with what AWS lets MaxItems be, have every user, role and
// policy once.
func TestPagesOfGAAD(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	a := s.Account(hub)
	for i := range 9 {
		a.PutRole(fleettest.Role{Name: fmt.Sprintf("role-%d", i)})
		a.PutUser(fleettest.User{Name: fmt.Sprintf("user-%d", i)})
	}
	a.PutPolicy(devBoundary, "{}")
	client := iam.NewFromConfig(as(s, hub, region))
	const operation = "GetAccountAuthorizationDetails"
	for size := range 21 {
		for _, empty := range []bool{false, true} {
			s.Page(operation, fleettest.Paging{Size: size, Empty: empty})
			var names []string
			pages := iam.NewGetAccountAuthorizationDetailsPaginator(client, &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(7)})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				require.NoError(t, err)
				require.Equal(t, page.IsTruncated, page.Marker != nil)
				require.LessOrEqual(t, len(page.RoleDetailList)+len(page.UserDetailList)+len(page.Policies), 7)
				for _, u := range page.UserDetailList {
					names = append(names, *u.UserName)
				}
				for _, r := range page.RoleDetailList {
					names = append(names, *r.RoleName)
				}
				for _, p := range page.Policies {
					names = append(names, *p.PolicyName)
				}
			}
			assert.Equal(t, "user-0 user-1 user-2 user-3 user-4 user-5 user-6 user-7 user-8 "+
				"role-0 role-1 role-2 role-3 role-4 role-5 role-6 role-7 role-8 dev", strings.Join(names, " "), "%d %v", size, empty)
		}
	}
	for _, items := range []int32{0, 1001} {
		_, err := client.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{MaxItems: &items})
		requireCode(t, "ValidationError", err)
	}
	s.Page(operation, fleettest.Paging{Size: 5, LoseMarker: true})
	out, err := client.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{})
	require.NoError(t, err)
	assert.True(t, out.IsTruncated)
	assert.Nil(t, out.Marker)
}

// Without MaxItems a page has 100.
func TestUsualPage(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	for i := range 101 {
		s.Account(hub).PutRole(fleettest.Role{Name: fmt.Sprint("role-", i)})
	}
	out, err := iam.NewFromConfig(as(s, hub, region)).GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{})
	require.NoError(t, err)
	assert.Len(t, out.RoleDetailList, 100)
	assert.True(t, out.IsTruncated)
}

// GetAccountAuthorizationDetails and GetRole have the boundary, ListRoles has
// not. ARNs are of the partition that was asked.
func TestBoundaryOfRoles(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"a":"b c+d%"}}}]}`
	a := s.Account(hub)
	a.PutRole(fleettest.Role{
		Name: "bound", Path: "/team/", Boundary: devBoundary, Trust: policy,
		Inline:   []fleettest.Policy{{Name: "access", Document: policy}},
		Attached: []string{"arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"},
		Tags:     []fleettest.Tag{{Key: "team", Value: ""}},
	})
	a.PutRole(fleettest.Role{Name: "unbound"})
	a.PutUser(fleettest.User{Name: "bound-user", Boundary: devBoundary})
	for region, partition := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn"} {
		client := iam.NewFromConfig(as(s, hub, region))
		all, err := client.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeRole}})
		require.NoError(t, err)
		assert.Empty(t, all.UserDetailList)
		require.Len(t, all.RoleDetailList, 2)
		bound, unbound := all.RoleDetailList[0], all.RoleDetailList[1]
		assert.Equal(t, "arn:"+partition+":iam::"+hub+":role/team/bound", *bound.Arn)
		assert.Equal(t, "/team/", *bound.Path)
		assert.Equal(t, devBoundary, *bound.PermissionsBoundary.PermissionsBoundaryArn)
		assert.Nil(t, unbound.PermissionsBoundary)
		assert.Equal(t, "arn:"+partition+":iam::"+hub+":role/unbound", *unbound.Arn)
		for _, document := range []*string{bound.AssumeRolePolicyDocument, bound.RolePolicyList[0].PolicyDocument} {
			assert.NotContains(t, *document, "+")
			plain, err := url.QueryUnescape(*document)
			require.NoError(t, err)
			assert.Equal(t, policy, plain)
		}
		assert.Equal(t, "ViewOnlyAccess", *bound.AttachedManagedPolicies[0].PolicyName)
		assert.Equal(t, "", *bound.Tags[0].Value)

		list, err := client.ListRoles(ctx, &iam.ListRolesInput{})
		require.NoError(t, err)
		require.Len(t, list.Roles, 2)
		assert.Equal(t, "bound", *list.Roles[0].RoleName)
		assert.Nil(t, list.Roles[0].PermissionsBoundary)

		one, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("bound")})
		require.NoError(t, err)
		assert.Equal(t, devBoundary, *one.Role.PermissionsBoundary.PermissionsBoundaryArn)
	}
	_, err := iam.NewFromConfig(as(s, spoke, region)).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("bound")})
	requireCode(t, "NoSuchEntity", err)
}

// Policies are counted where they are boundaries. A policy of AWS that is only a
// boundary is not listed.
func TestPolicies(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	const attached, boundaryOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/PowerUserAccess"
	a := s.Account(hub)
	for _, arn := range []string{devBoundary, attached, boundaryOnly} {
		a.PutPolicy(arn, `{"Statement":[]}`)
	}
	a.PutRole(fleettest.Role{Name: "a", Boundary: devBoundary, Attached: []string{attached}})
	a.PutRole(fleettest.Role{Name: "b", Boundary: devBoundary})
	a.PutRole(fleettest.Role{Name: "c", Boundary: boundaryOnly})
	a.PutUser(fleettest.User{Name: "d", Boundary: devBoundary})
	client := iam.NewFromConfig(as(s, hub, region))
	for kind, want := range map[types.EntityType]string{
		types.EntityTypeLocalManagedPolicy: devBoundary, types.EntityTypeAWSManagedPolicy: attached,
	} {
		out, err := client.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{kind}})
		require.NoError(t, err)
		assert.Empty(t, out.RoleDetailList)
		require.Len(t, out.Policies, 1)
		assert.Equal(t, want, *out.Policies[0].Arn)
		assert.Equal(t, "%7B%22Statement%22%3A%5B%5D%7D", *out.Policies[0].PolicyVersionList[0].Document)
	}
	policy, err := client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(devBoundary)})
	require.NoError(t, err)
	assert.Equal(t, int32(3), *policy.Policy.PermissionsBoundaryUsageCount)
	assert.Equal(t, "/platform/", *policy.Policy.Path)
	version, err := client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(boundaryOnly), VersionId: policy.Policy.DefaultVersionId})
	require.NoError(t, err)
	assert.Equal(t, "%7B%22Statement%22%3A%5B%5D%7D", *version.PolicyVersion.Document)
	_, err = client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String("arn:aws:iam::aws:policy/Missing")})
	requireCode(t, "NoSuchEntity", err)
	_, err = client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(devBoundary), VersionId: aws.String("v2")})
	requireCode(t, "NoSuchEntity", err)
}

// Boundaries that are set by hand, by a test or a call, are live at once.
func TestSetBoundary(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	a := s.Account(hub)
	a.PutRole(fleettest.Role{Name: "role", Boundary: devBoundary})
	a.SetBoundary("role", "")
	got, _ := a.Role("role")
	assert.Empty(t, got.Boundary)
	_, err := iam.NewFromConfig(as(s, hub, region)).PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{
		RoleName: aws.String("role"), PermissionsBoundary: aws.String(devBoundary),
	})
	require.NoError(t, err)
	got, _ = a.Role("role")
	assert.Equal(t, devBoundary, got.Boundary)
	assert.Equal(t, 1, s.Writes())
	a.DeleteRole("role")
	_, exists := a.Role("role")
	assert.False(t, exists)
	assert.Empty(t, a.Roles())
}
