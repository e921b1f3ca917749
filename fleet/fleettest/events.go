package fleettest

import (
	"fmt"
	"time"
)

// event is an event of a stack.
type event struct {
	at                          time.Time
	logicalID, physicalID, kind string
	status, reason, token       string
}

// note adds an event of a stack's update: of a resource, or of the stack itself.
func (u *update) note(c *changeSet, of change, status, reason string) {
	all := u.account.stacks[u.region]
	all.events[c.before.ID] = append(all.events[c.before.ID], event{
		u.account.server.tick(), of.logicalID, of.physicalID, of.kind, status, reason, u.root.executionToken,
	})
}

// describeStackEvents lists the events of updates, newest first. An update in
// progress moves on by a step.
func describeStackEvents(r *request, x *result) error {
	s, err := r.namedStack()
	if err != nil {
		return err
	}
	all := r.account.stacks[r.Region]
	if r.form.Get("NextToken") == "" {
		r.account.proceed(r.Region, s.ID)
	}
	events := all.events[s.ID]
	byKey := map[string]event{}
	keys := make([]string, len(events))
	for i, e := range events {
		// Later events come first, and new ones do not move those that follow.
		key := fmt.Sprintf("%09d", 999999999-i)
		keys[len(events)-1-i], byKey[key] = key, e
	}
	page, next, err := r.account.server.page(r.Operation, r.form.Get("NextToken"), keys, usualPage)
	if err != nil {
		return err
	}
	writeList(x, "StackEvents", page, func(key string) {
		e := byKey[key]
		x.text("StackId", s.ID)
		x.text("EventId", e.logicalID+"-"+e.status+"-"+key)
		x.text("StackName", s.Name)
		x.text("LogicalResourceId", e.logicalID)
		x.text("PhysicalResourceId", e.physicalID)
		x.text("ResourceType", e.kind)
		x.time("Timestamp", e.at)
		x.text("ResourceStatus", e.status)
		x.text("ResourceStatusReason", e.reason)
		x.text("ClientRequestToken", e.token)
	})
	x.text("NextToken", next)
	return nil
}
