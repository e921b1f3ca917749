// Package policy compares what the policies of a role grant with what a
// permissions boundary allows. It reads no file and asks no service.
//
// [Parse] reads the JSON text of a policy. [Read] reads a tree of [Value], which
// the template of a stack may be turned into: an intrinsic function becomes a
// value of the kind [Unknown], or a text with [NotInSight] in place of what it
// yields, and [Pseudo] for AWS::Partition, AWS::AccountId and AWS::Region. An element that may be absent is Unknown; a managed policy that is not at
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
// has found for statements, as many roles have the same ones, up to a limit. It must
// not be used concurrently.
type Comparison struct {
	facts      Facts
	actions    actions
	boundaries [][]placed // nil: no boundary
	ids        int        // of statements, so far
	limit      int        // of what is remembered, in bytes, roughly
	memory
}

// memory is what a comparison remembers of documents.
type memory struct {
	size       int // in bytes, roughly
	documents  map[*Document][]placed
	statements map[string]*statement // by what they say
	resources  map[resource]match
	conditions map[pair]match
	taken      map[taken]bool
	relations  relations
}

// maxMemory is enough for all statements of a large account, and bounds one in which
// each role has its own.
const maxMemory = 64 << 20

func newMemory() memory {
	return memory{
		documents: map[*Document][]placed{}, statements: map[string]*statement{},
		resources: map[resource]match{}, conditions: map[pair]match{}, taken: map[taken]bool{},
		relations: relations{},
	}
}

// placed is a statement in its place. What it says may stand in other places, too.
type placed struct {
	*statement
	origin *Statement
}

// resource asks how a statement matches a resource of a role's statement in an
// ARN format.
type resource struct{ statement, granting, text, format int }

// pair asks how the conditions of a statement match those of a role's statement.
type pair struct{ statement, granting int }

// taken asks whether a denial of a role takes what a resource asks about.
type taken struct {
	denial int
	resource
}

// NewComparison returns a comparison with boundaries, of which nil is none. The
// catalogue says which actions a pattern stands for, and which resources an
// action has.
func NewComparison(c *catalogue.Catalogue, facts Facts, boundaries ...*Document) *Comparison {
	comparison := &Comparison{facts: facts, actions: readActions(c, facts), limit: maxMemory, memory: newMemory()}
	for _, boundary := range boundaries {
		var statements []placed
		if boundary != nil {
			statements = comparison.read(boundary)
		}
		comparison.boundaries = append(comparison.boundaries, statements)
	}
	return comparison
}

// read reads the statements of a document.
func (c *Comparison) read(d *Document) []placed {
	if statements, known := c.documents[d]; known {
		return statements
	}
	statements := []placed{} // not nil, which is no boundary
	for _, from := range d.Statements {
		statements = append(statements, placed{c.statement(from, d.variables), from})
	}
	c.documents[d] = statements
	return statements
}

// statement reads a statement, or remembers one that says the same.
func (c *Comparison) statement(from *Statement, variables bool) *statement {
	key := from.key(variables)
	s, known := c.statements[key]
	if !known {
		s = syntax{variables: variables, facts: c.facts}.statement(from, c.ids)
		c.ids++
		c.statements[key] = s
		c.size += 1024 + 8*len(key)
	}
	return s
}

// Grants yields what a role's documents grant, in the order of the documents, with
// the outcome under each boundary. It leaves out statements that apply to no request
// with the facts, what the role's own denials surely take, and actions of wildcards
// on resources that these actions do not have. If no action of a statement has any
// of its resources, the grants are of the texts of the statement.
func (c *Comparison) Grants(role ...*Document) iter.Seq[Grant] {
	if c.size+entrySize*len(c.relations) > c.limit {
		c.memory = newMemory()
	}
	var statements []placed
	var denials []*statement
	for _, d := range role {
		for _, s := range c.read(d) {
			if statements = append(statements, s); s.Effect == Deny {
				denials = append(denials, s.statement)
			}
		}
	}
	return func(yield func(Grant) bool) {
		for _, s := range statements {
			texts, _ := s.granted()
			for _, of := range c.grants(s.statement) {
				outcomes, isDenied := c.deny(s.statement, of, denials)
				if !isDenied && !yield(Grant{Statement: s.origin, Action: of.name, Number: of.action, Resource: texts[of.text], Outcomes: outcomes}) {
					return
				}
			}
		}
	}
}

