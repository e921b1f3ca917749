package fleettest

import (
	"maps"
	"slices"
	"strings"
)

// withDependents are the changes of a change set as a description without values
// has them. It also names each resource that refers to an attribute of one that
// is modified, and so on, because the attribute may change; with values it does
// not. Of a property that refers to a resource that is replaced, it has the cause
// only. Source: recorded on AWS in LocalStack's tests of Fn::GetAtt.
func (c *changeSet) withDependents() []change {
	listed := *c
	listed.changes = nil
	modified := map[string]bool{}
	for _, ch := range c.changes {
		ch.details = slices.DeleteFunc(slices.Clone(ch.details), func(d detail) bool { return d.source == "DirectModification" && isToldByResource(d, ch.details) })
		listed.changes = append(listed.changes, ch)
		if ch.action == "Modify" && ch.replacement != "True" {
			modified[ch.logicalID] = true
		}
	}
	t, err := c.after.template()
	if err != nil {
		return listed.changes // its changes could not be found, either
	}
	for len(modified) > 0 {
		modified = listed.addDependents(t, modified)
	}
	return listed.changes
}

// isToldByResource reports whether a detail is about a property of which another
// one names a resource as the cause.
func isToldByResource(d detail, all []detail) bool {
	return slices.ContainsFunc(all, func(other detail) bool {
		return other.name == d.name && strings.HasPrefix(other.source, "Resource")
	})
}

// addDependents adds what refers to an attribute of a modified resource, and
// returns what it has added.
func (c *changeSet) addDependents(t processedTemplate, modified map[string]bool) map[string]bool {
	added := map[string]bool{}
	for _, r := range c.after.Resources {
		if !slices.ContainsFunc(c.before.Resources, func(had Resource) bool { return had.LogicalID == r.LogicalID }) {
			continue
		}
		ch := c.changeOf(r)
		before := len(ch.details)
		ch.details = append(slices.Clone(ch.details), dependencies(t.Resources[r.LogicalID], modified)...)
		if len(ch.details) == before {
			continue
		}
		if ch.replacement == "False" && slices.ContainsFunc(ch.details, func(d detail) bool { return d.recreation == "Always" }) {
			ch.replacement = "Conditional"
		}
		added[r.LogicalID] = before == 0
		c.replaceChange(ch)
	}
	maps.DeleteFunc(added, func(_ string, isNew bool) bool { return !isNew })
	return added
}

// dependencies are the properties of a resource that refer to an attribute of a
// modified one.
func dependencies(r templateResource, modified map[string]bool) []detail {
	var details []detail
	for _, name := range slices.Sorted(maps.Keys(r.Properties)) {
		for _, reference := range references(r.Properties[name]) {
			id, _, isAttribute := strings.Cut(reference, ".")
			if isAttribute && modified[id] {
				details = append(details, detail{
					attribute: "Properties", name: name, recreation: recreation(r.Type, name),
					source: "ResourceAttribute", causingEntity: reference, isDynamic: true,
				})
			}
		}
	}
	return details
}
