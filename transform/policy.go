package transform

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const managedPolicyType = "AWS::IAM::ManagedPolicy"

// managedPolicy is one of the template, whose ARN other values refer to.
type managedPolicy struct {
	properties span
	loops      loops
	read       bool
	name, path node
}

// notePolicy remembers a managed policy. One that a loop makes has another
// logical ID than the one that is written.
func (w *walk) notePolicy(r *resource) {
	if len(r.id) == 0 || r.transformed || len(r.loops.seen()) > w.outside {
		return
	}
	if w.plan.policies == nil {
		w.plan.policies = map[string]*managedPolicy{}
	}
	w.plan.policies[string(r.id)] = &managedPolicy{properties: r.props.span, loops: r.loops}
}

// arnOf are the texts that the ARN of a policy can be. CloudFormation makes up
// a name where there is none. Source: CloudFormation's template reference,
// AWS::IAM::ManagedPolicy.
func (c certainty) arnOf(p *managedPolicy) []string {
	p.readFrom(c.src)
	// A policy that is named after another one is none that matters.
	within := certainty{facts: &facts{src: c.src, declared: c.declared, mappings: c.mappings}, loops: p.loops, parameters: c.parameters}
	const prefix = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy"
	arns := followed(followed([]string{prefix}, within.pathOf(p.path)), within.nameOf(p.name))
	for i, arn := range arns {
		if hasUnknown(arn) || isNoPolicy(arn) { // IAM makes no policy without an ARN
			arns[i] = prefix + "/" + unknown
		}
	}
	return arns
}

// readFrom reads name and path, once for however many roles.
func (p *managedPolicy) readFrom(src []byte) {
	if p.read {
		return
	}
	p.read = true
	properties := parse(src, p.properties)
	if slices.ContainsFunc(properties.members, func(m member) bool {
		return m.name == "Ref" || strings.HasPrefix(m.name, "Fn::") || p.loops.vary(m.name)
	}) {
		p.name, p.path = node{kind: jsontext.KindBeginArray}, node{kind: jsontext.KindBeginArray} // which nobody knows
		return
	}
	p.name, p.path = properties.get("ManagedPolicyName"), properties.get("Path")
}

func (c certainty) nameOf(n node) []string {
	if mayHoldNoValue(n) {
		return anyText()
	}
	return c.texts(n)
}

// pathOf are the texts of a path, which is / where none is given.
func (c certainty) pathOf(n node) []string {
	name, argument := n.only()
	switch {
	case n.kind == jsontext.KindInvalid, isNoValue(n):
		return []string{"/"}
	case name == "Fn::If" && len(argument.elements) == 3:
		return union(c.pathOf(argument.elements[1]), c.pathOf(argument.elements[2]))
	}
	return c.nameOf(n)
}
