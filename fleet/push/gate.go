package push

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"permissions-boundary-macro/boundary"
)

// Verdict is what the gate says about a change set.
type Verdict struct {
	Bound  []string // logical IDs of the roles and users whose boundary it sets, sorted
	Nested []string // IDs of the change sets of nested stacks, which must pass, too
	Others []string // its other changes: a change set with any must not be executed
}

// Judge is the gate. A change set passes if each of its changes sets the boundary
// arn, or removes it for boundary.None, on a role or user that stays the same
// resource; belongs to a nested stack that has a change set of its own; or only says
// that a resource refers to one of these, whose ARN and name stay as they are. There
// is no other way to pass: what the gate does not know, it does not let through.
//
// Listed are the changes as DescribeChangeSet tells them, and valued the same with
// IncludePropertyValues. Both must pass: only the latter has values, and it leaves
// out resources that refer to changed ones. Source: change sets recorded on AWS.
func Judge(listed, valued []types.Change, arn string) Verdict {
	g := gate{arn: arn, bound: map[string]bool{}, unchanged: map[string]bool{}}
	waiting := append(changesOf(valued, true), changesOf(listed, false)...)
	for {
		rest := slices.DeleteFunc(slices.Clone(waiting), g.lets)
		if len(rest) == len(waiting) {
			break
		}
		waiting = rest
	}
	v := Verdict{Nested: g.nested}
	for id := range g.bound {
		v.Bound = append(v.Bound, id)
	}
	foreign := g.foreignBoundaries(waiting)
	for _, c := range waiting {
		v.Others = append(v.Others, c.describe(foreign))
	}
	slices.Sort(v.Bound)
	slices.Sort(v.Others)
	v.Others = slices.Compact(v.Others)
	return v
}

// gate is what is known while changes pass: each may let others pass that refer to
// its resource.
type gate struct {
	arn       string
	bound     map[string]bool // logical IDs of roles and users whose boundary is set
	unchanged map[string]bool // logical IDs of resources that stay as they are, and of nested stacks
	nested    []string
}

// change is a change of a change set, with or without values.
type change struct {
	types.Change
	hasValues bool
}

func changesOf(list []types.Change, hasValues bool) []change {
	changes := make([]change, len(list))
	for i := range list {
		changes[i] = change{list[i], hasValues}
	}
	return changes
}

// lets reports whether a change passes, by what has passed so far.
func (g *gate) lets(c change) bool {
	r := c.ResourceChange
	if c.Type != types.ChangeTypeResource || r == nil || r.Action != types.ChangeActionModify || r.PolicyAction != "" ||
		len(r.Details) == 0 || !slices.Equal(r.Scope, []types.ResourceAttribute{types.ResourceAttributeProperties}) {
		return false
	}
	id := aws.ToString(r.LogicalResourceId)
	switch {
	case isBoundable(r) && slices.ContainsFunc(r.Details, setsBoundary):
		return g.letsRole(c, id)
	case aws.ToString(r.ResourceType) == stackType:
		return g.letsNested(r)
	case r.Replacement != types.ReplacementFalse && r.Replacement != types.ReplacementConditional,
		slices.ContainsFunc(r.Details, func(d types.ResourceChangeDetail) bool { return !g.isReference(d) }):
		return false
	}
	g.unchanged[id] = true
	return true
}

const stackType = "AWS::CloudFormation::Stack"

func isBoundable(r *types.ResourceChange) bool {
	return slices.Contains([]string{"AWS::IAM::Role", "AWS::IAM::User"}, aws.ToString(r.ResourceType))
}

// letsRole passes a role or user whose boundary is set. Without values it must have
// passed with them.
func (g *gate) letsRole(c change, id string) bool {
	if c.ResourceChange.Replacement != types.ReplacementFalse || !c.hasValues && !g.bound[id] {
		return false
	}
	for _, d := range c.ResourceChange.Details {
		if !g.isReference(d) && !g.isBoundary(d, c.hasValues) {
			return false
		}
	}
	g.bound[id] = true
	return true
}

const boundaryProperty = "PermissionsBoundary"

func setsBoundary(d types.ResourceChangeDetail) bool {
	return d.Target != nil && aws.ToString(d.Target.Name) == boundaryProperty
}

// isBoundary reports whether a detail says that the boundary becomes the wanted one.
func (g *gate) isBoundary(d types.ResourceChangeDetail, hasValues bool) bool {
	t := d.Target
	switch {
	case t == nil, t.Attribute != types.ResourceAttributeProperties, aws.ToString(t.Name) != boundaryProperty,
		t.RequiresRecreation != types.RequiresRecreationNever:
		return false
	case !hasValues:
		return true
	case aws.ToString(t.Path) != "/Properties/"+boundaryProperty:
		return false
	case g.arn == boundary.None:
		return t.AttributeChangeType == types.AttributeChangeTypeRemove && aws.ToString(t.AfterValue) == ""
	}
	sets := t.AttributeChangeType == types.AttributeChangeTypeAdd || t.AttributeChangeType == types.AttributeChangeTypeModify
	return sets && aws.ToString(t.AfterValue) == g.arn
}

