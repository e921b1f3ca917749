package fleettest

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"time"
)

// Drift statuses of stacks and resources. Source: CloudFormation API,
// StackDriftStatus and StackResourceDriftStatus.
const (
	drifted  = "DRIFTED"
	inSync   = "IN_SYNC"
	modified = "MODIFIED"
	deleted  = "DELETED"
)

// propertyDrift is how a property differs from what was deployed.
type propertyDrift struct {
	previous, actual any
	detected         time.Time
}

// compareWithActual makes a change set drift-aware: it adds what brings roles
// that somebody has changed by hand in line with the new template. Other types
// have no actual state here, so they are in sync. Source: CloudFormation API,
// ResourceChange and ResourceTargetDefinition, and the user guide, "Using
// drift-aware change sets"; no description is recorded.
func (a *Account) compareWithActual(c *changeSet) {
	c.drift = inSync
	for i := range c.changes {
		c.changes[i].drift = inSync
	}
	for _, r := range c.before.Resources {
		is, stays := c.roles.after[r.LogicalID]
		was, existed := c.roles.before[r.LogicalID]
		if !stays || !existed || is.Name != was.Name {
			continue
		}
		live := a.roles.values[r.PhysicalID]
		if live == nil {
			c.drift = drifted
			c.replaceChange(change{
				action: "Add", logicalID: r.LogicalID, physicalID: r.PhysicalID, kind: roleType, drift: deleted,
				after: map[string]any{"Properties": is.properties()}, previous: map[string]any{"Properties": was.properties()},
			})
			continue
		}
		a.compareRole(c, r, was, is, *live)
	}
}

// compareRole compares a role in three ways: as it is, as it was deployed, and
// as it is to be.
func (a *Account) compareRole(c *changeSet, r Resource, was, is, live Role) {
	previous, actual, wanted := was.properties(), live.properties(), is.properties()
	ch := c.changeOf(r)
	for _, name := range unionOf(previous, wanted, actual) {
		if reflect.DeepEqual(actual[name], previous[name]) {
			continue
		}
		c.drift, ch.drift, ch.previous = drifted, modified, map[string]any{"Properties": previous}
		ch.details = slices.DeleteFunc(ch.details, func(d detail) bool { return d.name == name })
		d := detail{
			attribute: "Properties", name: name, recreation: "Never", before: actual[name], after: wanted[name],
			changeType: "Modify", source: "DirectModification",
			drift: &propertyDrift{previous[name], actual[name], a.server.now},
		}
		switch {
		case reflect.DeepEqual(actual[name], wanted[name]):
			d.changeType, d.source = "SyncWithActual", "NoModification"
		case actual[name] == nil:
			d.changeType = "Add"
		case wanted[name] == nil:
			d.changeType = "Remove"
		}
		ch.details = append(ch.details, d)
	}
	if ch.drift != modified {
		return
	}
	ch.before, ch.after = map[string]any{"Properties": actual}, map[string]any{"Properties": wanted}
	if !slices.ContainsFunc(ch.details, func(d detail) bool { return d.changeType != "SyncWithActual" }) {
		ch.action, ch.replacement = "SyncWithActual", ""
	}
	c.replaceChange(ch)
}

// changeOf is the change of a role, or one without details.
func (c *changeSet) changeOf(r Resource) change {
	for _, ch := range c.changes {
		if ch.logicalID == r.LogicalID {
			return ch
		}
	}
	return change{action: "Modify", logicalID: r.LogicalID, physicalID: r.PhysicalID, kind: r.Type, replacement: "False"}
}

// replaceChange puts a change where that of the same resource is, or would be.
func (c *changeSet) replaceChange(ch change) {
	i, found := slices.BinarySearchFunc(c.changes, ch.logicalID, func(other change, id string) int { return cmp.Compare(other.logicalID, id) })
	if found {
		c.changes[i] = ch
		return
	}
	c.changes = slices.Insert(c.changes, i, ch)
}

// properties are those of a role that somebody can change by hand here.
func (r Role) properties() map[string]any {
	all := map[string]any{"AssumeRolePolicyDocument": parsed(cmp.Or(r.Trust, trustOfLambda))}
	if r.Boundary != "" {
		all["PermissionsBoundary"] = r.Boundary
	}
	if len(r.Inline) > 0 {
		policies := []any{}
		for _, p := range r.Inline {
			policies = append(policies, map[string]any{"PolicyName": p.Name, "PolicyDocument": parsed(p.Document)})
		}
		all["Policies"] = policies
	}
	return all
}

// parsed is a policy document as a value, or as text if it is not JSON.
func parsed(document string) any {
	var value any
	if err := json.Unmarshal([]byte(document), &value); err != nil {
		return document
	}
	return value
}
