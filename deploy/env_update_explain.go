package deploy

import (
	"context"

	"permissions-boundary-macro/boundary"
)

// explainedChange is asked after the change was explained.
var explainedChange = &question{"yes", "type yes to make this change: ", boundary.Problem{
	What:   "the change has not been confirmed",
	Remedy: "pass --yes to make it, or --dry-run to explain it only",
}}

// explainUpdate says on stderr what an update takes from the roles that have the
// present boundary, in each account that it changes.
func (p *pbm) explainUpdate(ctx context.Context, all []*place, key boundary.Key, value boundary.Value) error {
	explained := map[[2]string]bool{} // by account and present boundary: there may be several Regions
	for _, at := range toChange(all) {
		if !at.inAWS() {
			return usagef("--explain reads roles in AWS, and %s is a file", at.file)
		}
		target, err := at.identify(ctx)
		if err != nil {
			return err
		}
		if key.IsOverride() && key.Account != target.AccountID {
			return usagef("--explain reads the roles of account %s, and --%s changes those of account %s", target.AccountID, forAccountName, key.Account)
		}
		from := [2]string{target.AccountID, at.record.Text}
		if explained[from] {
			continue
		}
		explained[from] = true
		if err := p.explainUpdateAt(ctx, at, value); err != nil {
			return err
		}
	}
	return nil
}

func (p *pbm) explainUpdateAt(ctx context.Context, at *place, value boundary.Value) error {
	present, err := boundary.Parse(at.record.Text)
	if err != nil || present.IsNone() {
		p.line("", "account "+at.account()+": the present value of the environment is not a boundary, so no role can be found by it")
		return nil
	}
	r := &boundaryReader{pbm: p, at: at}
	before, err := r.of(ctx, present)
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
	for _, role := range roles {
		if role.boundary == before.name {
			result.add(role.grantee, by)
		}
	}
	return writeExplanation(p.stderr, &result, false)
}
