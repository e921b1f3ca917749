package push

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"golang.org/x/sync/errgroup"

	"permissions-boundary-macro/fleet"
)

// maxAtOnce is how many stacks of a Region a plan reads at the same time.
const maxAtOnce = 8

// Planner plans pushes. It writes nothing.
type Planner struct {
	Rules  Rules
	Client func(account, region string) Reader

	RepairDrift bool // also deploy stacks whose roles somebody changed by hand
	HasBucket   bool // templates of any length can be deployed

	Progress func(read, all int) // is called when a stack was read, by one goroutine at a time
}

// Plan reads the stacks that an audit found to need a deployment, and returns what a
// push would do with each. The report is of one environment. Plan fails if the stacks
// of a Region cannot be listed; a stack that cannot be read is held.
func (p *Planner) Plan(ctx context.Context, environment string, report fleet.Report) (Plan, error) {
	plan := Plan{Environment: environment, Stacks: []Stack{}}
	var regions []*regionPlan
	for _, role := range report.Roles {
		if !p.concerns(role) && !isKept(role) {
			continue
		}
		i := slices.IndexFunc(regions, func(r *regionPlan) bool { return r.account == role.Account && r.region == role.Region })
		if i < 0 {
			i = len(regions)
			regions = append(regions, &regionPlan{Planner: p, account: role.Account, region: role.Region})
		}
		regions[i].roles = append(regions[i].roles, role)
	}
	var wanted []*wanted
	for _, r := range regions {
		found, err := r.roots(ctx)
		if err != nil {
			return plan, err
		}
		wanted = append(wanted, found...)
	}
	stacks, err := p.inspectAll(ctx, wanted)
	if err != nil {
		return plan, err
	}
	plan.Stacks = append(plan.Stacks, stacks...)
	slices.SortFunc(plan.Stacks, Stack.compare)
	return plan, nil
}

// concerns reports whether a deployment would make a role live, or may.
func (p *Planner) concerns(r fleet.Role) bool {
	if r.Stack == "" || r.Expected == "" {
		return false
	}
	switch r.Remedy {
	case fleet.Redeploy, fleet.AuditAgain, fleet.FinishDeployment:
		return true
	case fleet.SetBoundary, fleet.RemoveBoundary:
		return p.RepairDrift
	}
	return false
}

// isKept reports whether a role carries its boundary already. The template of its stack
// may have another one.
func isKept(r fleet.Role) bool { return r.Stack != "" && r.Status == fleet.Live }

// regionPlan plans for the stacks of an account and Region.
type regionPlan struct {
	*Planner
	account, region string
	roles           []fleet.Role
}

// wanted is a stack to deploy, as DescribeStacks tells it.
type wanted struct {
	Stack
	in        *regionPlan
	described types.Stack
}

// roots are the outermost stacks of those that have roles to change.
func (r *regionPlan) roots(ctx context.Context) ([]*wanted, error) {
	if !slices.ContainsFunc(r.roles, r.concerns) {
		return nil, nil
	}
	described, err := allStacks(ctx, r.Client(r.account, r.region), r.region)
	if err != nil {
		return nil, err
	}
	byID, byName, hasNested := map[string]types.Stack{}, map[string]types.Stack{}, map[string]bool{}
	for _, s := range described {
		byID[aws.ToString(s.StackId)], byName[aws.ToString(s.StackName)] = s, s
		hasNested[aws.ToString(s.RootId)] = true
	}
	var all []*wanted
	byRoot, kept := map[string]*wanted{}, map[string][]Role{}
	for _, role := range r.roles {
		s, exists := byName[role.Stack]
		if !exists {
			continue // it was deleted after the audit read it
		}
		root, known := byID[cmp.Or(aws.ToString(s.RootId), aws.ToString(s.StackId))]
		if !known {
			root = s
		}
		id := aws.ToString(root.StackId)
		if !r.concerns(role) {
			kept[id] = append(kept[id], roleOf(role))
			continue
		}
		if byRoot[id] == nil {
			byRoot[id] = &wanted{in: r, described: root, Stack: Stack{
				Account: r.account, Region: r.region, ID: id, Name: aws.ToString(root.StackName),
				Boundary: role.Expected, HasNested: hasNested[id],
			}}
			all = append(all, byRoot[id])
		}
		if !known {
			byRoot[id].Hold = held(RootUnknown)
		}
		byRoot[id].Roles = append(byRoot[id].Roles, roleOf(role))
	}
	for id, w := range byRoot {
		w.Kept = kept[id]
	}
	return all, nil
}

func roleOf(r fleet.Role) Role {
	return Role{
		Stack: r.Stack, LogicalID: r.LogicalID, Name: r.Name, From: r.Boundary, To: r.Expected,
		Drifted: r.Remedy == fleet.SetBoundary || r.Remedy == fleet.RemoveBoundary,
	}
}

// inspectAll reads several stacks at once.
func (p *Planner) inspectAll(ctx context.Context, all []*wanted) ([]Stack, error) {
	var group errgroup.Group
	group.SetLimit(maxAtOnce)
	var mu sync.Mutex
	read := 0
	for _, w := range all {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			w.inspect(ctx)
			mu.Lock()
			defer mu.Unlock()
			if read++; p.Progress != nil {
				p.Progress(read, len(all))
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	stacks := make([]Stack, len(all))
	for i, w := range all {
		stacks[i] = w.Stack
	}
	return stacks, nil
}

// inspect finds out what the deployment of a stack would change, and what keeps it
// from being deployed.
func (w *wanted) inspect(ctx context.Context) {
	if w.Hold != nil {
		return
	}
	client := w.in.Client(w.Account, w.Region)
	c := check{client: client, rules: w.in.Rules, hasBucket: w.in.HasBucket}
	source, hold, err := c.source(ctx, w.Stack, w.described)
	if err != nil {
		hold = unread(err)
	}
	w.Template, w.Hold = source.Template, hold
	if hold == nil {
		w.foresee(ctx, client, source.forecast)
	}
}

// foresee compares what the macro makes of the template with what was deployed. What
// other transforms make, and what CloudFormation reads anew, it only names.
func (w *wanted) foresee(ctx context.Context, client Reader, forecast Forecast) {
	if forecast.Processed == "" {
		w.Unforeseen = append(w.Unforeseen, "what its other transforms make of the template now")
	} else {
		processed, err := template(ctx, client, w.Stack, types.TemplateStageProcessed, nil)
		if err != nil {
			w.Hold = unread(err)
			return
		}
		others, err := w.in.Rules.Others(processed, forecast.Processed)
		if err != nil {
			w.Hold = unread(err)
			return
		}
		if len(others) > 0 {
			w.Hold = held(OtherChanges, others...)
			return
		}
	}
	var read []string
	for _, p := range w.described.Parameters {
		if p.ResolvedValue != nil {
			read = append(read, aws.ToString(p.ParameterKey))
		}
	}
	if len(read) > 0 {
		w.Unforeseen = append(w.Unforeseen, "values in Parameter Store that its parameters name: "+strings.Join(read, ", "))
	}
	if w.HasNested {
		w.Unforeseen = append(w.Unforeseen, "the templates of its nested stacks")
	}
}
