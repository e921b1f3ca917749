package fleettest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"permissions-boundary-macro/boundary"
)

// ChangeSet is a change set of a live stack, as it is now.
type ChangeSet struct {
	Name, ID            string
	StackName, StackID  string
	Status              string // such as CREATE_COMPLETE
	ExecutionStatus     string // such as AVAILABLE
	Reason              string // why it failed
	RootID, ParentID    string // of a nested one: change sets of the stacks around its stack
	IncludeNestedStacks bool
}

// Statuses of change sets. Source: CloudFormation API, ChangeSetStatus and
// ExecutionStatus.
const (
	createPending     = "CREATE_PENDING"
	createInProgress  = "CREATE_IN_PROGRESS"
	failed            = "FAILED"
	unavailable       = "UNAVAILABLE"
	available         = "AVAILABLE"
	executeInProgress = "EXECUTE_IN_PROGRESS"
	executeComplete   = "EXECUTE_COMPLETE"
	executeFailed     = "EXECUTE_FAILED"
	obsolete          = "OBSOLETE"
)

// Why a change set without changes fails: without transforms, and with them.
// Source: recorded by AWS CDK issues 2553 and 10650.
const (
	noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."
	noUpdates = "No updates are to be performed."
)

// changeSet is a change set, and what executing it would make of its stack.
type changeSet struct {
	in      changeSetInput
	name    string // of a nested one: made from the root's
	id      string
	created time.Time
	before  Stack // when it was asked for
	after   Stack
	roles   roleChanges
	changes []change
	listed  []change // as a description without values has them: see dependents.go
	drift   string   // StackDriftStatus of a drift-aware one

	changesMore bool // outputs, or tags of the stack
	transforms  bool // the template that was given has some

	root, parent *changeSet // of a nested one
	logicalID    string     // there: of the stack in the parent's
	nested       []*changeSet

	done            bool // what it would do is known
	polls           int  // how often somebody has looked at it
	reason          string
	hasFailed       bool
	executionStatus string // from AVAILABLE on
	executionToken  string
}

// pollsOfCreation is how often a change set is described before it shows how it
// ended: as CREATE_PENDING, then as CREATE_IN_PROGRESS.
const pollsOfCreation = 2

// status is what a description says: while it is being created, nothing of how
// it ends.
func (c *changeSet) status() (status, execution, reason string) {
	switch {
	case c.polls == 0:
		return createPending, unavailable, ""
	case c.polls < pollsOfCreation || !c.done:
		return createInProgress, unavailable, ""
	case c.hasFailed:
		return failed, unavailable, c.reason
	}
	return createComplete, c.executionStatus, c.reason
}

// isCreated reports whether a description shows how the creation ended.
func (c *changeSet) isCreated() bool {
	status, _, _ := c.status()
	return status == createComplete || status == failed
}

// isListed reports whether ListChangeSets has it: those that have been executed
// are not active. Source: CloudFormation API, ListChangeSets.
func (c *changeSet) isListed() bool {
	return !slices.Contains([]string{executeInProgress, executeComplete, executeFailed}, c.executionStatus)
}

func (c *changeSet) fail(reason string) {
	c.done, c.hasFailed, c.reason = true, true, reason
}

func (c *changeSet) view() ChangeSet {
	v := ChangeSet{
		Name: c.name, ID: c.id, StackName: c.before.Name, StackID: c.before.ID,
		IncludeNestedStacks: c.in.includeNestedStacks,
	}
	v.Status, v.ExecutionStatus, v.Reason = c.status()
	if c.parent != nil {
		v.RootID, v.ParentID = c.root.id, c.parent.id
	}
	return v
}

// ChangeSets returns the change sets of the live stacks of a Region that
// ListChangeSets would list, by stack and time.
func (a *Account) ChangeSets(region string) []ChangeSet {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	all := a.stacks[region]
	if all == nil {
		return nil
	}
	var views []ChangeSet
	for _, key := range all.keys() {
		s := all.values[key]
		if all.live[s.Name] != key {
			continue
		}
		for _, c := range all.changeSets[s.ID] {
			if c.isListed() {
				views = append(views, c.view())
			}
		}
	}
	return views
}

// PutChangeSet adds a change set that somebody has created and not executed. It
// would change nothing.
func (a *Account) PutChangeSet(region, stack, name string) (id string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	s := *a.stack(region, stack)
	c := &changeSet{
		in: changeSetInput{name: name, usePrevious: true}, name: name, before: s, after: s,
		done: true, polls: pollsOfCreation, executionStatus: available,
	}
	_ = a.addChangeSet(region, c) // fails beyond the limit only
	return c.id
}

// LimitChangeSets sets how many change sets a stack may have; it is 1000 until
// then. Source: CloudFormation quotas.
func (s *Server) LimitChangeSets(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxChangeSets = n
}

// addChangeSet adds a change set to its stack, with a new ID. Those that failed
// count for the limit, too. Source: seed-farmer issue 441.
func (a *Account) addChangeSet(region string, c *changeSet) error {
	all := a.stacks[region]
	if len(all.changeSets[c.before.ID]) >= a.server.maxChangeSets {
		return failure{code: "LimitExceededException", message: "ChangeSet limit exceeded for stack " + c.before.ID}
	}
	all.changeSetsMade++
	c.id = fmt.Sprintf("arn:%s:cloudformation:%s:%s:changeSet/%s/%s",
		boundary.PartitionOf(region), region, a.ID, c.name, uuid(fmt.Sprint(c.before.ID, c.name, all.changeSetsMade)))
	c.created = a.server.tick()
	all.changeSets[c.before.ID] = append(all.changeSets[c.before.ID], c)
	return nil
}

