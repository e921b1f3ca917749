package rules

import (
	"slices"
	"strings"

	"permissions-boundary-macro/transform/template"

	"github.com/go-json-experiment/json/jsontext"
)

// managedPolicy is one of the template, whose ARN other values refer to.
type managedPolicy struct {
	id         string
	properties template.Span
	loops      loops
	arns       []string // nil until somebody asks
}

// notePolicies takes note of the managed policies and the permission sets, which
// other resources refer to. Of a logical ID that is given twice, the last one
// counts.
func (in *inspector) notePolicies(repeated [][]resourceID) {
	replaced := map[int]bool{} // by where the logical ID is
	for _, all := range repeated {
		for _, id := range all[:len(all)-1] {
			replaced[int(id.start)] = true
		}
	}
	in.policies, in.permissionSets = map[string]*managedPolicy{}, map[string]bool{}
	for i := range in.resources {
		switch r := &in.resources[i]; {
		case r.typ == permissionSetType:
			in.permissionSets[string(r.id)] = true
		case r.typ == managedPolicyType && !replaced[r.nameAt.Start] && in.isReferable(r):
			in.policies[string(r.id)] = &managedPolicy{id: string(r.id), properties: r.props.Span, loops: r.loops}
		}
	}
}

// isReferable reports whether the logical ID of a policy is the one that is
// written, unlike that of one in a loop, and all of the policy is in sight.
func (in *inspector) isReferable(r *resource) bool {
	return len(r.id) > 0 && !r.transformed && !r.twice && !r.generated && len(r.loops.seen()) == in.outside
}

// varyingID is a logical ID that loops make. The resource takes the place of
// another one with that ID, for the last one counts.
type varyingID struct {
	text  string
	loops loops
}

// maxVaryingIDs bounds how many are looked at, so that the time stays linear:
// beyond them, any policy is taken to be replaced.
const maxVaryingIDs = 10

func (c *collector) noteVaryingID(name []byte) {
	if len(c.replacing) <= maxVaryingIDs && c.loops.vary(string(name)) {
		c.replacing = append(c.replacing, varyingID{string(name), c.loops})
	}
}

// mayBeReplaced reports whether a loop may make another resource of a policy.
func (f *facts) mayBeReplaced(p *managedPolicy) bool {
	return len(f.replacing) > maxVaryingIDs ||
		slices.ContainsFunc(f.replacing, func(v varyingID) bool { return v.loops.couldBe(v.text, p.id) })
}

// arnOf are the texts that the ARN of a policy can be. CloudFormation makes up
// a name where there is none. Source: CloudFormation's template reference,
// AWS::IAM::ManagedPolicy.
func (c certainty) arnOf(p *managedPolicy) []string {
	if p.arns == nil && c.mayBeReplaced(p) {
		p.arns = anyText()
	}
	if p.arns == nil {
		within := *c.facts
		within.policies = nil // a policy that is named after another one is none that matters
		of := certainty{facts: &within, loops: p.loops, parameters: c.parameters}
		p.arns = of.arnsMade(template.NodeAt(c.src, p.properties))
	}
	return p.arns
}

// arnsMade are the ARNs that a policy's properties make.
func (c certainty) arnsMade(properties template.Node) []string {
	const prefix = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy"
	isMade := func(m template.Member) bool {
		return m.Name == "Ref" || strings.HasPrefix(m.Name, "Fn::") || c.loops.vary(m.Name)
	}
	arns := anyText()
	if !slices.ContainsFunc(properties.Members, isMade) {
		path, name := c.pathOf(properties.Get("Path")), c.nameOf(properties.Get("ManagedPolicyName"))
		arns = followed(followed([]string{prefix}, path), name)
	}
	for i, arn := range arns {
		if hasUnknown(arn) || isNoPolicy(arn) { // IAM makes no policy without an ARN
			arns[i] = prefix + "/" + unknown
		}
	}
	return arns
}

func (c certainty) nameOf(n template.Node) []string {
	if mayHoldNoValue(n) {
		return anyText()
	}
	return c.texts(n)
}

// pathOf are the texts of a path, which is / where none is given.
func (c certainty) pathOf(n template.Node) []string {
	name, argument := n.Only()
	switch {
	case n.Kind == jsontext.KindInvalid, isNoValue(n):
		return []string{"/"}
	case name == "Fn::If" && len(argument.Elements) == 3:
		return union(c.pathOf(argument.Elements[1]), c.pathOf(argument.Elements[2]))
	}
	return c.nameOf(n)
}
