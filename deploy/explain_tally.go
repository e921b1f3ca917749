package deploy

import (
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/policy/catalogue"
)

// accessChange is what becomes of a grant when one boundary replaces another.
type accessChange uint8

// Changes. A grant that may be lost under both boundaries is unclear: other requests
// may pass.
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

func changeOf(g policy.Grant) accessChange {
	return accessChanges[g.Outcomes[0].Verdict][g.Outcomes[1].Verdict]
}

// changeSet are the changes of the grants of an action.
type changeSet uint8

func (s changeSet) has(c accessChange) bool { return s&(1<<c) != 0 }

// reasonSet are reasons why a change of an action is not certain.
type reasonSet uint8

func (s reasonSet) texts() []string {
	var all []string
	for r := policy.ReasonCondition; r <= policy.ReasonNotInSight; r++ {
		if s&(1<<r) != 0 {
			all = append(all, r.String())
		}
	}
	return all
}

// tally collects what becomes of the actions of a role. An administrator has tens of
// thousands, and an account thousands of administrators.
type tally struct {
	names   *actionNames
	actions []tallied // by number
	granted []int     // numbers of those that are granted
}

type tallied struct {
	changes changeSet // empty if it is not granted
	reasons reasonSet
}

// actionNames number actions: those of the catalogue as it does, others as they come.
type actionNames struct {
	names, services []string       // by number
	others          map[string]int // numbers of actions that are not in the catalogue
}

func newActionNames() *actionNames {
	n := &actionNames{others: map[string]int{}}
	for _, a := range catalogue.Embedded().Actions {
		n.add(a.Name)
	}
	return n
}

func (n *actionNames) add(name string) (number int) {
	service, _, _ := strings.Cut(name, ":")
	n.names, n.services = append(n.names, name), append(n.services, service)
	return len(n.names) - 1
}

func (n *actionNames) number(g policy.Grant) int {
	if g.Number >= 0 {
		return g.Number
	}
	number, known := n.others[g.Action]
	if !known {
		number = n.add(g.Action)
		n.others[g.Action] = number
	}
	return number
}

func (t *tally) add(g policy.Grant) {
	number := t.names.number(g)
	if number >= len(t.actions) {
		t.actions = append(t.actions, make([]tallied, len(t.names.names)-len(t.actions))...)
	}
	a := &t.actions[number]
	if a.changes == 0 {
		t.granted = append(t.granted, number)
	}
	change := changeOf(g)
	a.changes |= 1 << change
	if change == accessMayBeLost || change == accessMayBeGained {
		a.reasons |= 1 << max(g.Outcomes[0].Reason, g.Outcomes[1].Reason)
	}
}

// reset empties the tally for another role.
func (t *tally) reset() {
	for _, number := range t.granted {
		t.actions[number] = tallied{}
	}
	t.granted = t.granted[:0]
}

// services are those of which something changes, in order of name, and how many
// actions are unclear.
func (t *tally) services(use *roleUse) (all []explainedService, unclear int) {
	all = []explainedService{}
	byService := map[string]*explainedService{}
	reasons := map[string]reasonSet{}
	var of *explainedService
	for _, number := range t.granted {
		name := t.names.services[number]
		if of == nil || of.Service != name {
			if of = byService[name]; of == nil {
				of = &explainedService{Service: name}
				byService[name] = of
			}
		}
		of.Actions++
		unclear += of.count(t.actions[number].changes)
		if t.actions[number].reasons != 0 {
			reasons[name] |= t.actions[number].reasons
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byService)) {
		if of := byService[name]; of.changes() {
			of.Reasons = reasons[name].texts()
			of.Use = use.ofService(t, *of)
			all = append(all, *of)
		}
	}
	return all, unclear
}

// lost are the names of the actions of a service that are lost, wholly and in part,
// sorted.
func (t *tally) lost(service string) (wholly, inPart []string) {
	for _, number := range t.granted {
		switch changes := t.actions[number].changes; {
		case t.names.services[number] != service || !changes.has(accessLost):
		case changes == 1<<accessLost:
			wholly = append(wholly, t.names.names[number])
		default:
			inPart = append(inPart, t.names.names[number])
		}
	}
	slices.Sort(wholly)
	slices.Sort(inPart)
	return wholly, inPart
}
