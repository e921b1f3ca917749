// Package policy compares what the policies of a role grant with what a
// permissions boundary allows. It reads no file and asks no service.
//
// [Parse] reads the JSON text of a policy. [Read] reads a tree of [Value], which
// the template of a stack may be turned into: an intrinsic function becomes a
// value of the kind [Unknown], or a text with [NotInSight] in place of what it
// yields. ${AWS::Partition}, ${AWS::AccountId} and ${AWS::Region} stay as they
// are. An element that may be absent is Unknown; a managed policy that is not at
// hand is [DocumentNotInSight].
//
// [NewComparison] takes the boundaries, and [Comparison.Grants] yields the grants of
// a role: its actions, one by one, on each of its resources. Under each boundary a
// grant is [Kept], [Lost], or [MayBeLost] with a [Reason]. What changes from one
// boundary to another are the grants whose verdicts differ.
//
// Kept and Lost are proofs: every request that the grant allows and that the
// role's own policies do not deny is allowed by the boundary, or none is. They hold
// in each way to read what AWS leaves open (see [Outcome.ByCatalogue] for what
// rests on the catalogue). They are about the same account, and about roles: SCPs,
// RCPs, session policies and the policies of resources are not considered. A
// condition with an operator for single values is taken to be on a key that has
// one.
//
// The other direction is incomplete. Patterns of the boundary that only together
// match all that the role grants leave a grant MayBeLost.
package policy

import (
	"encoding/binary"
	"iter"
	"slices"

	"permissions-boundary-macro/policy/catalogue"
)

// Grant is an action on resources that a statement of a role allows. The role's
// own denials may take a part of it, but surely not all.
type Grant struct {
	Statement *Statement // of the role
	// Action is as AWS spells it, or a text of the statement that matches no action
	// of the catalogue: a pattern, or one with a part that is not in sight.
	Action   string
	Number   int       // of the action in the catalogue; negative if it is not there
	Resource string    // a text of the statement; * for NotResource
	Outcomes []Outcome // under each boundary
}

// Outcome is what a boundary does with the requests of a grant.
type Outcome struct {
	Verdict Verdict
	Reason  Reason     // of MayBeLost
	By      *Statement // of the boundary; nil if no statement decides, as when nothing allows
	// ByCatalogue says that the verdict rests on the ARN formats that the catalogue
	// has for the action, and on wildcards for Region and account matching no more
	// than these, that is on no resource whose name looks like the end of another
	// ARN. Without, it would be MayBeLost. An outdated catalogue may make it wrong.
	ByCatalogue bool
}

// Verdict is a proof, unless it is MayBeLost.
type Verdict uint8

// Verdicts about a grant.
const (
	Kept      Verdict = iota // the boundary allows every request
	MayBeLost                // some requests may pass, or none, or all
	Lost                     // the boundary allows no request
)

func (v Verdict) String() string { return [...]string{"kept", "may be lost", "lost"}[v] }

// Reason is why it is not certain that a grant is kept or lost.
type Reason uint8

// Reasons. Of several that one statement has, the last one is given.
const (
	_                Reason = iota
	ReasonCondition         // it depends on a condition
	ReasonResources         // a statement is about a part of the resources
	ReasonVariable          // it depends on a policy variable
	ReasonAction            // a statement is about a part of what the action pattern matches
	ReasonNotInSight        // it depends on what is not in sight
)

func (r Reason) String() string {
	return [...]string{"", "a condition", "part of the resources", "a variable", "part of the action pattern", "not in sight"}[r]
}

// Comparison compares the policies of roles with boundaries. It remembers what it
// has found for a document, so a text that many roles have should be parsed once.
// It must not be used concurrently.
type Comparison struct {
	facts      Facts
	actions    actions
	boundaries [][]*statement // nil: no boundary
	statements int            // how many have an id
	documents  map[*Document][]*statement
	grants     map[string][]Grant // by the ids of a document's statements and of the denials
	resources  map[resource]match
}

// resource asks how a statement matches a resource of a role's statement in an
// ARN format.
type resource struct{ statement, granting, text, format int }

// NewComparison returns a comparison with boundaries, of which nil is none. The
// catalogue says which actions a pattern stands for, and which resources an
// action has.
func NewComparison(c *catalogue.Catalogue, facts Facts, boundaries ...*Document) *Comparison {
	comparison := &Comparison{
		facts: facts, actions: readActions(c, facts),
		documents: map[*Document][]*statement{}, grants: map[string][]Grant{},
		resources: map[resource]match{},
	}
	for _, boundary := range boundaries {
		var statements []*statement
		if boundary != nil {
			statements = comparison.read(boundary)
		}
		comparison.boundaries = append(comparison.boundaries, statements)
	}
	return comparison
}

