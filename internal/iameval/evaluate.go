package iameval

import (
	"fmt"
	"strings"
)

// Request is a request of a principal. Resource is an ARN, or * for an action
// that has none. Context has the condition keys, aws:PrincipalArn included; a
// key without values is absent.
type Request struct {
	Action, Resource string
	Context          map[string][]string
}

// values are those of a condition key. Names of keys are case-insensitive.
func (r Request) values(key string) []string {
	for name, values := range r.Context {
		if strings.EqualFold(name, key) {
			return values
		}
	}
	return nil
}

// Policies are those that apply to a principal of the account in which it asks
// for its own account's resources. Policies of resources are not among them.
type Policies struct {
	Identity []*Policy
	Boundary *Policy // nil: none
	// SCPs has a list for each level of the organization, from the root to the
	// account; each must allow the request. Without levels, as in the management
	// account, there is no limit.
	SCPs [][]*Policy
	Reading
}

// Reading is how to read what IAM's documentation leaves open:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
type Reading struct {
	StarsInSegments     bool // a * that does not end its segment of an ARN matches no colon
	RegionsInSegments   bool // a * for the Region or the account matches no colon
	IncompleteARNs      bool // an ARN of less than six segments is completed with *
	InvalidWithoutValue bool // a variable without a value makes the statement invalid, not only its text
}

// Decision is the outcome and the statement that decides it, such as "scp
// DenyUnbound". If no statement decides, By says what has none that allows: an
// implicit deny.
type Decision struct {
	Allowed bool
	By      string
}

// Evaluate decides a request. An explicit deny in any policy wins; otherwise
// each level of SCPs, the boundary and the identity policies must allow it.
func Evaluate(p Policies, r Request) (Decision, error) {
	if by, err := p.find(p.all(), r, true); by != "" || err != nil {
		return Decision{By: by}, err
	}
	for i, level := range p.SCPs {
		if by, err := p.find(level, r, false); by == "" || err != nil {
			return Decision{By: fmt.Sprintf("nothing in the SCPs of level %d", i+1)}, err
		}
	}
	if p.Boundary != nil {
		if by, err := p.find([]*Policy{p.Boundary}, r, false); by == "" || err != nil {
			return Decision{By: "nothing in the boundary"}, err
		}
	}
	by, err := p.find(p.Identity, r, false)
	if by == "" || err != nil {
		return Decision{By: "nothing in the identity policies"}, err
	}
	return Decision{Allowed: true, By: by}, nil
}

func (p Policies) all() []*Policy {
	var all []*Policy
	for _, level := range p.SCPs {
		all = append(all, level...)
	}
	if p.Boundary != nil {
		all = append(all, p.Boundary)
	}
	return append(all, p.Identity...)
}

// find names the first statement that denies, or allows, a request.
func (p Policies) find(policies []*Policy, r Request, deny bool) (string, error) {
	for _, policy := range policies {
		for _, s := range policy.statements {
			matches, err := s.matches(question{r, p.Reading, policy.variables})
			if err != nil {
				return "", fmt.Errorf("%s %s: %w", policy.Name, s.sid, err)
			}
			if matches && s.deny == deny {
				return policy.Name + " " + s.sid, nil
			}
		}
	}
	return "", nil
}