// letsNested passes a nested stack that CloudFormation will update because its
// template may have changed. What that is, its own change set says: if that passes,
// its outputs stay as they are.
func (g *gate) letsNested(r *types.ResourceChange) bool {
	if r.Replacement != types.ReplacementFalse || aws.ToString(r.ChangeSetId) == "" {
		return false
	}
	for _, d := range r.Details {
		isAutomatic := d.ChangeSource == types.ChangeSourceAutomatic && d.Evaluation == types.EvaluationTypeDynamic
		if !isAutomatic && !g.isReference(d) {
			return false
		}
	}
	if !slices.Contains(g.nested, *r.ChangeSetId) {
		g.nested = append(g.nested, *r.ChangeSetId)
	}
	g.unchanged[aws.ToString(r.LogicalResourceId)] = true
	return true
}

// isReference reports whether a detail only says that a property refers to a role
// whose boundary is set, or to a resource that itself only refers to one. Until it
// updates the role, CloudFormation does not know whether its attributes will change.
// They do not: a role that is not replaced keeps its ARN, ID and name. Source:
// CloudFormation API, ResourceChangeDetail, Evaluation.
func (g *gate) isReference(d types.ResourceChangeDetail) bool {
	if d.Evaluation != types.EvaluationTypeDynamic || d.Target == nil || d.Target.Attribute != types.ResourceAttributeProperties || !staysOrIsUnknown(d.Target) {
		return false
	}
	id, attribute, _ := strings.Cut(aws.ToString(d.CausingEntity), ".")
	switch d.ChangeSource {
	case types.ChangeSourceResourceReference:
		return attribute == "" && (g.bound[id] || g.unchanged[id])
	case types.ChangeSourceResourceAttribute:
		return g.unchanged[id] || g.bound[id] && slices.Contains([]string{"Arn", "RoleId"}, attribute)
	}
	return false
}

// knownAfterApply is the value that a change set has for what CloudFormation knows when
// it has updated a resource. Source: change sets recorded on AWS.
const knownAfterApply = "{{changeSet:KNOWN_AFTER_APPLY}}"

// staysOrIsUnknown reports whether a change set names no other value than there is. A
// value that is known before the update is none that only refers to a resource.
func staysOrIsUnknown(t *types.ResourceTargetDefinition) bool {
	after := aws.ToString(t.AfterValue)
	return t.AfterValue == nil || after == aws.ToString(t.BeforeValue) || strings.Contains(after, knownAfterApply)
}

// foreignBoundaries are the boundaries that changes set in place of that of the push, by
// the logical IDs of the roles and users.
func (g *gate) foreignBoundaries(changes []change) map[string]string {
	foreign := map[string]string{}
	for _, c := range changes {
		r := c.ResourceChange
		if !c.hasValues || r == nil || !isBoundable(r) {
			continue
		}
		for _, d := range r.Details {
			if setsBoundary(d) && strings.HasPrefix(aws.ToString(d.Target.AfterValue), "arn:") && *d.Target.AfterValue != g.arn {
				foreign[aws.ToString(r.LogicalResourceId)] = *d.Target.AfterValue
			}
		}
	}
	return foreign
}

// describe names a change, without its values, apart from foreign boundaries.
func (c change) describe(foreign map[string]string) string {
	r := c.ResourceChange
	if r == nil {
		return fmt.Sprintf("a change of type %s", c.Type)
	}
	text := fmt.Sprintf("%s (%s): %s", aws.ToString(r.LogicalResourceId), aws.ToString(r.ResourceType), r.Action)
	var what []string
	for _, d := range r.Details {
		if d.Target == nil {
			continue
		}
		name := string(d.Target.Attribute)
		if d.Target.Name != nil {
			name = *d.Target.Name
		}
		if !slices.Contains(what, name) {
			what = append(what, name)
		}
	}
	if len(what) > 0 {
		text += " " + strings.Join(what, ", ")
	}
	if r.Replacement == types.ReplacementTrue || r.Replacement == types.ReplacementConditional {
		text += fmt.Sprintf(", replacement %s", r.Replacement)
	}
	if arn := foreign[aws.ToString(r.LogicalResourceId)]; arn != "" {
		text += " (to that of another environment, or of its template: " + arn + ")"
	}
	return text
}
