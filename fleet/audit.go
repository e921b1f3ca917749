package fleet

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxAccountsAtOnce is how many accounts are read at the same time.
const maxAccountsAtOnce = 8

// run is one run of an audit.
type run struct {
	*Audit
	started time.Time

	mu       sync.Mutex
	progress Progress
	cacheErr error
}

// Run reads accounts and returns what it found. What cannot be read of an account
// is in its result, and stops nothing else. Run fails when ctx ends; what was read
// by then is in the cache. Warning is what was wrong with the cache, nil if
// nothing was: the report is complete without it.
func (a *Audit) Run(ctx context.Context, accounts []Account) (report Report, warning, err error) {
	r := &run{Audit: a, started: time.Now(), progress: Progress{AllAccounts: len(accounts)}}
	roles := make([][]Role, len(accounts))
	results := make([]AccountResult, len(accounts))
	var group errgroup.Group
	group.SetLimit(maxAccountsAtOnce)
	for i, account := range accounts {
		group.Go(func() error {
			roles[i], results[i] = r.account(ctx, account)
			return nil
		})
	}
	_ = group.Wait() // the results have the errors
	if ctx.Err() != nil {
		return Report{}, r.cacheErr, ctx.Err()
	}
	return newReport(slices.Concat(roles...), results), r.cacheErr, nil
}

func (r *run) account(ctx context.Context, account Account) ([]Role, AccountResult) {
	reader := accountReader{run: r, Account: account}
	var roles []Role
	if account.Err != nil {
		reader.failed(account.Err)
	} else {
		roles = reader.read(ctx)
	}
	r.tell(func(p *Progress) { p.Accounts++ })
	return roles, reader.result()
}

func newReport(roles []Role, accounts []AccountResult) Report {
	slices.SortFunc(roles, Role.compare)
	slices.SortFunc(accounts, func(a, b AccountResult) int { return cmp.Compare(a.ID, b.ID) })
	report := Report{Roles: append([]Role{}, roles...), Summary: map[Status]int{}, Accounts: accounts}
	for _, status := range Statuses() {
		report.Summary[status] = 0
	}
	for _, role := range roles {
		report.Summary[role.Status]++
	}
	return report
}

// tell changes the progress, and tells of it.
func (r *run) tell(change func(*Progress)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.progress)
	if r.Progress != nil {
		r.Progress(r.progress)
	}
}

func (r *run) foundStacks(n int) { r.tell(func(p *Progress) { p.AllStacks += n }) }
func (r *run) stackRead()        { r.tell(func(p *Progress) { p.Stacks++ }) }

// cacheFailed keeps the first error of the cache, if it is one.
func (r *run) cacheFailed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cacheErr = cmp.Or(r.cacheErr, err)
}

// listed are names in messages.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Only returns the report without the roles for which keep is false.
func (r Report) Only(keep func(Role) bool) Report {
	isLeftOut := func(role Role) bool { return !keep(role) }
	return newReport(slices.DeleteFunc(slices.Clone(r.Roles), isLeftOut), r.Accounts)
}
