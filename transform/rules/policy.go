package rules

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform/template"
)

// managedPolicy is a managed policy in the template, which values may refer to.
type managedPolicy struct {
	id         string
	properties template.Span
	loops      loops
	arns       []string // nil until first asked for
}

// notePolicies records the managed policies and permission sets that other
// resources may refer to. The last resource with a logical ID counts.
func (in *inspector) notePolicies() {
	last := map[uint64]int{} // offsets of the logical IDs of policies, by their hash
	for _, r := range in.resources {
		if r.typ == managedPolicyType {
			last[maphash.Bytes(idSeed, r.id)] = r.nameAt.Start
		}
	}
	for _, ids := range in.ids { // those in loops, too
		for _, id := range ids.all {
			if at, isPolicy := last[id.hash]; isPolicy {
				last[id.hash] = max(at, int(id.start))
			}
		}
	}
	in.policies, in.permissionSets = map[string]*managedPolicy{}, map[string]bool{}
	for _, r := range in.resources {
		switch {
		case r.typ == permissionSetType:
			in.permissionSets[string(r.id)] = true
		case r.typ == managedPolicyType && last[maphash.Bytes(idSeed, r.id)] == r.nameAt.Start && in.isReferable(r):
			in.policies[string(r.id)] = &managedPolicy{id: string(r.id), properties: r.props.Span, loops: r.loops}
		}
	}
}

// isReferable reports whether a policy keeps its logical ID, which a loop would
// change, and no loop or transform adds to it.
func (in *inspector) isReferable(r *resource) bool {
	return len(r.id) > 0 && !r.transformed && !r.twice && !r.generated && len(r.loops.seen()) == in.outside
}

// varyingID is a logical ID that depends on a loop. Its resource may replace
// another one with the same ID.
type varyingID struct {
	text  string
	loops loops
}

// maxVaryingIDs bounds how many such IDs are recorded, so that time stays linear:
// beyond it, any policy may be replaced.
const maxVaryingIDs = 10

func (c *collector) noteVaryingID(name []byte) {
	if len(c.replacing) <= maxVaryingIDs && c.loops.vary(string(name)) {
		c.replacing = append(c.replacing, varyingID{string(name), c.loops})
	}
}

// mayBeReplaced reports whether a loop may replace a policy by another resource.
func (f *facts) mayBeReplaced(p *managedPolicy) bool {
	return len(f.replacing) > maxVaryingIDs ||
		slices.ContainsFunc(f.replacing, func(v varyingID) bool { return v.loops.couldBe(v.text, p.id) })
}

// arnOf returns the texts that the ARN of a policy can have. CloudFormation
// generates a name for a policy without one.
// Source: CloudFormation's template reference, AWS::IAM::ManagedPolicy.
func (c certainty) arnOf(p *managedPolicy) []string {
	if p.arns == nil && c.mayBeReplaced(p) {
		p.arns = anyText()
	}
	if p.arns == nil {
		within := *c.facts
		within.policies = nil // a name made from the ARN of another policy is not followed
		of := certainty{facts: &within, loops: p.loops, parameters: c.parameters}
		p.arns = of.arnsFrom(template.NodeAt(c.src, p.properties))
	}
	return p.arns
}

// arnsFrom returns the ARNs that the properties of a policy make.
func (c certainty) arnsFrom(properties template.Node) []string {
	const prefix = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy"
	isComputed := func(m template.Member) bool {
		return m.Name == "Ref" || strings.HasPrefix(m.Name, functionPrefix) || c.loops.vary(m.Name)
	}
	arns := anyText()
	if !slices.ContainsFunc(properties.Members, isComputed) {
		path, name := c.pathOf(properties.Get("Path")), c.outcomes(properties.Get("ManagedPolicyName"))
		arns = followed(followed([]string{prefix}, path), name)
	}
	for i, arn := range arns {
		if hasUnknown(arn) || isNoPolicy(arn) { // IAM gives every policy an ARN
			arns[i] = prefix + "/" + unknown
		}
	}
	return arns
}

// pathOf returns the texts of a path, which is / by default.
func (c certainty) pathOf(n template.Node) []string {
	switch _, either := branches(n); {
	case n.Kind == jsontext.KindInvalid, isNoValue(n):
		return []string{"/"}
	case either != nil:
		return union(c.pathOf(either[0]), c.pathOf(either[1]))
	}
	return c.outcomes(n)
}