// removeChangeSets removes those change sets of a stack that match.
func (a *Account) removeChangeSets(region, stackID string, matches func(*changeSet) bool) {
	all := a.stacks[region]
	all.changeSets[stackID] = slices.DeleteFunc(all.changeSets[stackID], matches)
	if len(all.changeSets[stackID]) == 0 {
		delete(all.changeSets, stackID)
	}
}

// outdate makes the change sets of a stack that somebody else has updated
// obsolete. Source: CloudFormation API, DescribeChangeSet, ExecutionStatus.
func (a *Account) outdate(region, stackID string) {
	for _, c := range a.stacks[region].changeSets[stackID] {
		if c.executionStatus == "" || c.executionStatus == available {
			c.executionStatus = obsolete
		}
	}
}

// changeSet is the change set that a request names: by its ARN, or by its name
// and stack. The newest counts: the name of one that was executed can be used
// again.
func (r *request) changeSet() (*changeSet, error) {
	name, stackName := r.form.Get("ChangeSetName"), r.form.Get("StackName")
	isARN := strings.HasPrefix(name, "arn:")
	if !isARN && stackName == "" {
		return nil, invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}
	var candidates []*changeSet
	all := r.account.stacks[r.Region]
	if stackName != "" {
		s, err := r.namedStack()
		if err != nil {
			return nil, err
		}
		candidates = all.changeSets[s.ID]
	} else if all != nil {
		for _, ofStack := range all.changeSets {
			candidates = append(candidates, ofStack...)
		}
	}
	for _, c := range slices.Backward(candidates) {
		if c.id == name || !isARN && c.name == name {
			return c, nil
		}
	}
	return nil, failure{code: "ChangeSetNotFound", message: "ChangeSet [" + name + "] does not exist"}
}

// uuid is a UUID that is the same for the same seed.
func uuid(seed string) string {
	h := fmt.Sprintf("%x", random(seed, 16))
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:32]}, "-")
}

// listChangeSets lists active change sets. One that is being created moves on.
func listChangeSets(r *request, x *result) error {
	s, err := r.namedStack()
	if err != nil {
		return err
	}
	byKey := map[string]*changeSet{}
	var keys []string
	for i, c := range r.account.stacks[r.Region].changeSets[s.ID] {
		if c.isListed() {
			key := fmt.Sprintf("%09d", i)
			byKey[key], keys = c, append(keys, key)
		}
	}
	page, next, err := r.account.server.page(r.Operation, r.form.Get("NextToken"), keys, usualPage)
	if err != nil {
		return err
	}
	writeList(x, "Summaries", page, func(key string) {
		x.changeSet(byKey[key])
		byKey[key].polls++
	})
	x.text("NextToken", next)
	return nil
}

// changeSet writes what summaries and descriptions say of a change set.
func (x *result) changeSet(c *changeSet) {
	v := c.view()
	x.text("StackId", v.StackID)
	x.text("StackName", v.StackName)
	x.text("ChangeSetId", v.ID)
	x.text("ChangeSetName", v.Name)
	x.text("ExecutionStatus", v.ExecutionStatus)
	x.text("Status", v.Status)
	x.text("StatusReason", v.Reason)
	x.time("CreationTime", c.created)
	x.text("Description", c.in.description)
	x.text("IncludeNestedStacks", fmt.Sprint(v.IncludeNestedStacks))
	x.text("ParentChangeSetId", v.ParentID)
	x.text("RootChangeSetId", v.RootID)
}

// deleteChangeSet deletes a change set, and those of nested stacks with it. One
// that does not exist is no error as long as its stack does: AWS CDK relies on
// it. Source of the errors: rain issue 477, Sparta issue 45, AWS CDK issue 26182,
// copilot-cli issue 4426; the user guide, "Change sets for nested stacks".
func deleteChangeSet(r *request, _ *result) error {
	c, err := r.changeSet()
	switch {
	case err != nil && err.(failure).code == "ChangeSetNotFound":
		return nil
	case err != nil:
		return err
	}
	status, execution, _ := c.status()
	switch {
	case c.parent != nil:
		return invalid("Operations on nested change sets must be performed on the root change set [%s]", c.root.id)
	case status == createInProgress:
		return failure{code: "InvalidChangeSetStatus", message: "Cannot delete ChangeSet in status " + status}
	case execution == executeInProgress:
		return failure{code: "InvalidChangeSetStatus", message: "An operation on this ChangeSet is currently in progress.  Please attempt this operation again later."}
	case execution == executeComplete && len(c.nested) > 0:
		return failure{code: "InvalidChangeSetStatus", message: "Cannot delete ChangeSet in execution status " + execution}
	}
	for _, one := range c.hierarchy() {
		r.account.removeChangeSets(r.Region, one.before.ID, func(other *changeSet) bool { return other == one })
	}
	return nil
}

// hierarchy is a change set and those of the stacks in its stack.
func (c *changeSet) hierarchy() []*changeSet {
	all := []*changeSet{c}
	for _, n := range c.nested {
		all = append(all, n.hierarchy()...)
	}
	return all
}
