package deploy

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/policy"
)

// liveRole is a role of an account, with the boundary that it has now.
type liveRole struct {
	*grantee
	boundary string // ARN, empty for none
}

// liveRoles reads the roles of the account whose names match one of the patterns, or
// all.
func (r *boundaryReader) liveRoles(ctx context.Context, patterns []string) ([]liveRole, error) {
	if _, err := r.openAccount(ctx); err != nil {
		return nil, err
	}
	granted, err := fleet.Granted(ctx, r.at.config)
	if err != nil {
		return nil, err
	}
	documents := documentCache{}
	var all []liveRole
	matched := make([]bool, len(patterns))
	for _, role := range granted {
		isNamed := len(patterns) == 0
		for i, pattern := range patterns {
			if matches(pattern, role.Name) {
				isNamed, matched[i] = true, true
			}
		}
		if isNamed {
			all = append(all, liveRole{documents.grantee(role, r.at.account()), role.Boundary})
		}
	}
	if i := slices.Index(matched, false); i >= 0 {
		return nil, boundary.Problem{
			What:   "account " + r.at.account() + " has no role " + clipped(patterns[i]),
			Remedy: "check the name and the account; roles that AWS manages cannot have a boundary, and with --live each argument is a role",
		}
	}
	return all, nil
}

// havingBoundary are the roles that have a boundary now.
func havingBoundary(roles []liveRole, arn string) []liveRole {
	return slices.DeleteFunc(roles, func(role liveRole) bool { return role.boundary != arn })
}

// documentNotInSight stands for boundaries that cannot be read.
var documentNotInSight = policy.DocumentNotInSight()

// addLive adds roles of an account. Each may have another boundary now.
func (e *explanation) addLive(
	ctx context.Context, roles []liveRole, facts policy.Facts,
	before func(context.Context, string) (knownBoundary, error), after knownBoundary,
) error {
	explainers := map[*policy.Document]explainer{} // by the boundary before
	for _, role := range roles {
		if e.Against == againstCurrent {
			role.now = cmp.Or(role.boundary, boundary.None)
		}
		now, err := before(ctx, role.boundary)
		if ctx.Err() != nil || errors.Is(err, boundary.ErrDenied) {
			return err
		}
		if err != nil {
			now.document = documentNotInSight
			role.notInSight("its boundary now: " + err.Error())
		}
		if _, known := explainers[now.document]; !known {
			explainers[now.document] = newExplainer(facts, now, after)
		}
		e.add(role.grantee, explainers[now.document])
	}
	return nil
}

// documentCache has policies by their text: many roles have the same.
type documentCache map[string]parsedDocument

type parsedDocument struct {
	*policy.Document
	problem string
}

func (c documentCache) grantee(role fleet.RolePolicies, account string) *grantee {
	g := &grantee{name: role.Name, arn: role.ARN, account: account}
	for _, p := range role.Policies {
		parsed := c.parse(p.Document)
		g.policies = append(g.policies, grantedPolicy{name: "policy " + p.Name, document: parsed.Document, problem: parsed.problem})
	}
	return g
}

func (c documentCache) parse(text string) parsedDocument {
	if text == "" {
		return parsedDocument{}
	}
	parsed, known := c[text]
	if !known {
		document, err := policy.Parse([]byte(text))
		if parsed.Document = document; err != nil {
			parsed.problem = err.Error()
		}
		c[text] = parsed
	}
	return parsed
}

// currentBoundary is the boundary of an ARN that a role has now, or none.
func (r *boundaryReader) currentBoundary(ctx context.Context, arn string) (knownBoundary, error) {
	if arn == "" {
		return noBoundary, nil
	}
	return r.inIAM(ctx, arn)
}