// read reads the statements of a document.
func (c *Comparison) read(d *Document) []*statement {
	if statements, known := c.documents[d]; known {
		return statements
	}
	statements := []*statement{} // not nil, which is no boundary
	for _, from := range d.Statements {
		s := syntax{variables: d.variables, template: d.template, facts: c.facts}.statement(from, c.statements)
		c.statements++
		statements = append(statements, s)
	}
	c.documents[d] = statements
	return statements
}

// Grants yields what a role's documents grant, in the order of the documents, with
// the outcome under each boundary. It leaves out statements that apply to no request
// with the facts, what the role's own denials surely take, and actions of wildcards on resources that these actions do not have.
func (c *Comparison) Grants(role ...*Document) iter.Seq[Grant] {
	var denials []*statement
	for _, d := range role {
		for _, s := range c.read(d) {
			if s.Effect == Deny {
				denials = append(denials, s)
			}
		}
	}
	return func(yield func(Grant) bool) {
		for _, d := range role {
			for _, g := range c.documentGrants(c.read(d), denials) {
				if !yield(g) {
					return
				}
			}
		}
	}
}

// documentGrants are the grants of a document in a role with denials.
func (c *Comparison) documentGrants(statements, denials []*statement) []Grant {
	var key []byte
	for _, s := range slices.Concat(statements, denials) {
		key = binary.AppendUvarint(key, uint64(s.id))
	}
	grants, known := c.grants[string(key)]
	if known {
		return grants
	}
	for _, s := range statements {
		if s.Effect != Deny && !excluded(s.conditions, s.given) {
			grants = append(grants, c.statementGrants(s, denials)...)
		}
	}
	c.grants[string(key)] = grants
	return grants
}

// grant is a grant to be judged.
type grant struct {
	*statement         // of the role
	action     int     // in the catalogue, or notInCatalogue
	pattern    pattern // of the action
	text       int     // of granted
	resource   pattern // the text's
	formats    []int   // of the resources that the requests are about; nil: not known
	denials    []*statement
}

const notInCatalogue = -1

// statementGrants are the grants of an allowing statement.
func (c *Comparison) statementGrants(s *statement, denials []*statement) []Grant {
	var grants []Grant
	texts, resources := s.granted()
	c.eachAction(s, func(name string, g grant) {
		g.statement, g.denials = s, denials
		for _, g := range c.withResources(g, resources) {
			if !c.isDenied(g) {
				grants = append(grants, Grant{Statement: s.Statement, Action: name, Number: g.action, Resource: texts[g.text], Outcomes: c.outcomes(g)})
			}
		}
	})
	return grants
}

// eachAction calls add with each action that a statement grants: those of the
// catalogue, and patterns that match none of them.
func (c *Comparison) eachAction(s *statement, add func(name string, g grant)) {
	seen := make([]bool, len(c.actions.list))
	addKnown := func(number int) {
		if known := c.actions.list[number]; !seen[number] {
			seen[number] = true
			add(known.name, grant{action: number, pattern: known.pattern})
		}
	}
	if s.actions.except {
		for number := range c.actions.list {
			if c.matchAction(s, grant{action: number}).certainty != none {
				addKnown(number)
			}
		}
		return
	}
	for i, p := range s.actions.list {
		numbers := c.actions.matched(p)
		for _, number := range numbers {
			addKnown(number)
		}
		if numbers == nil {
			add(s.Actions.Texts[i], grant{action: notInCatalogue, pattern: p})
		}
	}
}

// granted are the resources that a statement of a role grants at most.
func (s *statement) granted() (texts []string, resources []pattern) {
	if s.resources.except {
		return []string{"*"}, []pattern{anything}
	}
	return s.Resources.Texts, s.resources.list
}

// withResources are the grants of an action, one for each of the resources that
// the action has. If it has none of them, the catalogue may be wrong about it,
// unless the action is only of a wildcard.
func (c *Comparison) withResources(g grant, resources []pattern) []grant {
	var all, unknown []grant
	for text, resource := range resources {
		g.text, g.resource, g.formats = text, resource, nil
		unknown = append(unknown, g)
		if g.action == notInCatalogue {
			continue
		}
		isOf := false
		for _, format := range c.actions.list[g.action].formats {
			isOf = isOf || overlaps(c.actions.formats[format], resource)
			if overlaps(c.actions.formats[format], resource.aligned()) {
				g.formats = append(g.formats, format)
			}
		}
		if isOf {
			all = append(all, g)
		}
	}
	if all == nil && (g.action == notInCatalogue || g.names(g.pattern)) {
		return unknown
	}
	return all
}

