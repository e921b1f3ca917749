package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"golang.org/x/sync/errgroup"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/awserror"
)

// regionLister is the part of Account Management that an audit needs.
type regionLister interface {
	ListRegions(context.Context, *account.ListRegionsInput, ...func(*account.Options)) (*account.ListRegionsOutput, error)
}

// enabledRegions reads which Regions an account can have stacks in, sorted.
func enabledRegions(ctx context.Context, client regionLister) ([]string, error) {
	statuses := []accounttypes.RegionOptStatus{accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault}
	regions, err := pages(func(token *string) ([]accounttypes.Region, *string, error) {
		out, err := client.ListRegions(ctx, &account.ListRegionsInput{RegionOptStatusContains: statuses, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.Regions, out.NextToken, nil
	})
	if err == nil && len(regions) == 0 {
		err = awserror.ErrAnswer // no account is in no Region
	}
	if err != nil {
		return nil, awserror.Explain(awserror.Call{
			Service: "Account Management", Verb: "list", Verbs: "requests to list", Object: "the Regions of the account",
			Allow: "allow account:ListRegions, or name the Regions with --region",
		}, err)
	}
	var names []string
	for _, r := range regions {
		names = append(names, aws.ToString(r.RegionName))
	}
	slices.Sort(names)
	return names, nil
}

// maxStacksAtOnce is how many stacks of a Region are read at the same time.
const maxStacksAtOnce = 8

// regionReader reads a Region of an account.
type regionReader struct {
	*run
	account, region string
	client          stackReader
	values          values
	cache           *cache
	stacks          []Stack

	mu         sync.Mutex
	roles      map[string]placed // by name
	unreadable []error           // stacks that could not be read
	asked      bool              // whether a stack was read from AWS
	failure    error             // why the Region was not read whole
}

// placed is where a role belongs.
type placed struct {
	in        *regionReader
	stack     Stack
	logicalID string
	record    *stackRecord
}

// read reads the values and stacks of the Region. It fails if roles of some stacks
// may be missing.
func (r *regionReader) read(ctx context.Context, cfg aws.Config) error {
	records, err := r.Values(ctx, limited(cfg, r.region, r.Rate))
	if err != nil {
		return err
	}
	r.values = valuesIn(boundary.TargetOf(r.account, r.region), records)
	r.client = cloudformation.NewFromConfig(limited(cfg, r.region, r.Rate))
	stacks, err := readStacks(ctx, r.client, r.account, r.region)
	if err != nil {
		return err
	}
	r.foundStacks(len(stacks))
	r.stacks = stacks
	if err := r.each(ctx, stacks, r.readStack); err != nil {
		return err
	}
	return r.incomplete()
}

// incomplete is the error about stacks that could not be read.
func (r *regionReader) incomplete() error {
	if len(r.unreadable) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d stacks in %s could not be read: %w", len(r.unreadable), len(r.stacks), r.region, r.unreadable[0])
}

// close closes the cache. If the Region was read to its end, only records of
// stacks that exist stay there.
func (r *regionReader) close(ctx context.Context) {
	present := map[string]bool{}
	for _, s := range r.stacks {
		present[s.ID] = true
	}
	r.cacheFailed(r.cache.close(func(id string) bool { return present[id] || ctx.Err() != nil || r.stacks == nil }))
}

// each takes a step with several stacks at once. It ends with the first error,
// which is one of the context: the reader keeps what is wrong with a stack.
func (r *regionReader) each(ctx context.Context, stacks []Stack, step func(context.Context, Stack) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxStacksAtOnce)
	for _, s := range stacks {
		group.Go(func() error {
			err := step(ctx, s)
			if err != nil && !errors.Is(err, errGone) && ctx.Err() == nil {
				r.mu.Lock()
				r.unreadable = append(r.unreadable, err)
				r.mu.Unlock()
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// readStack finds the roles of a stack, and how its template calls the macro.
func (r *regionReader) readStack(ctx context.Context, s Stack) error {
	defer r.stackRead()
	if r.Stacks != nil && !r.Stacks(s.Name) {
		return nil
	}
	record := r.cache.find(s, r.Rules.Fingerprint(), r.oldest())
	if record == nil {
		var err error
		if record, err = r.ask(ctx, s); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, id := range record.Roles {
		r.roles[name] = placed{r, s, id, record}
	}
	return nil
}

// ask reads a stack from AWS.
func (r *regionReader) ask(ctx context.Context, s Stack) (*stackRecord, error) {
	r.mu.Lock()
	r.asked = true
	r.mu.Unlock()
	roles, err := readStackRoles(ctx, r.client, s)
	if err != nil {
		return nil, err
	}
	record := &stackRecord{
		ID: s.ID, Changed: s.Changed, Status: s.Status,
		Fingerprint: r.Rules.Fingerprint(), Read: r.started, Roles: roles,
	}
	if len(roles) == 0 {
		r.keep(s, record)
		return record, nil
	}
	text, err := readTemplate(ctx, r.client, s, types.TemplateStageOriginal)
	switch {
	case errors.Is(err, errGone), err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil: // the roles are known
		record.Call.Problem = err.Error()
		return record, nil
	}
	record.Call = r.Rules.Call(text, s)
	r.keep(s, record)
	return record, nil
}

// keep adds a record to the cache, unless the stack is changing.
func (r *regionReader) keep(s Stack, record *stackRecord) {
	if !s.isChanging() {
		r.cacheFailed(r.cache.add(record))
	}
}

// bound reports, by logical ID, which roles of a stack's processed template have
// the boundary with an ARN. The cache keeps the answer.
func (r *regionReader) bound(ctx context.Context, at placed, arn string) (map[string]bool, error) {
	r.mu.Lock()
	known := at.record.Judged
	r.mu.Unlock()
	if known != nil && known.ARN == arn {
		return known.Bound, nil
	}
	bound, err := r.boundNow(ctx, at, arn)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	at.record.Judged = &judgment{arn, bound}
	r.mu.Unlock()
	r.keep(at.stack, at.record)
	return bound, nil
}

// boundNow is bound without the cache.
func (r *regionReader) boundNow(ctx context.Context, at placed, arn string) (map[string]bool, error) {
	text, err := readTemplate(ctx, r.client, at.stack, types.TemplateStageProcessed)
	if err != nil {
		return nil, err
	}
	return r.Rules.Bound(text, at.stack, arn)
}
