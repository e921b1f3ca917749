package deploy

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/internal/atomicfile"
	"permissions-boundary-macro/policy"
)

// knownBoundary is a boundary with its document, nil for no boundary.
type knownBoundary struct {
	name     string // for people: a file, an ARN, none
	arn      string // of a policy that was read in IAM
	document *policy.Document
}

var noBoundary = knownBoundary{name: boundary.None}

// Values of --against that are no file.
const (
	againstNone    = "none"
	againstCurrent = "current"
)

// maxPolicy is far longer than a policy of IAM can be, in bytes.
const maxPolicy = 1 << 20

// readBoundaryFile reads the document of a boundary from a file.
func readBoundaryFile(path string) (knownBoundary, error) {
	text, _, err := atomicfile.Read(path, maxPolicy)
	if err != nil {
		return knownBoundary{}, fmt.Errorf("read the boundary: %w", err)
	}
	return parseDocument(path, text)
}

func parseDocument(name string, text []byte) (knownBoundary, error) {
	document, err := policy.Parse(text)
	if err != nil {
		return knownBoundary{}, boundary.Problem{
			What:   "the policy document " + name + " cannot be read",
			Cause:  err,
			Remedy: "give an identity-based policy in JSON, and nothing around it: of what aws iam get-policy-version prints, PolicyVersion.Document",
		}
	}
	return knownBoundary{name: name, document: document}, nil
}

// boundaryReader finds the documents of boundaries: in files, in templates, and in
// the account that flags or an environment lead to, which it opens once.
type boundaryReader struct {
	*pbm
	account   string // that stacks deploy to, or empty
	templates []*templateFile
	at        *place                 // nil until something was read in AWS
	read      map[string]policyInIAM // by ARN
}

// ofEnvironment reads the boundary that an environment has now.
func (r *boundaryReader) ofEnvironment(ctx context.Context, environment string) (knownBoundary, error) {
	j, err := r.project()
	if err != nil {
		return knownBoundary{}, err
	}
	c, err := r.choose(j, environment)
	if err != nil {
		return knownBoundary{}, err
	}
	store, err := r.openOnly(ctx, c, environment, r.account)
	if err != nil {
		return knownBoundary{}, err
	}
	r.tellUnconfirmed(store)
	if store.inAWS() {
		r.at = store
	}
	record, err := store.Effective(ctx, boundary.Key{Environment: environment, Account: cmp.Or(r.account, store.account())})
	if err != nil {
		return knownBoundary{}, store.orSpelled(ctx, environment, err)
	}
	value, err := boundary.Parse(record.Text)
	if err != nil {
		return knownBoundary{}, boundary.Problem{What: "the value of " + record.Key.Describe() + " is malformed", Cause: err, Remedy: store.Correction(record.Key)}
	}
	return r.of(ctx, value)
}

// of reads the document of a boundary: from a template that creates the policy, or
// from IAM.
func (r *boundaryReader) of(ctx context.Context, value boundary.Value) (knownBoundary, error) {
	if value.IsNone() {
		return noBoundary, nil
	}
	if found, err := r.inTemplates(value); err != nil || found.document != nil {
		return found, err
	}
	target, err := r.openAccount(ctx)
	if err != nil {
		return knownBoundary{}, withoutIAM(err)
	}
	arn, err := value.Resolve(target)
	if err != nil {
		return knownBoundary{}, err
	}
	return r.inIAM(ctx, arn)
}

// inIAM reads the document of a managed policy, once, even if it cannot be read.
func (r *boundaryReader) inIAM(ctx context.Context, arn string) (knownBoundary, error) {
	if known, read := r.read[arn]; read {
		return known.knownBoundary, known.err
	}
	found, err := r.readInIAM(ctx, arn)
	if r.read == nil {
		r.read = map[string]policyInIAM{}
	}
	r.read[arn] = policyInIAM{found, err}
	return found, err
}

// policyInIAM is a managed policy, or why it cannot be read.
type policyInIAM struct {
	knownBoundary
	err error
}