// names reports whether a statement names an action without wildcards.
func (s *statement) names(action pattern) bool {
	return slices.ContainsFunc(s.actions.list, func(p pattern) bool { return slices.Equal(p.symbols, action.symbols) })
}

// isDenied reports whether the role's own denials surely take the whole grant.
func (c *Comparison) isDenied(g grant) bool {
	isDeniedIn := func(format int) bool {
		return slices.ContainsFunc(g.denials, func(s *statement) bool { return c.match(s, g, format).certainty == all })
	}
	return len(g.denials) > 0 && (isDeniedIn(anyFormat) ||
		g.formats != nil && !slices.ContainsFunc(g.formats, func(format int) bool { return !isDeniedIn(format) }))
}

// anyFormat is the format of resources of which the format is not known.
const anyFormat = -1

// match returns how a statement matches the requests of a grant that are about
// resources in a format.
func (c *Comparison) match(s *statement, g grant, format int) match {
	m := c.matchAction(s, g)
	if m.certainty == none {
		return m
	}
	if m = m.and(c.matchResource(s, g, format)); m.certainty == none {
		return m
	}
	return m.and(s.matchConditions(g.given)).and(s.matchVariables(g.variables))
}

func (c *Comparison) matchAction(s *statement, g grant) match {
	if g.action == notInCatalogue {
		return s.matchAction(g.pattern)
	}
	if s.byAction == nil {
		s.byAction = c.actions.match(s.actions)
	}
	return s.byAction[g.action]
}

func (c *Comparison) matchResource(s *statement, g grant, format int) match {
	key := resource{s.id, g.id, g.text, format}
	m, known := c.resources[key]
	if !known {
		m = s.resources.match(c.target(g, format))
		c.resources[key] = m
	}
	return m
}

// target is what the requests of a grant are about that have resources in a format.
func (c *Comparison) target(g grant, format int) target {
	if format == anyFormat {
		return target{named: g.resource}
	}
	return target{g.resource.aligned(), &c.actions.formats[format]}
}

// outcomes are those of a grant under each boundary.
func (c *Comparison) outcomes(g grant) []Outcome {
	outcomes := make([]Outcome, 0, len(c.boundaries))
	for _, boundary := range c.boundaries {
		if boundary == nil {
			outcomes = append(outcomes, Outcome{Verdict: Kept})
			continue
		}
		outcome := c.outcome(boundary, g, anyFormat)
		if outcome.Verdict == MayBeLost && g.formats != nil {
			outcome = c.outcomeByFormats(boundary, g)
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes
}

// outcomeByFormats is the outcome for requests about the resources that the
// catalogue says there are.
func (c *Comparison) outcomeByFormats(boundary []*statement, g grant) Outcome {
	var whole Outcome
	for i, format := range g.formats {
		outcome := c.outcome(boundary, g, format)
		switch {
		case outcome.Verdict == MayBeLost:
			return outcome
		case i > 0 && outcome.Verdict != whole.Verdict:
			return Outcome{Verdict: MayBeLost, Reason: ReasonResources, By: outcome.By}
		}
		whole = outcome
	}
	whole.ByCatalogue = true
	return whole
}

// outcome is the outcome for requests about resources in a format.
func (c *Comparison) outcome(boundary []*statement, g grant, format int) Outcome {
	var allow, deny match
	var allowing, denying *statement
	for _, s := range boundary {
		m := c.match(s, g, format)
		if s.Effect == EffectNotInSight {
			m = m.and(match{possible, ReasonNotInSight})
		}
		if s.Effect == Deny && m.certainty == all {
			return Outcome{Verdict: Lost, By: s.Statement}
		}
		if s.Effect != Allow && m.certainty > deny.certainty && !c.roleDenies(s, g, format) {
			deny, denying = m, s
		}
		if s.Effect != Deny && m.certainty > allow.certainty {
			allow, allowing = m, s
		}
	}
	switch {
	case allow.certainty == none:
		return Outcome{Verdict: Lost}
	case allow.certainty == possible:
		return Outcome{Verdict: MayBeLost, Reason: allow.reason, By: allowing.Statement}
	case deny.certainty == possible:
		return Outcome{Verdict: MayBeLost, Reason: deny.reason, By: denying.Statement}
	}
	return Outcome{Verdict: Kept, By: allowing.Statement}
}

// roleDenies reports whether the role itself surely denies whatever a statement of
// the boundary denies of a grant's requests about resources in a format.
func (c *Comparison) roleDenies(s *statement, g grant, format int) bool {
	return slices.ContainsFunc(g.denials, func(denial *statement) bool {
		return c.matchAction(denial, g).certainty == all && denial.takes(s, c.target(g, format))
	})
}
