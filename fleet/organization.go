package fleet

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"permissions-boundary-macro/internal/awserror"
)

// Organization lists the accounts of an AWS organization.
type Organization interface {
	ListAccounts(context.Context, *organizations.ListAccountsInput, ...func(*organizations.Options)) (*organizations.ListAccountsOutput, error)
	ListAccountsForParent(context.Context, *organizations.ListAccountsForParentInput, ...func(*organizations.Options)) (*organizations.ListAccountsForParentOutput, error)
	ListOrganizationalUnitsForParent(context.Context, *organizations.ListOrganizationalUnitsForParentInput, ...func(*organizations.Options)) (*organizations.ListOrganizationalUnitsForParentOutput, error)
}

// AllAccounts returns the IDs of the active accounts of an organization, sorted.
func AllAccounts(ctx context.Context, client Organization) ([]string, error) {
	all, err := pages(func(token *string) ([]types.Account, *string, error) {
		out, err := client.ListAccounts(ctx, &organizations.ListAccountsInput{NextToken: token})
		if err != nil {
			return nil, nil, organizationFailure("the accounts of the organization", "organizations:ListAccounts", err)
		}
		return out.Accounts, out.NextToken, nil
	})
	return active(all), err
}

// AccountsBelow returns the IDs of the active accounts of an organizational unit
// and the units in it, sorted. The root is a unit, too.
func AccountsBelow(ctx context.Context, client Organization, unit string) ([]string, error) {
	accounts, err := accountsIn(ctx, client, unit)
	if err != nil {
		return nil, err
	}
	units, err := unitsIn(ctx, client, unit)
	if err != nil {
		return nil, err
	}
	all := active(accounts)
	for _, u := range units {
		below, err := AccountsBelow(ctx, client, aws.ToString(u.Id))
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	slices.Sort(all)
	return all, nil
}

func accountsIn(ctx context.Context, client Organization, unit string) ([]types.Account, error) {
	return pages(func(token *string) ([]types.Account, *string, error) {
		out, err := client.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &unit, NextToken: token})
		if err != nil {
			return nil, nil, organizationFailure("the accounts of "+unit, "organizations:ListAccountsForParent", err)
		}
		return out.Accounts, out.NextToken, nil
	})
}

func unitsIn(ctx context.Context, client Organization, unit string) ([]types.OrganizationalUnit, error) {
	return pages(func(token *string) ([]types.OrganizationalUnit, *string, error) {
		out, err := client.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &unit, NextToken: token})
		if err != nil {
			return nil, nil, organizationFailure("the organizational units in "+unit, "organizations:ListOrganizationalUnitsForParent", err)
		}
		return out.OrganizationalUnits, out.NextToken, nil
	})
}

// active are the IDs of accounts that can be read, sorted. Source: Organizations API, Account:
// State takes the place of Status, which answers may still have instead.
func active(accounts []types.Account) []string {
	var ids []string
	for _, a := range accounts {
		if a.State == types.AccountStateActive || a.State == "" && a.Status == types.AccountStatusActive {
			ids = append(ids, aws.ToString(a.Id))
		}
	}
	slices.Sort(ids)
	return ids
}

func organizationFailure(object, permission string, err error) error {
	return awserror.Explain(awserror.Call{
		Service: "Organizations", Verb: "list", Verbs: "requests to list", Object: object,
		Allow: "use the management account or a delegated administrator, and allow " + permission,
	}, err)
}