func (r *boundaryReader) readInIAM(ctx context.Context, arn string) (knownBoundary, error) {
	text, err := fleet.PolicyDocument(ctx, r.at.config, arn)
	if err != nil {
		return knownBoundary{}, withoutIAM(err)
	}
	found, err := parseDocument(arn, []byte(text))
	found.arn = arn
	return found, err
}

// withoutIAM adds to the remedy of an error how to do without IAM.
func withoutIAM(err error) error {
	if remedy := boundary.Remedy(err); remedy != "" {
		return boundary.WithRemedy(err, remedy+"; or pass the policy's document in a file: --policy FILE")
	}
	return err
}

// inTemplates finds the policy of a boundary in the templates.
func (r *boundaryReader) inTemplates(value boundary.Value) (knownBoundary, error) {
	if isOfAWS(value.String()) {
		return knownBoundary{}, nil
	}
	short := shortBoundary(value.String())
	var found []knownBoundary
	for _, t := range r.templates {
		for _, p := range t.managedPolicies(short) {
			name := fmt.Sprintf("%s (%s, line %d)", short, t.path, t.Line(p.Offset))
			document, err := t.boundaryDocument(p)
			if err != nil {
				return knownBoundary{}, boundary.Problem{What: "the policy document of " + name + " cannot be read", Cause: err, Remedy: "correct it"}
			}
			found = append(found, knownBoundary{name: name, document: document})
		}
	}
	switch len(found) {
	case 0:
		return knownBoundary{}, nil
	case 1:
		return found[0], nil
	}
	return knownBoundary{}, boundary.Problem{
		What:   "the boundary is created more than once: " + found[0].name + ", " + found[1].name,
		Remedy: "name only templates of one deployment, or pass the document in a file: --policy FILE",
	}
}

// complete reads the managed policies of a template's role that other stacks or AWS
// create, if IAM has been asked for a boundary. A policy that may deny something, but
// is not attached in all deployments, stays out of sight.
func (r *boundaryReader) complete(ctx context.Context, g *grantee) error {
	if r.at == nil {
		return nil
	}
	target, err := r.at.identify(ctx)
	if err != nil {
		return err
	}
	for i, p := range g.policies {
		value, err := boundary.Parse(p.arn)
		if p.arn == "" || p.conditional || err != nil || value.IsNone() {
			continue
		}
		arn, err := value.Resolve(target)
		if err != nil || r.account != "" && r.account != target.AccountID && !isOfAWS(arn) {
			continue // of another account
		}
		found, err := r.inIAM(ctx, arn)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if g.policies[i].document = found.document; err != nil {
			g.policies[i].problem = err.Error()
		}
	}
	return nil
}

// openAccount opens the account that flags lead to.
func (r *boundaryReader) openAccount(ctx context.Context) (boundary.Target, error) {
	if r.at == nil {
		at, err := r.base(ctx)
		if err != nil {
			return boundary.Target{}, err
		}
		r.at = at
	}
	target, err := r.at.identify(ctx)
	if err == nil && r.account != "" && r.account != target.AccountID {
		err = boundary.Problem{
			What:   "the policy would be read in account " + target.AccountID + ", and --account is " + r.account,
			Remedy: "use a profile of that account, or pass the document in a file: --policy FILE",
		}
	}
	return target, err
}

// facts are what is known of the requests of roles, which have these condition keys. Without an account and a Region
// they are of the partition aws.
func (r *boundaryReader) facts(keys map[string]string) policy.Facts {
	facts := policy.Facts{Account: r.account, Keys: keys}
	if r.store.flags.Changed("region") && len(r.store.regions) == 1 {
		facts.Region = strings.Join(r.store.regions, "")
	}
	facts.Partition = boundary.PartitionOf(facts.Region)
	if r.at != nil && r.at.caller != nil {
		facts.Partition, facts.Account = r.at.caller.Partition, cmp.Or(facts.Account, r.at.caller.AccountID)
	}
	return facts
}
