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

// accessChange is what becomes of a grant when one boundary replaces another.
type accessChange int

// Changes, the worst first. A grant that may be lost under both boundaries is unclear:
// other requests may pass.
const (
	accessSame accessChange = iota
	accessLost
	accessMayBeLost
	accessGained
	accessMayBeGained
	accessUnclear
)

// accessChanges says what becomes of a grant by its verdicts before and after.
var accessChanges = [...][3]accessChange{
	policy.Kept:      {policy.Kept: accessSame, policy.MayBeLost: accessMayBeLost, policy.Lost: accessLost},
	policy.MayBeLost: {policy.Kept: accessMayBeGained, policy.MayBeLost: accessUnclear, policy.Lost: accessMayBeLost},
	policy.Lost:      {policy.Kept: accessGained, policy.MayBeLost: accessMayBeGained, policy.Lost: accessSame},
}

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
	Services   []explainedService `json:"services"` // of which something changes
	Grants     []explainedGrant   `json:"grants,omitempty"`
	NotInSight []string           `json:"notInSight,omitempty"` // policies, and parts of them

	LastUseProblem string `json:"lastUseProblem,omitempty"` // why the last use of what is lost is not known

	unclear int // actions
	changes []statementChange
}

// explainedService counts actions of a service that a role is granted. One that is
// lost on some resources only is lost in part.
type explainedService struct {
	Service     string   `json:"service"`
	Actions     int      `json:"actions"`
	Lost        int      `json:"lost"`
	LostInPart  int      `json:"lostInPart"`
	MayBeLost   int      `json:"mayBeLost"`
	Gained      int      `json:"gained"`
	MayBeGained int      `json:"mayBeGained"`
	Reasons     []string `json:"reasons,omitempty"` // why some may be lost or gained

	Use *serviceUse `json:"use,omitempty"` // of what is lost
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

	change    accessChange
	uncertain policy.Reason // of a grant that may be lost under one of the boundaries
}

// statementChange is what changes of what a statement of a template grants.
type statementChange struct {
	line     int
	services []explainedService
}

// explainSummary counts roles, each where the worst of it is. Those that lose nothing
// are in sight as a whole.
type explainSummary struct {
	Roles      int `json:"roles"`
	Lose       int `json:"lose"`
	MayLose    int `json:"mayLose"`
	Gain       int `json:"gain"` // or may gain
	LoseNone   int `json:"loseNothing"`
	NotInSight int `json:"notInSight"` // some policies of these are not in sight
	Unclear    int `json:"unclear"`    // actions that may be lost under both boundaries
}

// notConsidered is what a comparison of policies says nothing about. Source: IAM
// User Guide, permissions boundaries for IAM entities, evaluating effective
// permissions.
var notConsidered = []string{
	"SCPs and RCPs, session policies and resource-based policies: they may deny what is kept",
	"grants of resource-based policies to a role's session ARN: a boundary does not limit them",
	"resource-based policies with NotPrincipal and Deny: they deny every role that has a boundary",
}

// explainer compares roles under two boundaries.
type explainer struct{ comparison *policy.Comparison }

func newExplainer(facts policy.Facts, before, after knownBoundary) explainer {
	return explainer{policy.NewComparison(catalogue.Embedded(), facts, before.document, after.document)}
}

// explain compares a role's policies under the boundaries.
func (g subject) explain(grants bool) explainedRole {
	role := explainedRole{Role: g.name, Account: g.account, Line: g.line, Services: []explainedService{}}
	if g.template != nil {
		role.Path = g.template.path
	}
	lines := g.lines()
	var documents []*policy.Document
	for _, p := range g.policies {
		switch {
		case p.document != nil:
			documents = append(documents, p.document)
		case p.problem != "":
			role.addNotInSight(p.name + ", which cannot be read: " + p.problem)
		default:
			role.addNotInSight(p.name)
		}
	}
	whole, byLine := tally{}, talliesByLine{}
	for grant := range g.comparison.Grants(documents...) {
		at := cmp.Or(lines[grant.Statement], g.line)
		if strings.HasPrefix(grant.Action, policy.NotInSight) {
			role.addNotInSight(actionsOf(at))
			continue
		}
		one := explained(grant, at)
		if grants {
			one.LastUsed = g.use.ofAction(one)
			role.Grants = append(role.Grants, one)
		}
		whole.add(one)
		if g.template != nil {
			byLine.add(at, one)
		}
	}
	role.Services, role.unclear = whole.services(g.use)
	role.changes = byLine.changes()
	role.LastUseProblem = g.use.told()
	return role
}

