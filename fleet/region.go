package fleet

import (
	"cmp"
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

	mu       sync.Mutex
	roles    map[string][]placed // by name
	unread   map[string]error    // why stacks could not be read completely, by ID
	firstErr error               // of them
	failure  error               // why the Region was not read at all
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
	records, err := r.Values(ctx, Limited(cfg, r.region, r.Rate))
	if err != nil {
		return err
	}
	r.values = valuesIn(boundary.TargetOf(r.account, r.region), records)
	r.client = cloudformation.NewFromConfig(Limited(cfg, r.region, r.Rate))
	stacks, err := readStacks(ctx, r.client, r.account, r.region)
	if err != nil {
		return err
	}
	r.foundStacks(len(stacks))
	r.stacks = stacks
	return r.each(ctx, stacks, r.readStack)
}

// err says what of the Region could not be read.
func (r *regionReader) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.failure != nil:
		return r.failure
	case len(r.unread) >= maxUnread:
		return fmt.Errorf("the stacks in %s could not be read, and pbm stopped after %d: %w", r.region, len(r.unread), r.firstErr)
	case len(r.unread) > 0:
		return fmt.Errorf("%d of %d stacks in %s could not be read: %w", len(r.unread), len(r.stacks), r.region, r.firstErr)
	}
	return nil
}

// isChanging reports whether a stack was being deployed or deleted when it was
// listed, so that roles may be about to come or go.
func (r *regionReader) isChanging() bool { return slices.ContainsFunc(r.stacks, Stack.isChanging) }

// close closes the cache. If the Region was read to its end, only records of
// stacks that exist stay there.
func (r *regionReader) close(ctx context.Context) {
	present := map[string]bool{}
	for _, s := range r.stacks {
		present[s.ID] = true
	}
	r.cacheFailed(r.cache.close(func(id string) bool { return present[id] || ctx.Err() != nil || r.stacks == nil }))
}

// maxUnread is how many stacks of a Region may fail before the others are left
// alone: credentials have expired, or everything is denied.
const maxUnread = 20

// each takes a step with several stacks at once. It fails when ctx ends.
func (r *regionReader) each(ctx context.Context, stacks []Stack, step func(context.Context, Stack) error) error {
	var group errgroup.Group
	group.SetLimit(maxStacksAtOnce)
	for _, s := range stacks {
		group.Go(func() error {
			if ctx.Err() == nil && !r.hasGivenUp() {
				r.note(ctx, s, step(ctx, s))
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

func (r *regionReader) hasGivenUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.unread) >= maxUnread
}

// note keeps what is wrong with a stack, if it is. One that is gone has no roles.
func (r *regionReader) note(ctx context.Context, s Stack, err error) {
	if err == nil || errors.Is(err, ErrGone) || ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unread[s.ID] = err
	r.firstErr = cmp.Or(r.firstErr, err)
}

// readStack finds the roles of a stack, and how its template calls the macro.
func (r *regionReader) readStack(ctx context.Context, s Stack) error {
	defer r.stackRead()
	if r.Stacks != nil && !r.Stacks(s.Name) {
		return nil
	}
	record := r.cache.find(s, r.Rules.Fingerprint(), r.started.Add(-r.MaxAge), r.started)
	var err error
	if record == nil {
		record, err = r.ask(ctx, s)
	}
	if record == nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, id := range record.Roles {
		r.roles[name] = append(r.roles[name], placed{r, s, id, record})
	}
	return err
}

// ask reads a stack from AWS. If its template cannot be read, the record has its
// roles and comes with an error.
func (r *regionReader) ask(ctx context.Context, s Stack) (*stackRecord, error) {
	roles, err := readStackRoles(ctx, r.client, s)
	if err != nil {
		return nil, err
	}
	record := &stackRecord{
		ID: s.ID, Changed: s.Changed, Status: s.Status,
		Fingerprint: r.Rules.Fingerprint(), Read: r.started, Roles: roles,
	}
	if len(roles) > 0 {
		text, err := readTemplate(ctx, r.client, s, types.TemplateStageOriginal)
		switch {
		case errors.Is(err, ErrGone):
			return nil, err
		case err != nil:
			record.isUnread = true
			return record, err
		}
		record.Call = r.Rules.Call(text, s)
	}
	r.keep(s, record)
	return record, nil
}

// keep adds a record to the cache, unless the stack is changing.
func (r *regionReader) keep(s Stack, record *stackRecord) {
	if !s.isChanging() {
		r.cacheFailed(r.cache.add(record))
	}
}

// maxBound is how many ARNs a record has answers for.
const maxBound = 8

// bound compares the boundaries that a stack's processed template sets on its roles
// with an ARN. The cache keeps the answer.
func (r *regionReader) bound(ctx context.Context, at placed, arn string) (map[string]Binding, error) {
	r.mu.Lock()
	known, err := at.record.Bound[arn], r.unread[at.stack.ID]
	r.mu.Unlock()
	if known != nil || err != nil {
		return known, err
	}
	text, err := readTemplate(ctx, r.client, at.stack, types.TemplateStageProcessed)
	if err == nil {
		known, err = r.Rules.Bound(text, at.stack, arn)
	}
	if err != nil {
		r.note(ctx, at.stack, err)
		return nil, err
	}
	r.mu.Lock()
	if at.record.Bound == nil || len(at.record.Bound) >= maxBound {
		at.record.Bound = map[string]map[string]Binding{}
	}
	at.record.Bound[arn] = known
	r.mu.Unlock()
	r.keep(at.stack, at.record)
	return known, nil
}
