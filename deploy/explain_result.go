package deploy

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/policy/catalogue"
)

// explanation is the result of pbm explain, without the roles that are in it: they
// are explained one by one while they are printed, because their grants may take
// gigabytes.
type explanation struct {
	Boundary      string            `json:"permissionsBoundary"`
	Against       string            `json:"against"`
	Context       map[string]string `json:"context,omitempty"` // condition keys that all requests have
	Roles         []explainedRole   `json:"roles"`             // all that were read
	Summary       explainSummary    `json:"summary"`
	NotConsidered []string          `json:"notConsidered"`
	Catalogue     string            `json:"catalogue"` // date of the list of actions

	subjects []subject
}

// subject is a role to explain.
type subject struct {
	*grantee
	explainer
	use *roleUse // nil if it is not asked for
}

func newExplanation(before, after string, context map[string]string) explanation {
	return explanation{
		Boundary: after, Against: before, Context: context, Roles: []explainedRole{},
		NotConsidered: slices.Clone(notConsidered), Catalogue: catalogue.Embedded().Date,
	}
}

func (e *explanation) add(g *grantee, by explainer) {
	e.subjects = append(e.subjects, subject{grantee: g, explainer: by})
}

// mentions reports whether any of the policies is about a condition key.
func (e *explanation) mentions(key string) bool {
	return slices.ContainsFunc(e.subjects, func(s subject) bool {
		isAbout := func(d *policy.Document) bool { return d != nil && d.Mentions(key) }
		return isAbout(s.before) || isAbout(s.after) || slices.ContainsFunc(s.policies, func(p grantedPolicy) bool { return isAbout(p.document) })
	})
}

// roles explains the roles, with their grants if they are asked for, and counts them.
func (e *explanation) roles(grants bool) iter.Seq[explainedRole] {
	return func(yield func(explainedRole) bool) {
		e.Summary = explainSummary{}
		for _, s := range e.subjects {
			role := s.explain(grants)
			e.Summary.count(role)
			if !yield(role) {
				return
			}
		}
	}
}

// explainedRole says what a boundary takes from a role.
type explainedRole struct {
	Role       string             `json:"role"` // logical ID in a template, or name
	Account    string             `json:"account,omitempty"`
	Path       string             `json:"path,omitempty"`
	Line       int                `json:"line,omitempty"`
	Now        string             `json:"now,omitempty"` // its boundary, if it is explained against that
	Services   []explainedService `json:"services"`      // of which something changes
	Grants     []explainedGrant   `json:"grants,omitempty"`
	NotInSight []string           `json:"notInSight"` // policies, and parts of them

	LastUseProblem string `json:"lastUseProblem,omitempty"` // why the last use of what is lost is not known

	unclear int // actions
}

// explainedGrant is an action on a resource that a role is granted.
type explainedGrant struct {
	Action      string `json:"action"`
	Resource    string `json:"resource"`
	Verdict     string `json:"verdict"` // kept, lost, may-be-lost
	Before      string `json:"before"`  // the verdict under the boundary before
	Reason      string `json:"reason,omitempty"`
	ByCatalogue bool   `json:"byCatalogue,omitempty"` // the verdict rests on the list of actions
	Line        int    `json:"line,omitempty"`        // of the statement, or of the role
	LastUsed    string `json:"lastUsed,omitempty"`    // of what is lost: a date, never, or not-tracked

	change accessChange
}

// statementChange is what changes of what a statement of a template grants.
type statementChange struct {
	line     int
	services []explainedService
}

// explainSummary counts roles, each once from Lose to Uncertain. Those that lose
// nothing are in sight as a whole.
type explainSummary struct {
	Roles      int `json:"roles"`
	Lose       int `json:"lose"`
	MayLose    int `json:"mayLose"`
	Gain       int `json:"gain"` // or may gain
	LoseNone   int `json:"loseNothing"`
	Uncertain  int `json:"uncertain"`  // lose nothing that is in sight and clear
	NotInSight int `json:"notInSight"` // of all these: some of their policies are not in sight
	Unclear    int `json:"unclear"`    // actions that may be lost under both boundaries
}

// notConsidered is what a comparison of policies says nothing about. Source: IAM
// User Guide, permissions boundaries for IAM entities, evaluating effective
// permissions.
var notConsidered = []string{
	"SCPs, RCPs, session policies and resource-based policies: they may deny what is kept",
	"what resource-based policies grant: to the ARN of a role a boundary limits that, too; to the ARN of a session it does not",
	"resource-based policies with NotPrincipal and Deny: they deny every role that has a boundary",
}

