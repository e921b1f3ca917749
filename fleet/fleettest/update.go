package fleettest

import (
	"slices"
	"strings"
)

// UpdateFailure is how updates of a stack fail.
type UpdateFailure struct {
	Resource string // the logical ID of what cannot be changed; empty is what changes last
	Reason   string // as its service says it; empty is no failure
	Stuck    bool   // the rollback fails, too: UPDATE_ROLLBACK_FAILED, with roles as they were in the middle
}

// FailUpdates makes executions of change sets of a stack fail and roll back,
// until it is called with the zero UpdateFailure.
func (a *Account) FailUpdates(region, stack string, f UpdateFailure) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.stacks[region].failures[stack] = f
}

// Applied is what an update has changed in a resource: an attribute, or a
// property, for good or until it was rolled back.
type Applied struct {
	Region, Stack string
	LogicalID     string
	Type          string
	Action        string // Add, Modify or Remove
	Path          string // such as /Properties/PermissionsBoundary; empty unless Action is Modify
	Value         string // what it became; empty for none
}

// Applied returns all that executions of change sets have changed in the
// account, in the order in which they did.
func (a *Account) Applied() []Applied {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return slices.Clone(a.applied)
}

// Settle finishes everything that is in progress in the account, as if much time
// had gone by.
func (a *Account) Settle() {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	for region, all := range a.stacks {
		for len(all.updates) > 0 {
			for id := range all.updates {
				a.proceed(region, id)
			}
		}
		for _, ofStack := range all.changeSets {
			for _, c := range ofStack {
				c.polls = max(c.polls, pollsOfCreation)
			}
		}
	}
}

// update is the execution of a change set. It takes a step whenever somebody
// looks at one of its stacks: each resource is a step.
type update struct {
	account *Account
	region  string
	root    *changeSet
	started []*changeSet // of the stacks that the update has come to
	steps   []func()     // what is to come
	undo    []func()     // the steps of a rollback, in reverse
}

// startUpdate starts the execution of a change set.
func (a *Account) startUpdate(region string, c *changeSet) {
	u := &update{account: a, region: region, root: c}
	for _, one := range c.hierarchy() {
		if !one.hasFailed {
			a.stacks[region].updates[one.before.ID] = u
		}
	}
	u.begin(c)
	u.plan(c)
}

// proceed takes the next step of the update of a stack, if there is one.
func (a *Account) proceed(region, stackID string) {
	u := a.stacks[region].updates[stackID]
	if u == nil {
		return
	}
	step := u.steps[0]
	u.steps = u.steps[1:]
	step()
	if len(u.steps) > 0 {
		return
	}
	for _, c := range u.root.hierarchy() {
		if a.stacks[region].updates[c.before.ID] == u {
			delete(a.stacks[region].updates, c.before.ID)
		}
	}
}

func (u *update) then(step func()) { u.steps = append(u.steps, step) }

// plan adds the steps of a change set. A nested stack is ready when its
// resources are; the outermost one disposes of old resources at the end.
func (u *update) plan(c *changeSet) {
	for _, ch := range c.changes {
		if ch.nested == nil {
			u.then(func() { u.change(c, ch) })
			continue
		}
		u.then(func() { u.begin(ch.nested) })
		u.plan(ch.nested)
	}
	u.then(func() { u.ready(c) })
	if c.parent == nil {
		u.then(u.cleanUp)
	}
}

// begin puts a stack into progress.
func (u *update) begin(c *changeSet) {
	u.started = append(u.started, c)
	c.executionStatus = executeInProgress
	u.set(c, updateInProgress, "User Initiated", func(s *Stack) {
		s.Updated, s.ChangeSetID, s.StatusReason = u.account.server.tick(), c.id, ""
	})
}

// change changes a resource, unless that fails.
func (u *update) change(c *changeSet, ch change) {
	if reason := u.refusal(c, ch); reason != "" {
		u.fail(c, ch, reason)
		return
	}
	u.note(c, ch, updateInProgress, "")
	switch ch.kind {
	case roleType:
		u.changeRole(c, ch)
	case userType:
		u.changeUser(ch)
	}
	u.note(c, ch, updateComplete, "")
	u.record(c, ch)
}

// record adds a change to what Applied returns.
func (u *update) record(c *changeSet, ch change) {
	one := Applied{Region: u.region, Stack: c.before.Name, LogicalID: ch.logicalID, Type: ch.kind, Action: ch.action}
	if ch.action != "Modify" {
		u.account.applied = append(u.account.applied, one)
	}
	for _, d := range ch.details {
		if d.isDynamic || d.changeType == "SyncWithActual" {
			continue
		}
		one.Path, one.Value = d.path(), textOf(d.after)
		u.account.applied = append(u.account.applied, one)
	}
}

