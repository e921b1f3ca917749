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
	client := iam.NewFromConfig(Limited(a.Config, a.Config.Region, a.Rate))
	roles, err := readRoles(ctx, client)
	if err != nil {
		a.failed(err)
		return nil
	}
	a.chooseRegions(ctx)
	a.readRegions(ctx)
	where := a.places()
	all := a.judge(ctx, roles, where)
	if !slices.ContainsFunc(all, Role.needsProof) {
		return all
	}
	// Stacks were deployed and deleted since the roles were read, which took minutes.
	again, err := readRoles(ctx, client)
	if err != nil {
		a.failed(err)
		return all
	}
	return a.judge(ctx, asReadAgain(roles, again), where)
}

// needsProof reports whether the status says that something is wrong.
func (r Role) needsProof() bool { return r.Status != Live && r.Status != NoMacro && r.Status != Exempt }

// asReadAgain are the roles that are still there, as they are now. Those that have
// come since may belong to stacks that have, too.
func asReadAgain(before, now []iamRole) []iamRole {
	present := map[string]iamRole{}
	for _, r := range now {
		present[r.arn] = r
	}
	var all []iamRole
	for _, r := range before {
		if r, exists := present[r.arn]; exists {
			all = append(all, r)
		}
	}
	return all
}

func (a *accountReader) failed(err error) { a.errs = append(a.errs, err) }

// chooseRegions finds out which Regions to read, and whether these are all.
func (a *accountReader) chooseRegions(ctx context.Context) {
	enabled, err := enabledRegions(ctx, account.NewFromConfig(Limited(a.Config, a.Config.Region, a.Rate)))
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
			cache: openCache(a.Cache, a.ID, region), roles: map[string][]placed{}, unread: map[string]error{},
		})
	}
}

// readRegions reads the Regions. One that fails stops none of the others.
func (a *accountReader) readRegions(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(maxRegionsAtOnce)
	for _, r := range a.regions {
		group.Go(func() error {
			r.failure = r.read(ctx, a.Config)
			return nil
		})
	}
	_ = group.Wait() // the Regions have the errors
}

// places are where the roles of stacks belong, by name.
func (a *accountReader) places() map[string][]placed {
	all := map[string][]placed{}
	for _, r := range a.regions {
		for name, places := range r.roles {
			all[name] = append(all[name], places...)
		}
	}
	return all
}

// judge gives each role its status, those of several stacks at once.
func (a *accountReader) judge(ctx context.Context, roles []iamRole, where map[string][]placed) []Role {
	var all []Role
	byStack := map[string][]int{} // indexes of roles, by the ID of their stack
	for _, r := range roles {
		places := where[r.name]
		role := Role{Account: a.ID, Name: r.name, ARN: r.arn, Boundary: r.boundary}
		switch {
		case len(places) == 0 && a.Stacks != nil:
			continue
		case r.isOfAWS():
			role.is(Exempt, NoRemedy, "managed by AWS")
		case a.Exempt != nil && a.Exempt(r.path, r.name):
			role.is(Exempt, NoRemedy, "exempt by name")
		case len(places) > 1:
			role.is(Unknown, NoRemedy, "several stacks have it: "+stacksOf(places))
		case len(places) == 0:
			a.withoutStack(&role)
		default:
			byStack[places[0].stack.ID] = append(byStack[places[0].stack.ID], len(all))
		}
		all = append(all, role)
	}
	var group errgroup.Group
	group.SetLimit(maxStacksAtOnce)
	for _, indexes := range byStack {
		group.Go(func() error {
			for _, i := range indexes {
				where[all[i].Name][0].judge(ctx, &all[i])
			}
			return nil
		})
	}
	_ = group.Wait() // the roles have the errors
	return all
}

func stacksOf(places []placed) string {
	var names []string
	for _, at := range places {
		names = append(names, at.stack.Region+" "+at.stack.Name)
	}
	slices.Sort(names)
	return listed(names)
}

// withoutStack gives a role that belongs to no stack that was read its status.
func (a *accountReader) withoutStack(role *Role) {
	read := a.regionsRead()
	isUnread := func(region string) bool { return !slices.Contains(read, region) }
	hasFailed := func(r *regionReader) bool { return r.err() != nil }
	switch {
	case slices.ContainsFunc(a.regions, hasFailed):
		role.is(Unknown, NoRemedy, "not in any stack that could be read")
	case a.enabled == nil, slices.ContainsFunc(a.enabled, isUnread):
		role.is(Unknown, ReadRegions, "not in any stack that was read (Regions: "+listed(read)+")")
	case slices.ContainsFunc(a.regions, (*regionReader).isChanging):
		role.is(Unknown, AuditAgain, "not in any stack, but stacks are being deployed")
	default:
		role.is(Outside, Adopt, a.describe(role.Boundary))
	}
}

// describe says what a boundary is to the environments of all Regions.
func (a *accountReader) describe(arn string) string {
	for _, r := range a.regions {
		if text := r.values.describe(arn); text != otherBoundary {
			return text
		}
	}
	return otherBoundary
}

// regionsRead are the Regions that were read completely.
func (a *accountReader) regionsRead() []string {
	read := []string{}
	for _, r := range a.regions {
		if r.err() == nil {
			read = append(read, r.region)
		}
	}
	return read
}

// result says what was read.
func (a *accountReader) result() AccountResult {
	errs := a.errs
	for _, r := range a.regions {
		if err := r.err(); err != nil {
			errs = append(errs, err)
		}
	}
	result := AccountResult{ID: a.ID, Regions: a.regionsRead(), Err: errors.Join(errs...)}
	if result.Err != nil {
		result.Error = strings.ReplaceAll(result.Err.Error(), "\n", "; ")
	}
	return result
}
