package fleet

import (
	"context"
	"slices"

	"permissions-boundary-macro/boundary"
)

// is sets the status of a role.
func (r *Role) is(s Status, remedy Remedy, reason string) {
	r.Status, r.Remedy, r.Reason = s, remedy, reason
}

// judge gives a role of a stack its status.
func (at placed) judge(ctx context.Context, role *Role) {
	call := at.record.Call
	role.Region, role.Stack, role.LogicalID = at.stack.Region, at.stack.Name, at.logicalID
	switch {
	case at.record.isUnread:
		role.is(Unknown, NoRemedy, templateUnread)
		return
	case call.Problem != "":
		role.is(Unknown, CheckSettings, call.Problem)
		return
	case !call.Macro:
		role.is(NoMacro, AddMacro, at.in.values.describe(role.Boundary)+at.nested())
		return
	case !call.covers(at.logicalID):
		role.is(NoMacro, AddMacro, "its template calls the macro for other resources")
		return
	}
	role.Environment = call.Environment
	e := at.in.values.expected(call.Environment)
	if e.err != nil {
		role.is(Unknown, e.remedy, e.err.Error())
		return
	}
	role.Expected = e.arn
	isOwn := slices.Contains(call.Own, at.logicalID)
	switch {
	case role.Boundary == e.arn:
		role.is(Live, NoRemedy, "")
	case e.arn == boundary.None && role.Boundary == "":
		role.is(Live, NoRemedy, "the environment has no boundary")
	case at.stack.isChanging():
		role.is(Unknown, AuditAgain, "the stack is being deployed ("+at.stack.Status+")")
	case at.stack.hasFailed():
		role.is(Unknown, FinishDeployment, "the last deployment of the stack failed ("+at.stack.Status+")")
	case e.arn == boundary.None:
		at.judgeWithout(ctx, role, isOwn)
	case slices.Contains(call.Kept, at.logicalID):
		at.judgeOwn(ctx, role, "the macro keeps the boundary of the template")
	default:
		at.judgeDeployed(ctx, role)
	}
}

// nested says that a stack is part of another one.
func (at placed) nested() string {
	if at.stack.Parent == "" {
		return ""
	}
	return "; the stack is nested, and needs the macro in its own template"
}

const (
	templateUnread = "the template of the stack could not be read"
	notInTemplate  = "the stack's template does not have the role, so the macro cannot bind it"
)

// judgeDeployed gives a role that is not as it should be its status, by what its
// stack was deployed with.
func (at placed) judgeDeployed(ctx context.Context, role *Role) {
	bound, err := at.in.bound(ctx, at, role.Expected)
	binding := bound[at.logicalID]
	isBound := role.Boundary != ""
	switch {
	case err != nil && isBound:
		role.is(Unknown, NoRemedy, templateUnread)
	case err != nil:
		role.is(Unbound, NoRemedy, templateUnread)
	case binding == Absent && isBound:
		role.is(Other, ChangeTemplate, notInTemplate)
	case binding == Absent:
		role.is(Unbound, ChangeTemplate, notInTemplate)
	case binding == Same && isBound:
		role.is(Drifted, SetBoundary, "the stack was deployed with the boundary, which somebody replaced")
	case binding == Same:
		role.is(Unbound, SetBoundary, "the stack was deployed with the boundary, which somebody removed")
	case isBound:
		role.is(Lags, Redeploy, "the stack was deployed with another boundary")
	default:
		role.is(Unbound, Redeploy, "the stack was deployed without the boundary")
	}
}

// judgeOwn gives a role whose template has a boundary that stays its status. Why
// it stays is part of the reason.
func (at placed) judgeOwn(ctx context.Context, role *Role, why string) {
	role.Expected = ""
	if role.Boundary == "" {
		role.is(Unbound, NoRemedy, why+", which somebody removed")
		return
	}
	bound, err := at.in.bound(ctx, at, role.Boundary)
	switch {
	case err != nil:
		role.is(Unknown, NoRemedy, templateUnread)
	case bound[at.logicalID] == Same:
		role.Expected = role.Boundary
		role.is(Live, NoRemedy, why)
	case bound[at.logicalID] == Different:
		role.is(Drifted, NoRemedy, why+", which somebody replaced")
	default:
		role.is(Unknown, NoRemedy, why+", which may be that of the role or not")
	}
}

// judgeWithout gives a role that has a boundary, but whose environment has none, its
// status.
func (at placed) judgeWithout(ctx context.Context, role *Role, isOwn bool) {
	if isOwn {
		at.judgeOwn(ctx, role, "the environment has no boundary; that of the template stays")
		return
	}
	bound, err := at.in.bound(ctx, at, role.Boundary)
	switch {
	case err != nil:
		role.is(Unknown, NoRemedy, templateUnread)
	case bound[at.logicalID] == Same:
		role.is(Lags, Redeploy, "the environment has no boundary now")
	default:
		role.is(Drifted, RemoveBoundary, "the environment has no boundary, and somebody set one")
	}
}

// describe says what a boundary is to the environments, for roles that belong to
// none.
func (v values) describe(arn string) string {
	if arn == "" {
		return "no boundary"
	}
	if environment := v.environmentOf(arn); environment != "" {
		return "the boundary of environment " + environment
	}
	return otherBoundary
}

const otherBoundary = "a boundary of no environment"