// explainer compares roles under two boundaries.
type explainer struct {
	before, after *policy.Document // nil for no boundary
	comparison    *policy.Comparison
	tally         *tally // of the role that is explained
}

func newExplainer(facts policy.Facts, before, after knownBoundary) explainer {
	return explainer{
		before.document, after.document,
		policy.NewComparison(catalogue.Embedded(), facts, before.document, after.document),
		&tally{names: newActionNames()},
	}
}

// explain compares a role's policies under the boundaries.
func (s subject) explain(grants bool) explainedRole {
	role := explainedRole{Role: s.name, Account: s.account, Line: s.line, Now: s.now, NotInSight: []string{}}
	if s.template != nil {
		role.Path = s.template.path
	}
	for _, p := range s.policies {
		switch {
		case p.document != nil:
		case p.problem != "":
			role.addNotInSight(p.name + ", which cannot be read: " + p.problem)
		default:
			role.addNotInSight(p.name)
		}
	}
	s.tally.reset()
	for grant, line := range s.grants() {
		if strings.HasPrefix(grant.Action, policy.NotInSight) {
			role.addNotInSight(actionsOf(line))
			continue
		}
		s.tally.add(grant)
		if grants {
			role.Grants = append(role.Grants, s.explained(grant, line))
		}
	}
	role.Services, role.unclear = s.tally.services(s.use)
	role.LastUseProblem = s.use.told()
	return role
}

// grants yields what the role's policies grant, with the line of the statement.
func (s subject) grants() iter.Seq2[policy.Grant, int] {
	lines := s.lines()
	var documents []*policy.Document
	for _, p := range s.policies {
		if p.document != nil {
			documents = append(documents, p.document)
		}
	}
	return func(yield func(policy.Grant, int) bool) {
		for grant := range s.comparison.Grants(documents...) {
			line := s.line
			if lines != nil {
				line = cmp.Or(lines[grant.Statement], line)
			}
			if !yield(grant, line) {
				return
			}
		}
	}
}

// statements says what changes of what the role's statements grant, by line.
func (s subject) statements() []statementChange {
	byLine := map[int]*tally{}
	for grant, line := range s.grants() {
		if strings.HasPrefix(grant.Action, policy.NotInSight) {
			continue
		}
		if byLine[line] == nil {
			byLine[line] = &tally{names: s.tally.names}
		}
		byLine[line].add(grant)
	}
	var all []statementChange
	for _, line := range slices.Sorted(maps.Keys(byLine)) {
		services, _ := byLine[line].services(nil)
		for i := range services {
			if services[i].Lost+services[i].LostInPart <= maxNamed {
				wholly, inPart := byLine[line].lost(services[i].Service)
				services[i].lost = append(wholly, inPart...)
			}
		}
		if len(services) > 0 {
			all = append(all, statementChange{line, services})
		}
	}
	return all
}

// lines are those of the statements that a template has.
func (g *grantee) lines() map[*policy.Statement]int {
	if g.template == nil {
		return nil
	}
	lines := map[*policy.Statement]int{}
	for _, p := range g.policies {
		if p.document == nil || p.arn != "" {
			continue
		}
		for _, s := range p.document.Statements {
			lines[s] = g.template.Line(s.Offset + len("{"))
		}
	}
	return lines
}

func (r *explainedRole) addNotInSight(what string) {
	if !slices.Contains(r.NotInSight, what) {
		r.NotInSight = append(r.NotInSight, what)
	}
}

func (s subject) explained(g policy.Grant, line int) explainedGrant {
	before, after := g.Outcomes[0], g.Outcomes[1]
	return explainedGrant{
		Action: shownText(g.Action), Resource: shownText(g.Resource), Line: line,
		Verdict: verdictName(after.Verdict), Before: verdictName(before.Verdict),
		Reason: s.reasonOf(after), ByCatalogue: after.ByCatalogue,
		LastUsed: s.use.ofGrant(g),
		change:   changeOf(g),
	}
}

func verdictName(v policy.Verdict) string { return strings.ReplaceAll(v.String(), " ", "-") }

// count counts a role.
func (s *explainSummary) count(r explainedRole) {
	s.Roles++
	if len(r.NotInSight) > 0 {
		s.NotInSight++
	}
	switch {
	case r.loses():
		s.Lose++
	case slices.ContainsFunc(r.Services, explainedService.mayLose):
		s.MayLose++
	case slices.ContainsFunc(r.Services, explainedService.gains):
		s.Gain++
	case len(r.NotInSight) == 0 && r.unclear == 0:
		s.LoseNone++
	default:
		s.Uncertain++
	}
	s.Unclear += r.unclear
}

func (r explainedRole) loses() bool { return slices.ContainsFunc(r.Services, explainedService.loses) }
