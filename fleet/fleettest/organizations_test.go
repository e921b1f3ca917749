package fleettest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

func TestOrganization(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	o := s.Account(hub).Organization()
	workloads := o.AddUnit(o.Root(), "workloads")
	dev := o.AddUnit(workloads, "dev")
	o.AddAccount(workloads, spoke, "orders", fleettest.Active)
	o.AddAccount(dev, other, "old", fleettest.Suspended)
	client := organizations.NewFromConfig(as(s, hub, "us-east-1"))

	states := func(accounts []types.Account) map[string]types.AccountState {
		states := map[string]types.AccountState{}
		for _, a := range accounts {
			states[*a.Id] = a.State
		}
		return states
	}
	all, err := client.ListAccounts(ctx, &organizations.ListAccountsInput{})
	require.NoError(t, err)
	assert.Equal(t, map[string]types.AccountState{hub: "ACTIVE", spoke: "ACTIVE", other: "SUSPENDED"}, states(all.Accounts))
	assert.Equal(t, "arn:aws:organizations::"+hub+":account/o-exampleorgid/"+hub, *all.Accounts[0].Arn)
	below, err := client.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &workloads})
	require.NoError(t, err)
	assert.Equal(t, map[string]types.AccountState{spoke: "ACTIVE"}, states(below.Accounts))
	units, err := client.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: aws.String(o.Root())})
	require.NoError(t, err)
	require.Len(t, units.OrganizationalUnits, 1)
	assert.Equal(t, workloads, *units.OrganizationalUnits[0].Id)
	assert.Equal(t, "workloads", *units.OrganizationalUnits[0].Name)
	assert.Equal(t, 1, s.Count(fleettest.Call{Operation: "ListAccountsForParent", Resource: workloads}))

	_, err = client.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: aws.String("ou-f1ee-99999999")})
	requireCode(t, "ParentNotFoundException", err)
	for _, size := range []int32{0, 21} {
		_, err = client.ListAccounts(ctx, &organizations.ListAccountsInput{MaxResults: &size})
		requireCode(t, "InvalidInputException", err)
	}
}

// Only the management account and delegated administrators may ask.
func TestWhoMayAskOrganizations(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	o := s.Account(hub).Organization()
	o.AddAccount(o.Root(), spoke, "orders", fleettest.Active)
	ask := func(account string) error {
		_, err := organizations.NewFromConfig(as(s, account, region)).ListAccounts(ctx, &organizations.ListAccountsInput{})
		return err
	}
	requireCode(t, "AccessDeniedException", ask(spoke))
	o.Delegate(spoke)
	require.NoError(t, ask(spoke))
	requireCode(t, "AWSOrganizationsNotInUseException", ask(other))
}

// Pages have 20 accounts at most, and may be empty.
func TestPagesOfAccounts(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	o := s.Account(hub).Organization()
	for i := range 44 {
		o.AddAccount(o.Root(), fmt.Sprintf("%012d", i+1), "member", fleettest.Active)
	}
	client := organizations.NewFromConfig(as(s, hub, region))
	for _, p := range []fleettest.Paging{{}, {Size: 7}, {Empty: true}, {Size: 1, Empty: true}} {
		s.Page("ListAccounts", p)
		ids := map[string]bool{}
		pages := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Accounts), 20)
			for _, a := range page.Accounts {
				require.False(t, ids[*a.Id])
				ids[*a.Id] = true
			}
		}
		assert.Len(t, ids, 45)
	}
}