// judged is a grant of a statement in a role that denies nothing.
type judged struct {
	name     string
	action   int   // in the catalogue; -1-i is the ith text of the statement
	text     int   // of granted
	formats  []int // of the resources that the requests are about; nil: not known
	outcomes []Outcome
}

// grant is a grant to be judged.
type grant struct {
	*statement // of the role
	judged
	pattern  pattern // of the action
	resource pattern // the text's
	denials  []*statement
}

// isInCatalogue reports whether the catalogue has the action.
func (g judged) isInCatalogue() bool { return g.action >= 0 }

// grants are those of a statement in a role that denies nothing.
func (c *Comparison) grants(s *statement) []judged {
	if s.isJudged || s.Effect == Deny {
		return s.grants
	}
	s.isJudged = true
	if excluded(s.conditions, s.given) {
		return nil
	}
	_, resources := s.granted()
	add := func(name string, action int) {
		for _, g := range c.withResources(grant{statement: s, judged: judged{name: name, action: action}}, resources) {
			c.judge(g)
		}
	}
	c.eachAction(s, add)
	if s.grants == nil { // the catalogue may be wrong about each of the actions
		s.eachText(add)
	}
	c.size += judgedSize * len(s.grants)
	return s.grants
}

// judgedSize is about what it takes to remember a grant, in bytes.
const judgedSize = 128

// judge adds a grant to those of its statement. Most have the outcomes of the one
// before.
func (c *Comparison) judge(g grant) {
	g.outcomes = c.outcomes(g)
	if n := len(g.grants); n > 0 && slices.Equal(g.grants[n-1].outcomes, g.outcomes) {
		g.outcomes = g.grants[n-1].outcomes
	}
	g.statement.grants = append(g.statement.grants, g.judged)
}

