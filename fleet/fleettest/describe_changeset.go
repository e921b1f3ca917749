package fleettest

import "fmt"

// describeChangeSet describes a change set. One that is being created, or
// executed, moves on.
func describeChangeSet(r *request, x *result) error {
	c, err := r.changeSet()
	if err != nil {
		return err
	}
	defer func() { c.polls++ }()
	if c.executionStatus == executeInProgress {
		r.account.proceed(r.Region, c.before.ID)
	}
	withValues := r.form.Get("IncludePropertyValues") == "true"
	shown := c.shown(withValues)
	keys := make([]string, len(shown))
	byKey := map[string]change{}
	for i, ch := range shown {
		keys[i] = fmt.Sprintf("%09d", i)
		byKey[keys[i]] = ch
	}
	page, next, err := r.account.server.page(r.Operation, r.form.Get("NextToken"), keys, usualPage)
	if err != nil {
		return err
	}
	x.changeSet(c)
	x.parameters(c.after.Parameters)
	x.settings(&c.after)
	writeList(x, "Capabilities", c.in.capabilities, func(capability string) { x.WriteString(capability) })
	if c.in.revertsDrift {
		x.text("DeploymentMode", "REVERT_DRIFT")
		if c.isCreated() {
			x.text("StackDriftStatus", c.drift)
		}
	}
	writeList(x, "Changes", page, func(key string) {
		x.text("Type", "Resource")
		x.change(byKey[key], withValues)
	})
	x.text("NextToken", next)
	return nil
}

// shown are the changes that a description has.
func (c *changeSet) shown(withValues bool) []change {
	switch {
	case !c.isCreated() || c.hasFailed:
		return nil
	case withValues:
		return c.changes
	}
	return c.listed
}

func (x *result) change(c change, withValues bool) {
	x.open("ResourceChange")
	x.text("Action", c.action)
	x.text("LogicalResourceId", c.logicalID)
	x.text("PhysicalResourceId", c.physicalID)
	x.text("ResourceType", c.kind)
	x.text("Replacement", c.replacement)
	x.text("PolicyAction", c.policyAction)
	x.text("ResourceDriftStatus", c.drift)
	if c.nested != nil {
		x.text("ChangeSetId", c.nested.id)
	}
	if withValues {
		x.context("BeforeContext", c.before)
		x.context("AfterContext", c.after)
		x.context("PreviousDeploymentContext", c.previous)
	}
	writeList(x, "Scope", c.scope(), func(attribute string) { x.WriteString(attribute) })
	writeList(x, "Details", c.details, func(d detail) { x.detail(d, withValues) })
	x.close("ResourceChange")
}

func (x *result) context(name string, attributes map[string]any) {
	if attributes != nil {
		x.text(name, textOf(attributes))
	}
}

func (x *result) detail(d detail, withValues bool) {
	evaluation := "Static"
	if d.isDynamic {
		evaluation = "Dynamic"
	}
	x.text("Evaluation", evaluation)
	x.text("ChangeSource", d.source)
	x.text("CausingEntity", d.causingEntity)
	x.open("Target")
	x.text("Attribute", d.attribute)
	x.text("Name", d.name)
	x.text("RequiresRecreation", d.recreation)
	if withValues && d.changeType != "" {
		x.values(d)
	}
	x.close("Target")
}

// values writes what a description with IncludePropertyValues has more.
func (x *result) values(d detail) {
	x.text("Path", d.path())
	x.text("AttributeChangeType", d.changeType)
	if d.before != nil {
		x.textOrEmpty("BeforeValue", textOf(d.before))
	}
	if d.after != nil {
		x.textOrEmpty("AfterValue", textOf(d.after))
	}
	if d.drift == nil {
		return
	}
	x.text("BeforeValueFrom", "ACTUAL_STATE")
	x.text("AfterValueFrom", "TEMPLATE")
	x.open("Drift")
	x.text("PreviousValue", textOf(d.drift.previous))
	x.text("ActualValue", textOf(d.drift.actual))
	x.time("DriftDetectionTimestamp", d.drift.detected)
	x.close("Drift")
}
