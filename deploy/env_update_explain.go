package deploy

import (
	"context"
	"fmt"

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
		p.line("", "account "+at.account()+": the environment has no boundary now, by which its roles could be found")
		p.line("hint: ", "to see what the new one takes from some: pbm explain --live ROLE... --"+boundaryFlagName+" "+printable.Shell(value.String()))
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
	for _, role := range havingBoundary(roles, before.name) {
		result.add(role.grantee, by)
	}
	return writeExplanation(p.stderr, &result, false)
}