// eachAction calls add with each action that a statement grants: those of the
// catalogue, and patterns that match none of them.
func (c *Comparison) eachAction(s *statement, add func(name string, action int)) {
	seen := make([]bool, len(c.actions.list))
	addKnown := func(number int) {
		if !seen[number] {
			seen[number] = true
			add(c.actions.list[number].name, number)
		}
	}
	if s.actions.except {
		for number, m := range c.matchActions(s) {
			if m.certainty != none {
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
			add(s.Actions.Texts[i], -1-i)
		}
	}
}

// eachText calls add with each text of a statement's actions; * for NotAction.
func (s *statement) eachText(add func(name string, action int)) {
	if s.actions.except {
		add("*", -1)
		return
	}
	for i, text := range s.Actions.Texts {
		add(text, -1-i)
	}
}

// actionPattern is the pattern of an action that a statement grants.
func (c *Comparison) actionPattern(s *statement, action int) pattern {
	switch {
	case action >= 0:
		return c.actions.list[action].pattern
	case s.actions.except:
		return anything
	}
	return s.actions.list[-1-action]
}

// deny applies a role's denials to a grant.
func (c *Comparison) deny(s *statement, of judged, denials []*statement) (outcomes []Outcome, isDenied bool) {
	if len(denials) == 0 {
		return of.outcomes, false
	}
	g := grant{statement: s, judged: of, pattern: c.actionPattern(s, of.action)}
	for _, denial := range denials {
		if c.matchAction(denial, g).certainty == all {
			g.denials = append(g.denials, denial)
		}
	}
	if g.denials == nil {
		return of.outcomes, false
	}
	_, resources := s.granted()
	g.resource = resources[of.text]
	if c.isDenied(g) {
		return nil, true
	}
	if slices.ContainsFunc(of.outcomes, Outcome.mayChange) {
		return c.outcomes(g), false
	}
	return of.outcomes, false
}

// mayChange reports whether the role's own denials may make an outcome more certain.
func (o Outcome) mayChange() bool { return o.Verdict == MayBeLost || o.ByCatalogue }

// granted are the resources that a statement of a role grants at most.
func (s *statement) granted() (texts []string, resources []pattern) {
	if s.resources.except {
		return []string{"*"}, []pattern{anything}
	}
	return s.Resources.Texts, s.resources.list
}

// aligned is one of these resources for a known format.
func (s *statement) aligned(text int) pattern {
	if s.resources.except {
		return anything
	}
	return s.resources.aligned[text]
}

// withResources are the grants of an action, one for each of the resources that
// the action has. If it has none of them, the catalogue may be wrong about it,
// unless the action is only of a wildcard.
func (c *Comparison) withResources(g grant, resources []pattern) []grant {
	var all, unknown []grant
	g.pattern = c.actionPattern(g.statement, g.action)
	for text, resource := range resources {
		g.text, g.resource, g.formats = text, resource, nil
		unknown = append(unknown, g)
		if !g.isInCatalogue() {
			continue
		}
		isOf := false
		for _, format := range c.actions.list[g.action].formats {
			isOf = isOf || c.relations.overlaps(c.actions.formats[format], resource)
			if c.relations.overlaps(c.actions.formats[format], g.aligned(text)) {
				g.formats = append(g.formats, format)
			}
		}
		if isOf {
			all = append(all, g)
		}
	}
	if all == nil && (!g.isInCatalogue() || g.names(g.pattern)) {
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
	return m.and(c.matchConditions(s, g.statement))
}

func (c *Comparison) matchAction(s *statement, g grant) match {
	if !g.isInCatalogue() {
		return s.matchAction(g.pattern)
	}
	return c.matchActions(s)[g.action]
}

// matchActions returns how a statement matches each action of the catalogue.
func (c *Comparison) matchActions(s *statement) []match {
	if s.byAction == nil {
		s.byAction = c.actions.match(s.actions)
		c.size += 2 * len(s.byAction)
	}
	return s.byAction
}

// matchConditions returns for which requests of a role's statement the conditions of
// another one hold, and its variables have values.
func (c *Comparison) matchConditions(s, granting *statement) match {
	if s.conditions == nil && s.variables == nil {
		return match{certainty: all}
	}
	key := pair{s.id, granting.id}
	m, known := c.conditions[key]
	if !known {
		m = s.matchConditions(granting.given).and(s.matchVariables(granting.variables))
		c.conditions[key] = m
		c.size += entrySize
	}
	return m
}

// entrySize is about what it takes to remember an answer, in bytes.
const entrySize = 96

func (c *Comparison) matchResource(s *statement, g grant, format int) match {
	key := resource{s.id, g.id, g.text, format}
	m, known := c.resources[key]
	if !known {
		m = s.resources.match(c.target(g, format))
		c.resources[key] = m
		c.size += entrySize
	}
	return m
}

// target is what the requests of a grant are about that have resources in a format.
func (c *Comparison) target(g grant, format int) target {
	if format == anyFormat {
		return target{g.resource, nil, c.relations}
	}
	return target{g.aligned(g.text), &c.actions.formats[format], c.relations}
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
func (c *Comparison) outcomeByFormats(boundary []placed, g grant) Outcome {
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
func (c *Comparison) outcome(boundary []placed, g grant, format int) Outcome {
	var allow, deny match
	var allowing, denying *Statement
	for _, s := range boundary {
		m := c.match(s.statement, g, format)
		if s.Effect == EffectNotInSight {
			m = m.and(match{possible, ReasonNotInSight})
		}
		if s.Effect == Deny && m.certainty == all {
			return Outcome{Verdict: Lost, By: s.origin}
		}
		if s.Effect != Allow && m.certainty > deny.certainty && !c.roleDenies(s.statement, g, format) {
			deny, denying = m, s.origin
		}
		if s.Effect != Deny && m.certainty > allow.certainty {
			allow, allowing = m, s.origin
		}
	}
	switch {
	case allow.certainty == none:
		return Outcome{Verdict: Lost}
	case allow.certainty == possible:
		return Outcome{Verdict: MayBeLost, Reason: allow.reason, By: allowing}
	case deny.certainty == possible:
		return Outcome{Verdict: MayBeLost, Reason: deny.reason, By: denying}
	}
	return Outcome{Verdict: Kept, By: allowing}
}

// roleDenies reports whether the role itself surely denies whatever a statement of
// the boundary denies of a grant's requests about resources in a format.
func (c *Comparison) roleDenies(s *statement, g grant, format int) bool {
	return slices.ContainsFunc(g.denials, func(denial *statement) bool {
		key := taken{denial.id, resource{s.id, g.id, g.text, format}}
		takes, known := c.taken[key]
		if !known {
			takes = denial.takes(s, c.target(g, format))
			c.taken[key] = takes
			c.size += entrySize
		}
		return takes
	})
}
