package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/awserror"
)

// errUnusable is what errors wrap that say why a boundary cannot be used where
// an environment lives. Another boundary may.
var errUnusable = errors.New("boundary cannot be used")

// identify asks STS who pbm is in a place, once.
func (at *place) identify(ctx context.Context) (boundary.Target, error) {
	if at.caller != nil {
		return *at.caller, nil
	}
	out, err := sts.NewFromConfig(at.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return boundary.Target{}, awserror.Explain(awserror.Call{
			Service: "STS", Verb: "tell", Verbs: "questions about", Object: "which AWS account this is",
			Allow: "allow sts:GetCallerIdentity",
		}, err)
	}
	caller, err := arn.Parse(aws.ToString(out.Arn))
	if err != nil {
		return boundary.Target{}, fmt.Errorf("read the caller's ARN: %w", err)
	}
	at.caller = &boundary.Target{Partition: caller.Partition, AccountID: aws.ToString(out.Account), Region: at.Region}
	return *at.caller, nil
}

// verify checks that a boundary works in a place: its partition and account
// are the caller's, and IAM has the policy. Where pbm may not ask IAM it warns.
// With --no-verify only what needs no network is checked. The error wraps
// errUnusable when the boundary is at fault. The boundary of an override must work
// in the account that it is for.
func (p *pbm) verify(ctx context.Context, at *place, key boundary.Key, value boundary.Value) error {
	if !at.inAWS() {
		return checkOverride(key, value)
	}
	target := boundary.TargetOf(cmp.Or(value.AccountID(), placeholderAccount), at.Region)
	if !p.noVerify {
		var err error
		if target, err = at.identify(ctx); err != nil {
			return err
		}
	}
	if value.IsNone() {
		return nil
	}
	reachable := !key.IsOverride() || key.Account == target.AccountID
	target.AccountID = cmp.Or(key.Account, target.AccountID)
	policy, err := value.Resolve(target)
	if err != nil {
		return boundary.Problem{
			What:   "boundary " + value.String() + " cannot be used there",
			Cause:  err,
			Remedy: boundary.Remedy(err),
			Kind:   errUnusable,
		}
	}
	switch {
	case p.noVerify:
		return nil
	case !reachable && !isOfAWS(policy):
		at.note("warning: ", "not verified that policy "+policy+" exists: it is in another account than the credentials")
		return nil
	}
	return p.verifyPolicy(ctx, at, policy)
}

// checkOverride checks what is known of an override without AWS: its account.
func checkOverride(key boundary.Key, value boundary.Value) error {
	account := value.AccountID()
	if !key.IsOverride() || account == "" || account == key.Account {
		return nil
	}
	return boundary.Problem{
		What:   fmt.Sprintf("boundary %s is a policy of account %s, and the override is for account %s", value, account, key.Account),
		Remedy: "give a policy of that account, or write ${AWS::AccountId} in place of its ID",
		Kind:   errUnusable,
	}
}

// isOfAWS reports whether AWS manages a policy, which is then in every account.
func isOfAWS(policy string) bool {
	a, err := arn.Parse(policy)
	return err == nil && a.AccountID == "aws"
}

// verifyAll checks that a boundary works in each place that does.
func (p *pbm) verifyAll(ctx context.Context, all []*place, key boundary.Key, value boundary.Value) error {
	defer p.tellNotes(all)
	for _, at := range working(all) {
		if err := p.verify(ctx, at, key, value); err != nil {
			return err
		}
	}
	return nil
}

// administrator is the managed policy of AWS that allows everything, in any
// partition. PowerUserAccess, the next, still withholds IAM, AWS Organizations and
// account settings.
var administrator = regexp.MustCompile(`^arn:(?:[^:]+|\$\{AWS::Partition\}):iam::aws:policy/AdministratorAccess$`)

// warnLimitless warns about a boundary that limits nothing, and about its name
// alone, which is that of a policy of the account.
func (p *pbm) warnLimitless(value boundary.Value) {
	switch text := value.String(); {
	case administrator.MatchString(text):
		p.line("warning: ", "AdministratorAccess allows everything, so as a boundary it limits nothing")
	case text == ownPolicy+"AdministratorAccess":
		p.line("warning: ", "a policy's name means a policy of your account, here "+text)
		p.line("hint: ", "did you mean arn:aws:iam::aws:policy/AdministratorAccess?")
	}
}

// verifyPolicy asks IAM for a managed policy.
func (p *pbm) verifyPolicy(ctx context.Context, at *place, policy string) error {
	_, err := iam.NewFromConfig(at.config).GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(policy)})
	if err == nil {
		return nil
	}
	if awserror.IsDenied(err) {
		at.note("warning: ", "not verified that policy "+policy+" exists: not permitted to call iam:GetPolicy")
		return nil
	}
	if _, missing := errors.AsType[*types.NoSuchEntityException](err); missing {
		return boundary.Problem{
			What:   "policy " + policy + " does not exist",
			Remedy: "create the policy first, or correct the boundary; --no-verify skips this check",
			Kind:   errUnusable,
		}
	}
	problem := awserror.Explain(awserror.Call{Service: "IAM", Verb: "read", Verbs: "reads of", Object: "policy " + policy}, err)
	problem.Remedy += "; --no-verify skips this check"
	return problem
}
