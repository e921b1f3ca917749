package fleettest

import (
	"encoding/json"
	"maps"
	"slices"

	"permissions-boundary-macro/boundary"
)

// Opt-in statuses of a Region. Source: Account Management API, RegionOptStatus.
const (
	Enabled          = "ENABLED"
	Enabling         = "ENABLING"
	Disabling        = "DISABLING"
	Disabled         = "DISABLED"
	EnabledByDefault = "ENABLED_BY_DEFAULT"
)

// usualRegions are some Regions of each partition, as they are in a new account.
var usualRegions = map[string]map[string]string{
	"aws": {
		"ap-northeast-1": EnabledByDefault, "ap-south-1": EnabledByDefault, "ap-southeast-2": EnabledByDefault,
		"ca-central-1": EnabledByDefault, "eu-central-1": EnabledByDefault, "eu-north-1": EnabledByDefault,
		"eu-west-1": EnabledByDefault, "eu-west-2": EnabledByDefault, "sa-east-1": EnabledByDefault,
		"us-east-1": EnabledByDefault, "us-east-2": EnabledByDefault, "us-west-2": EnabledByDefault,
		"af-south-1": Disabled, "ap-east-1": Disabled, "eu-south-1": Disabled, "me-south-1": Disabled,
	},
	"aws-cn":     {"cn-north-1": EnabledByDefault, "cn-northwest-1": EnabledByDefault},
	"aws-us-gov": {"us-gov-east-1": EnabledByDefault, "us-gov-west-1": EnabledByDefault},
}

// SetRegion sets the opt-in status of a Region. CloudFormation, STS and SSM of a
// Region that is DISABLED, DISABLING or ENABLING do not know the account's keys.
func (a *Account) SetRegion(region, status string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.regions[region] = status
}

// regionsOf are the Regions of a partition with their statuses.
func (a *Account) regionsOf(partition string) map[string]string {
	all := maps.Clone(usualRegions[partition])
	for region, status := range a.regions {
		if boundary.PartitionOf(region) == partition {
			all[region] = status
		}
	}
	return all
}

// isEnabled reports whether a Region can be used. One that nothing is known of
// can be.
func (a *Account) isEnabled(region string) bool {
	status, known := a.regionsOf(boundary.PartitionOf(region))[region]
	return !known || status == Enabled || status == EnabledByDefault
}

var accountOperations = map[string]func(*request) ([]byte, error){"ListRegions": listRegions}

// listRegions is POST /listRegions. Another account than the caller's needs the
// caller to be the management account or a delegated administrator.
func listRegions(r *request) ([]byte, error) {
	var in struct {
		AccountID               string `json:"AccountId"`
		MaxResults              *int
		NextToken               string
		RegionOptStatusContains []string
	}
	if err := json.Unmarshal(r.body, &in); err != nil {
		return nil, invalid("The input fails to satisfy the constraints")
	}
	s, of := r.account.server, r.account
	if in.AccountID != "" {
		of = s.Account(in.AccountID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if of != r.account && !r.account.administers(of) {
		return nil, failure{code: "AccessDenied"}
	}
	size, err := sizeOf(in.MaxResults, 50)
	if err != nil {
		return nil, err
	}
	all := of.regionsOf(r.partition())
	maps.DeleteFunc(all, func(_, status string) bool {
		return in.RegionOptStatusContains != nil && !slices.Contains(in.RegionOptStatusContains, status)
	})
	page, next, err := s.page(r.Operation, in.NextToken, slices.Sorted(maps.Keys(all)), size)
	if err != nil {
		return nil, err
	}
	regions := []map[string]string{}
	for _, region := range page {
		regions = append(regions, map[string]string{"RegionName": region, "RegionOptStatus": all[region]})
	}
	return mustMarshal(withToken(map[string]any{"Regions": regions}, next)), nil
}