// lines are those of the statements that a template has.
func (g *grantee) lines() map[*policy.Statement]int {
	lines := map[*policy.Statement]int{}
	for _, p := range g.policies {
		if g.template == nil || p.document == nil || p.arn != "" {
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

func explained(g policy.Grant, line int) explainedGrant {
	before, after := g.Outcomes[0], g.Outcomes[1]
	return explainedGrant{
		Action: shownText(g.Action), Resource: shownText(g.Resource), Line: line,
		Verdict: verdictName(after.Verdict), Before: verdictName(before.Verdict),
		Reason: reasonOf(after), ByCatalogue: after.ByCatalogue,
		change:    accessChanges[before.Verdict][after.Verdict],
		uncertain: max(before.Reason, after.Reason),
	}
}

func verdictName(v policy.Verdict) string { return strings.ReplaceAll(v.String(), " ", "-") }

// tally counts the changes of grants, by service.
type tally map[string]*serviceTally

// accessCounts are numbers of grants.
type accessCounts [accessUnclear + 1]int

type serviceTally struct {
	actions map[string]*accessCounts // how many of their grants have each change
	reasons []string
}

func (t tally) add(g explainedGrant) {
	service, _, _ := strings.Cut(g.Action, ":")
	if t[service] == nil {
		t[service] = &serviceTally{actions: map[string]*accessCounts{}}
	}
	of := t[service]
	if of.actions[g.Action] == nil {
		of.actions[g.Action] = new(accessCounts)
	}
	of.actions[g.Action][g.change]++
	isUncertain := g.change == accessMayBeLost || g.change == accessMayBeGained
	if isUncertain && !slices.Contains(of.reasons, g.uncertain.String()) {
		of.reasons = append(of.reasons, g.uncertain.String())
	}
}

// services are those of which something changes, and how many actions are unclear.
func (t tally) services(use *roleUse) (all []explainedService, unclear int) {
	all = []explainedService{}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		service := explainedService{Service: name, Actions: len(t[name].actions), Reasons: t[name].reasons, Use: use.ofService(t[name], name)}
		for _, counts := range t[name].actions {
			unclear += service.count(counts)
		}
		if service.changes() {
			all = append(all, service)
		}
	}
	return all, unclear
}

// count counts an action by the changes of its grants, and returns 1 for one of which
// nothing but unclear grants is known.
func (s *explainedService) count(grants *accessCounts) (isUnclear int) {
	of := func(c accessChange) bool { return grants[c] > 0 }
	switch {
	case of(accessLost) && *grants == (accessCounts{accessLost: grants[accessLost]}):
		s.Lost++
	case of(accessLost):
		s.LostInPart++
	case of(accessMayBeLost):
		s.MayBeLost++
	case of(accessGained):
		s.Gained++
	case of(accessMayBeGained):
		s.MayBeGained++
	case of(accessUnclear):
		return 1
	}
	return 0
}

func (s explainedService) changes() bool { return s.loses() || s.mayLose() || s.gains() }
func (s explainedService) loses() bool   { return s.Lost+s.LostInPart > 0 }
func (s explainedService) mayLose() bool { return s.MayBeLost > 0 }
func (s explainedService) gains() bool   { return s.Gained+s.MayBeGained > 0 }

// talliesByLine are the tallies of the statements of a template.
type talliesByLine map[int]tally

func (t talliesByLine) add(line int, g explainedGrant) {
	if t[line] == nil {
		t[line] = tally{}
	}
	t[line].add(g)
}

func (t talliesByLine) changes() []statementChange {
	var all []statementChange
	for line, tally := range t {
		if services, _ := tally.services(nil); len(services) > 0 {
			all = append(all, statementChange{line, services})
		}
	}
	slices.SortFunc(all, func(a, b statementChange) int { return cmp.Compare(a.line, b.line) })
	return all
}

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
	}
	s.Unclear += r.unclear
}

func (r explainedRole) loses() bool { return slices.ContainsFunc(r.Services, explainedService.loses) }