// refusal is why a resource cannot be changed, empty if it can be.
func (u *update) refusal(c *changeSet, ch change) string {
	s := u.account.stack(u.region, c.before.ID)
	if reason := denial(s.Policy, ch); reason != "" {
		return reason
	}
	f := u.account.stacks[u.region].failures[s.Name]
	isLast := ch.logicalID == c.changes[len(c.changes)-1].logicalID
	if f.Resource == ch.logicalID || f.Resource == "" && isLast {
		return f.Reason
	}
	return ""
}

// changeRole makes a role what the new template says. One that goes away, goes
// with the cleanup.
func (u *update) changeRole(c *changeSet, ch change) {
	a := u.account
	was, is := c.roles.before[ch.logicalID], c.roles.after[ch.logicalID]
	live := a.roles.values[is.Name]
	switch {
	case ch.action == "Remove":
	case live == nil:
		a.putRole(is)
		u.undo = append(u.undo, func() { a.roles.remove(is.Name) })
	case c.in.revertsDrift:
		saved := *live
		a.applyRole(saved, is)
		u.undo = append(u.undo, func() { a.putRole(saved) })
	default:
		a.applyRole(was, is)
		u.undo = append(u.undo, func() { a.applyRole(is, was) })
	}
}

// changeUser sets the boundary of a user, all that this package knows of one.
func (u *update) changeUser(ch change) {
	user, exists := u.account.users.values[ch.physicalID]
	i := slices.IndexFunc(ch.details, func(d detail) bool { return d.name == "PermissionsBoundary" })
	if !exists || i < 0 {
		return
	}
	saved := user
	user.Boundary = textOf(ch.details[i].after)
	u.account.users.put(user.Name, user)
	u.undo = append(u.undo, func() { u.account.users.put(saved.Name, saved) })
}

// ready makes a stack what its change set says.
func (u *update) ready(c *changeSet) {
	status := updateCleanup
	if c.parent != nil {
		status = updateComplete
		c.executionStatus = executeComplete
	}
	u.set(c, status, "", func(s *Stack) { s.become(c.after) })
}

// become makes a stack what another one is made of.
func (s *Stack) become(other Stack) {
	s.Original, s.Processed, s.Parameters, s.Resources = other.Original, other.Processed, other.Parameters, other.Resources
	s.Capabilities, s.Tags, s.NotificationARNs = other.Capabilities, other.Tags, other.NotificationARNs
	s.RoleARN, s.Rollback = other.RoleARN, other.Rollback
}

// cleanUp deletes the roles that are not needed any more, and ends the update.
func (u *update) cleanUp() {
	for _, c := range u.started {
		for id, was := range c.roles.before {
			if c.roles.after[id].Name != was.Name {
				u.account.roles.remove(was.Name)
			}
		}
	}
	u.root.executionStatus = executeComplete
	u.set(u.root, updateComplete, "", nil)
}

// fail ends the update at a resource that cannot be changed, and starts the
// rollback.
func (u *update) fail(c *changeSet, ch change, reason string) {
	u.note(c, ch, updateFailed, reason)
	culprit := ch.logicalID
	for one := c; one != nil; one = one.parent {
		reason := "The following resource(s) failed to update: [" + culprit + "]. "
		u.set(one, updateRollback, reason, func(s *Stack) { s.StatusReason = reason })
		if one.parent != nil {
			culprit = one.logicalID
			u.note(one.parent, change{logicalID: culprit, physicalID: one.before.ID, kind: stackType}, updateFailed, "Embedded stack "+one.before.ID+" was not successfully updated: "+strings.TrimSpace(reason))
		}
	}
	u.steps = nil
	stuck := u.account.stacks[u.region].failures[c.before.Name].Stuck
	if stuck {
		u.then(func() { u.end(updateRollbackFailed) })
		return
	}
	for _, step := range slices.Backward(u.undo) {
		u.then(step)
	}
	u.then(func() { u.status(updateRollbackCleanup) })
	u.then(func() { u.end(updateRollbackComplete) })
}

// status sets the status of all stacks that the update has come to.
func (u *update) status(status string) {
	for _, c := range slices.Backward(u.started) {
		u.set(c, status, "", func(s *Stack) { s.become(c.before) })
	}
}

// end ends an update that failed.
func (u *update) end(status string) {
	u.status(status)
	for _, c := range u.started {
		c.executionStatus = executeFailed
	}
}

// set sets the status of a stack, edits it, and adds an event.
func (u *update) set(c *changeSet, status, reason string, edit func(*Stack)) {
	s := *u.account.stack(u.region, c.before.ID)
	s.Status = status
	if edit != nil {
		edit(&s)
	}
	u.account.replaceStack(u.region, s)
	u.note(c, change{logicalID: s.Name, physicalID: s.ID, kind: stackType}, status, reason)
}
