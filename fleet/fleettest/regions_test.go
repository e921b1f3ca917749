package fleettest_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

func listRegions(ctx context.Context, t *testing.T, c aws.Config, in *account.ListRegionsInput) map[string]types.RegionOptStatus {
	t.Helper()
	statuses := map[string]types.RegionOptStatus{}
	pages := account.NewListRegionsPaginator(account.NewFromConfig(c), in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		for _, r := range page.Regions {
			statuses[*r.RegionName] = r.RegionOptStatus
		}
	}
	return statuses
}

// Regions are those of the partition, with the statuses of the account.
func TestListRegions(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(hub).SetRegion("eu-south-1", fleettest.Enabled)
	all := listRegions(ctx, t, as(s, hub, region), &account.ListRegionsInput{})
	assert.Len(t, all, 16)
	assert.Equal(t, types.RegionOptStatusEnabledByDefault, all["eu-west-1"])
	assert.Equal(t, types.RegionOptStatusEnabled, all["eu-south-1"])
	assert.Equal(t, types.RegionOptStatusDisabled, all["me-south-1"])
	s.Page("ListRegions", fleettest.Paging{Size: 3, Empty: true})
	assert.Equal(t, all, listRegions(ctx, t, as(s, hub, region), &account.ListRegionsInput{}))
	assert.Equal(t, map[string]types.RegionOptStatus{"eu-south-1": "ENABLED"},
		listRegions(ctx, t, as(s, hub, region), &account.ListRegionsInput{RegionOptStatusContains: []types.RegionOptStatus{"ENABLED"}}))
	assert.Equal(t, map[string]types.RegionOptStatus{"cn-north-1": "ENABLED_BY_DEFAULT", "cn-northwest-1": "ENABLED_BY_DEFAULT"},
		listRegions(ctx, t, as(s, hub, "cn-north-1"), &account.ListRegionsInput{}))
}

// Regions of another account are for the management account.
func TestRegionsOfMembers(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	o := s.Account(hub).Organization()
	o.AddAccount(o.Root(), spoke, "orders", fleettest.Active)
	s.Account(spoke).SetRegion("eu-west-1", fleettest.Disabled)
	regions := listRegions(ctx, t, as(s, hub, region), &account.ListRegionsInput{AccountId: aws.String(spoke)})
	assert.Equal(t, types.RegionOptStatusDisabled, regions["eu-west-1"])
	_, err := account.NewFromConfig(as(s, spoke, region)).ListRegions(ctx, &account.ListRegionsInput{AccountId: aws.String(hub)})
	requireCode(t, "AccessDeniedException", err)
	_, err = account.NewFromConfig(as(s, hub, region)).ListRegions(ctx, &account.ListRegionsInput{AccountId: aws.String(other)})
	requireCode(t, "AccessDeniedException", err)
	_, err = account.NewFromConfig(as(s, hub, region)).ListRegions(ctx, &account.ListRegionsInput{MaxResults: aws.Int32(51)})
	requireCode(t, "ValidationException", err)
}

// A Region that is not enabled does not know the account's keys.
func TestDisabledRegion(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	c := as(s, hub, "me-south-1")
	_, err := cloudformation.NewFromConfig(c).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	requireCode(t, "InvalidClientTokenId", err)
	_, err = iam.NewFromConfig(c).ListRoles(ctx, &iam.ListRolesInput{})
	require.NoError(t, err, "IAM is of no Region")
	s.Account(hub).SetRegion("me-south-1", fleettest.Enabled)
	_, err = cloudformation.NewFromConfig(c).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	require.NoError(t, err)
}
