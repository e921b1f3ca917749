package fleettest

import (
	"fmt"
	"maps"
	"slices"
)

// Nest makes a stack a nested one: that of a resource of parent, whose tags it
// gets. Both exist.
func (a *Account) Nest(region, parent, logicalID, child string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	outer, inner := *a.stack(region, parent), *a.stack(region, child)
	inner.ParentID, inner.RootID, inner.Tags = outer.ID, outer.ID, outer.Tags
	if outer.RootID != "" {
		inner.RootID = outer.RootID
	}
	outer.Resources = slices.Clone(outer.Resources)
	i := slices.IndexFunc(outer.Resources, func(r Resource) bool { return r.LogicalID == logicalID })
	outer.Resources[i].PhysicalID = inner.ID
	a.replaceStack(region, outer)
	a.replaceStack(region, inner)
}

// nestedChangeSets are those that a change set with IncludeNestedStacks makes of
// the stacks in its stack, not filled yet. They have the settings of the outer
// stack.
func (a *Account) nestedChangeSets(region string, c *changeSet) ([]*changeSet, error) {
	after, err := a.side(region, c.after, c.before.Resources)
	if err != nil {
		return nil, err
	}
	var all []*changeSet
	for _, id := range slices.Sorted(maps.Keys(after.resources)) {
		r := after.resources[id]
		child := a.stack(region, r.physicalID)
		if r.Type != stackType || child == nil {
			continue
		}
		all = append(all, &changeSet{
			name: c.name + "-" + id, logicalID: id, before: *child, parent: c, root: c.rootOr(),
			in: changeSetInput{
				url: textOf(r.properties()["TemplateURL"]), parameters: nestedParameters(r.properties()["Parameters"]),
				capabilities: c.in.capabilities, tags: c.in.tags, includeNestedStacks: true, revertsDrift: c.in.revertsDrift,
				keepsNotifications: true, keepsRollback: true,
			},
		})
	}
	return all, nil
}

func (c *changeSet) rootOr() *changeSet {
	if c.root != nil {
		return c.root
	}
	return c
}

// nestedParameters are those that a nested stack's resource gives. Lists are
// joined by commas.
func nestedParameters(value any) []givenParameter {
	given, _ := value.(map[string]any)
	var all []givenParameter
	for _, key := range slices.Sorted(maps.Keys(given)) {
		text := ""
		for i, element := range texts(given[key]) {
			if i > 0 {
				text += ","
			}
			text += element
		}
		all = append(all, givenParameter{key: key, value: text})
	}
	return all
}

// fillNested fills the change sets of nested stacks, and adds them to their
// stacks. The server's state is not locked.
func (a *Account) fillNested(region string, c *changeSet) {
	for _, n := range c.nested {
		err := a.readTemplate(region, n)
		a.server.mu.Lock()
		if limit := a.addChangeSet(region, n); limit != nil {
			// Source: copilot-cli issue 5614.
			c.fail(messageOf(limit) + ": Resource creation cancelled")
			n.fail(messageOf(limit))
		} else if err != nil {
			n.fail(messageOf(err))
		}
		a.server.mu.Unlock()
		if !n.hasFailed {
			a.fillChangeSet(region, n)
		}
	}
}

// includeNested adds the change of a nested stack that has changes.
func (c *changeSet) includeNested(n *changeSet) {
	ch := c.changeOf(Resource{n.logicalID, n.before.ID, stackType})
	ch.nested = n
	if len(ch.details) == 0 {
		ch.details = []detail{{attribute: "Properties", recreation: "Never", source: "Automatic", isDynamic: true}}
	}
	c.replaceChange(ch)
}

// nestedFailure is the reason of a change set that fails because of a nested one.
// One that fails because its template without transforms is the same as before is
// none. Source: copilot-cli issue 2376, amplify-cli PR 14764.
func (c *changeSet) nestedFailure() string {
	for _, n := range c.nested {
		if n.hasFailed && n.reason != noChanges {
			return fmt.Sprintf("Nested change set %s was not successfully created: Currently in FAILED.", n.id)
		}
	}
	return ""
}
