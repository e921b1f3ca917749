package deploy

import (
	"context"
	"fmt"
	"slices"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// explainedChange is asked after a change was explained.
func explainedChange(key boundary.Key, value boundary.Value) *question {
	return &question{"yes", fmt.Sprintf("type yes to set the boundary of %s to %s: ", described(key), value), boundary.Problem{
		What:   "the change has not been confirmed",
		Remedy: "pass --yes to make it, or --dry-run to explain it only",
	}}
}

// checkExplained refuses to explain changes of places that have no roles.
func checkExplained(all []*place) error {
	for _, at := range all {
		if !at.inAWS() {
			return usagef("--explain reads roles in AWS, and %s is a file", at.file)
		}
	}
	return nil
}

// explainUpdate says on stderr what an update takes from the roles that have the
// present boundary, in each account that it changes.
func (p *pbm) explainUpdate(ctx context.Context, all []*place, key boundary.Key, value boundary.Value) error {
	explained := map[[2]string]bool{} // by account and present boundary: there may be several Regions
	for _, at := range toChange(all) {
		target, err := at.identify(ctx)
		if err != nil {
			return err
		}
		switch {
		case key.IsOverride() && key.Account != target.AccountID:
			return usagef("--explain reads the roles of account %s, and --%s changes those of account %s", target.AccountID, forAccountName, key.Account)
		case slices.Contains(accountsOf(at.overrides), target.AccountID):
			p.line("", "account "+target.AccountID+" has an override of the environment, which the change does not touch")
			continue
		}
		present, err := at.presentBoundary(ctx, key)
		if err != nil {
			return err
		}
		if present == "" {
			p.line("", "account "+target.AccountID+": the environment has no boundary now, by which its roles could be found")
			p.line("hint: ", "to see what the new one takes from some: pbm explain --live ROLE... --"+boundaryFlagName+" "+printable.Shell(value.String()))
			continue
		}
		from := [2]string{target.AccountID, present}
		if explained[from] {
			continue
		}
		explained[from] = true
		if err := p.explainUpdateAt(ctx, at, present, value); err != nil {
			return err
		}
	}
	return nil
}

// presentBoundary is the ARN of the boundary that the roles of an environment have in
// an account now, empty for none or a malformed value. Before its first override an
// account has the environment's own.
func (at *place) presentBoundary(ctx context.Context, key boundary.Key) (string, error) {
	record := at.record
	if key.IsOverride() && record.Version == 0 {
		var err error
		if record, err = at.Effective(ctx, key); err != nil {
			return "", err
		}
	}
	value, err := boundary.Parse(record.Text)
	if err != nil || value.IsNone() {
		return "", nil
	}
	target, err := at.identify(ctx)
	if err != nil {
		return "", err
	}
	return value.Resolve(target)
}

func (p *pbm) explainUpdateAt(ctx context.Context, at *place, present string, value boundary.Value) error {
	r := &boundaryReader{pbm: p, at: at}
	before, err := r.inIAM(ctx, present)
	if err != nil {
		return err
	}
	after, err := r.of(ctx, value)
	if err != nil {
		return err
	}
	roles, err := r.liveRoles(ctx, nil)
	if err != nil {
		return err
	}
	result := newExplanation(before.name, after.name, nil)
	by := newExplainer(r.facts(nil), before, after)
	for _, role := range havingBoundary(roles, present) {
		result.add(role.grantee, by)
	}
	return writeExplanation(p.stderr, &result, false)
}
