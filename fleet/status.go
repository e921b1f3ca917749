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

// inStack gives a role of a stack its status, as far as that does not depend on
// what the stack was deployed with. It reports whether it does.
func (at placed) inStack(role *Role) (depends bool) {
	call := at.record.Call
	role.Region, role.Stack, role.LogicalID = at.stack.Region, at.stack.Name, at.logicalID
	switch {
	case call.Problem != "":
		role.is(Unknown, NoRemedy, call.Problem)
		return false
	case !call.Macro:
		role.is(NoMacro, AddMacro, at.in.values.describe(role.Boundary)+at.nested())
		return false
	}
	role.Environment = call.Environment
	expected, err := at.in.values.expected(call.Environment)
	if err != nil {
		role.is(Unknown, AddValue, err.Error())
		return false
	}
	role.Expected = expected
	isOwn := slices.Contains(call.Own, at.logicalID)
	switch {
	case expected == role.Boundary:
		role.is(Live, NoRemedy, "")
	case expected == boundary.None && role.Boundary == "":
		role.is(Live, NoRemedy, "the environment has no boundary")
	case expected == boundary.None && isOwn:
		role.is(Live, NoRemedy, "the environment has no boundary; that of the template stays")
	case at.stack.isChanging():
		role.is(Unknown, AuditAgain, "the stack is being deployed ("+at.stack.Status+")")
	case expected == boundary.None:
		role.is(Lags, Redeploy, "the environment has no boundary now")
	default:
		return true
	}
	return false
}

// nested says that a stack is part of another one.
func (at placed) nested() string {
	if at.stack.Parent == "" {
		return ""
	}
	return "; the stack is nested, and needs the macro in its own template"
}

const notInTemplate = "the stack's template does not have the role, so the macro cannot bind it"

// asDeployed gives a role of a stack its status, by what the stack was deployed
// with.
func (at placed) asDeployed(ctx context.Context, role *Role) {
	bound, err := at.in.bound(ctx, at, role.Expected)
	right, seen := bound[at.logicalID]
	switch {
	case err != nil && role.Boundary == "":
		role.is(Unbound, NoRemedy, "why is not known: "+err.Error())
	case err != nil:
		role.is(Unknown, NoRemedy, err.Error())
	case role.Boundary == "" && right:
		role.is(Unbound, SetBoundary, "the stack was deployed with the boundary, which somebody removed")
	case role.Boundary == "" && seen:
		role.is(Unbound, Redeploy, "the stack was deployed without the boundary")
	case role.Boundary == "":
		role.is(Unbound, ChangeTemplate, notInTemplate)
	case slices.Contains(at.record.Call.Kept, at.logicalID):
		at.asKept(ctx, role)
	case right:
		role.is(Drifted, SetBoundary, "the stack was deployed with the boundary, which somebody replaced")
	case seen:
		role.is(Lags, Redeploy, "the stack was deployed with another boundary")
	default:
		role.is(Other, ChangeTemplate, notInTemplate)
	}
}

// asKept gives a role whose template has a boundary that the macro keeps its
// status.
func (at placed) asKept(ctx context.Context, role *Role) {
	bound, err := at.in.boundNow(ctx, at, role.Boundary)
	switch {
	case err != nil:
		role.is(Unknown, NoRemedy, err.Error())
	case bound[at.logicalID]:
		role.is(Live, NoRemedy, "the macro keeps the boundary of the template")
	default:
		role.is(Drifted, NoRemedy, "the macro keeps the boundary of the template, which somebody replaced")
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
	return "a boundary of no environment"
}
