package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"golang.org/x/sync/errgroup"
)

// maxRegionsAtOnce is how many Regions of an account are read at the same time.
const maxRegionsAtOnce = 4

// accountReader reads an account.
type accountReader struct {
	*run
	Account
	iam     detailLister
	regions []*regionReader
	enabled []string // Regions of the account, nil if they are not known
	errs    []error  // what could not be read
}

// read returns the roles of an account with their statuses.
func (a *accountReader) read(ctx context.Context) []Role {
	defer func() {
		for _, r := range a.regions {
			r.close(ctx)
		}
	}()
	a.iam = iam.NewFromConfig(limited(a.Config, a.Config.Region, a.Rate))
	roles, err := readRoles(ctx, a.iam)
	if err != nil {
		a.failed(err)
		return nil
	}
	a.chooseRegions(ctx)
	a.readRegions(ctx)
	where := a.places()
	roles = a.withoutGone(ctx, roles, where)
	return a.judge(ctx, roles, where)
}

func (a *accountReader) failed(err error) { a.errs = append(a.errs, err) }

// chooseRegions finds out which Regions to read, and whether these are all.
func (a *accountReader) chooseRegions(ctx context.Context) {
	enabled, err := enabledRegions(ctx, account.NewFromConfig(limited(a.Config, a.Config.Region, a.Rate)))
	if err != nil && a.Regions == nil {
		a.failed(err)
	}
	a.enabled = enabled
	regions := a.Regions
	if regions == nil {
		regions = enabled
	}
	for _, region := range regions {
		a.regions = append(a.regions, &regionReader{
			run: a.run, account: a.ID, region: region,
			cache: openCache(a.Cache, a.ID, region), roles: map[string]placed{},
		})
	}
}

// readRegions reads the Regions. One that fails stops none of the others.
func (a *accountReader) readRegions(ctx context.Context) {
	errs := make([]error, len(a.regions))
	var group errgroup.Group
	group.SetLimit(maxRegionsAtOnce)
	for i, r := range a.regions {
		group.Go(func() error {
			errs[i] = r.read(ctx, a.Config)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	for i, err := range errs {
		a.regions[i].failure = err
		if err != nil {
			a.failed(err)
		}
	}
}

// places are where the roles of stacks belong, by name.
func (a *accountReader) places() map[string]placed {
	all := map[string]placed{}
	for _, r := range a.regions {
		for name, at := range r.roles {
			all[name] = at
		}
	}
	return all
}

// withoutGone omits roles that were deleted while the account was read: those that
// belonged to a stack would seem to belong to none.
func (a *accountReader) withoutGone(ctx context.Context, roles []iamRole, where map[string]placed) []iamRole {
	isLost := func(r iamRole) bool {
		_, found := where[r.name]
		return !found && !r.isOfAWS()
	}
	hasAsked := func(r *regionReader) bool { return r.asked }
	if !slices.ContainsFunc(roles, isLost) || !slices.ContainsFunc(a.regions, hasAsked) {
		return roles
	}
	again, err := readRoles(ctx, a.iam)
	if err != nil {
		a.failed(err)
		return roles
	}
	present := map[string]bool{}
	for _, r := range again {
		present[r.arn] = true
	}
	return slices.DeleteFunc(roles, func(r iamRole) bool { return isLost(r) && !present[r.arn] })
}

// judge gives each role its status.
func (a *accountReader) judge(ctx context.Context, roles []iamRole, where map[string]placed) []Role {
	var all []Role
	dependent := map[string][]int{} // indexes of roles, by the ID of their stack
	for _, r := range roles {
		at, inStack := where[r.name]
		role := Role{Account: a.ID, Name: r.name, ARN: r.arn, Boundary: r.boundary}
		switch {
		case !inStack && a.Stacks != nil:
			continue
		case r.isOfAWS():
			role.is(Exempt, NoRemedy, "managed by AWS")
		case a.Exempt != nil && a.Exempt(r.path, r.name):
			role.is(Exempt, NoRemedy, "exempt by name")
		case !inStack:
			a.withoutStack(&role)
		case at.inStack(&role):
			dependent[at.stack.ID] = append(dependent[at.stack.ID], len(all))
		}
		all = append(all, role)
	}
	a.judgeAsDeployed(ctx, all, dependent, where)
	return all
}

// judgeAsDeployed gives roles their status that depends on what their stacks were
// deployed with, several stacks at once.
func (a *accountReader) judgeAsDeployed(ctx context.Context, all []Role, byStack map[string][]int, where map[string]placed) {
	var group errgroup.Group
	group.SetLimit(maxStacksAtOnce)
	for _, indexes := range byStack {
		group.Go(func() error {
			for _, i := range indexes {
				where[all[i].Name].asDeployed(ctx, &all[i])
			}
			return nil
		})
	}
	_ = group.Wait() // the roles have the errors
}

// withoutStack gives a role that belongs to no stack that was read its status.
func (a *accountReader) withoutStack(role *Role) {
	read := a.regionsRead()
	isRead := func(region string) bool { return slices.Contains(read, region) }
	switch {
	case a.enabled == nil, slices.ContainsFunc(a.enabled, func(region string) bool { return !isRead(region) }):
		role.is(Unknown, ReadRegions, "of no stack that was read (Regions: "+listed(read)+")")
	default:
		role.is(Outside, Adopt, a.regions[0].values.describe(role.Boundary))
	}
}

// regionsRead are the Regions that were read whole.
func (a *accountReader) regionsRead() []string {
	read := []string{}
	for _, r := range a.regions {
		if r.failure == nil {
			read = append(read, r.region)
		}
	}
	return read
}

// result says what was read.
func (a *accountReader) result() AccountResult {
	result := AccountResult{ID: a.ID, Regions: a.regionsRead(), Err: errors.Join(a.errs...)}
	if result.Err != nil {
		result.Error = strings.ReplaceAll(result.Err.Error(), "\n", "; ")
	}
	return result
}
