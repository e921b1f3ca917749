package fleet

import (
	"context"
	"slices"

	"permissions-boundary-macro/boundary"
)

// inStack gives a role of a stack its status, as far as that does not depend on
// what the stack was deployed with. It reports whether it does.
func (at placed) inStack(role *Role) (depends bool) {
	call := at.record.Call
	role.Region, role.Stack, role.LogicalID = at.stack.Region, at.stack.Name, at.logicalID
	switch {
	case call.Problem != "":
		role.Environment = call.Environment
		role.is(Unknown, call.Problem)
		return false
	case !call.Macro:
		role.is(NoMacro, at.in.values.describe(role.Boundary)+at.nested())
		return false
	}
	role.Environment = call.Environment
	expected, err := at.in.values.expected(call.Environment)
	if err != nil {
		role.is(Unknown, err.Error())
		return false
	}
	role.Expected = expected
	isOwn := slices.Contains(call.Own, at.logicalID)
	switch {
	case expected == role.Boundary:
		role.is(Live, "")
	case expected == boundary.None && role.Boundary == "":
		role.is(Live, "the environment has no boundary")
	case expected == boundary.None && isOwn:
		role.is(Live, "the environment has no boundary, and the role has that of its template")
	case at.stack.isChanging():
		role.is(Unknown, "its stack is being deployed ("+at.stack.Status+"); run the audit again")
	case expected == boundary.None:
		role.is(Lags, "the environment has no boundary now")
	default:
		return true
	}
	return false
}

func (r *Role) is(s Status, reason string) { r.Status, r.Reason = s, reason }

// nested says that a stack is part of another one.
func (at placed) nested() string {
	if at.stack.Parent == "" {
		return ""
	}
	return "; the stack is nested, and needs the macro in its own template"
}

// asDeployed gives a role of a stack its status, by what the stack was deployed
// with.
func (at placed) asDeployed(ctx context.Context, role *Role) {
	bound, err := at.in.bound(ctx, at, role.Expected)
	right, seen := bound[at.logicalID]
	switch {
	case err != nil && role.Boundary == "":
		role.is(Unbound, "why is not known: "+err.Error())
	case err != nil:
		role.is(Unknown, err.Error())
	case role.Boundary == "" && right:
		role.is(Unbound, "its stack was deployed with the boundary, and somebody removed it")
	case role.Boundary == "" && seen:
		role.is(Unbound, "its stack was deployed without the boundary")
	case role.Boundary == "":
		role.is(Unbound, "its stack's template does not have the role, so the macro cannot bind it")
	case slices.Contains(at.record.Call.Kept, at.logicalID):
		at.asKept(ctx, role)
	case right:
		role.is(Drifted, "its stack was deployed with the boundary, and somebody replaced it")
	case seen:
		role.is(Lags, "its stack was deployed with another boundary")
	default:
		role.is(Other, "its stack's template does not have the role, so the macro cannot bind it")
	}
}

// asKept gives a role whose template has a boundary that the macro keeps its
// status.
func (at placed) asKept(ctx context.Context, role *Role) {
	bound, err := at.in.boundNow(ctx, at, role.Boundary)
	switch {
	case err != nil:
		role.is(Unknown, err.Error())
	case bound[at.logicalID]:
		role.is(Live, "the macro keeps the boundary of its template")
	default:
		role.is(Drifted, "the macro keeps the boundary of its template, and somebody replaced it")
	}
}

// describe says what a boundary is to the environments, for roles that belong to
// none.
func (v values) describe(arn string) string {
	if arn == "" {
		return "it has no boundary"
	}
	if environment := v.environmentOf(arn); environment != "" {
		return "it has the boundary of environment " + environment
	}
	return "it has another boundary than those of the environments"
}
