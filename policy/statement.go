package policy

import (
	"fmt"
	"slices"
	"strings"
)

// certainty says which of a set of requests a statement matches.
type certainty uint8

const (
	none     certainty = iota // surely none
	possible                  // some or all, or it is not known
	all                       // surely all
)

// match is how a statement matches requests, and why that is no more than
// possible.
type match struct {
	certainty
	reason Reason
}

// and is the match of two things that must both match. Of two reasons the later
// one is given.
func (m match) and(n match) match {
	if n.certainty < m.certainty || n.certainty == m.certainty && n.reason > m.reason {
		return n
	}
	return m
}

// statement is a statement whose texts are read.
type statement struct {
	*Statement
	id         int // unique in a comparison
	actions    patterns
	resources  patterns
	conditions []condition
	given      []condition // hold for every request that it matches
	variables  []string    // those that a request may lack; NotInSight if there may be others
	byAction   []match     // how it matches each action of the catalogue; nil until asked
	isJudged   bool
	grants     []judged // once it is judged
}

// patterns are those of Action or NotAction, Resource or NotResource.
type patterns struct {
	except  bool
	list    []pattern
	aligned []pattern // for resources in a known format
}

// key is the same for statements that say the same.
func (s *Statement) key(variables bool) string {
	return fmt.Sprintf("%t %d %t %q %t %q %q", variables, s.Effect, s.Actions.Except, s.Actions.Texts, s.Resources.Except, s.Resources.Texts, s.Conditions)
}

func (s syntax) statement(from *Statement, id int) *statement {
	read := &statement{Statement: from, id: id, conditions: s.conditions(from)}
	read.actions.except = from.Actions.Except
	for _, text := range from.Actions.Texts {
		read.actions.list = append(read.actions.list, syntax{wildcards: true}.pattern(strings.ToLower(text)))
	}
	read.resources.except = from.Resources.Except
	resources := s
	resources.wildcards, resources.arn = true, true
	for _, text := range from.Resources.Texts {
		p := resources.pattern(text)
		aligned := p.aligned()
		p.id = patternID{id, len(read.resources.list) + 1, false}
		aligned.id = patternID{id, len(read.resources.list) + 1, true}
		read.resources.list = append(read.resources.list, p)
		read.resources.aligned = append(read.resources.aligned, aligned)
	}
	read.given = append(s.facts.conditions(), read.conditions...)
	read.variables = s.withoutValue(read)
	return read
}

// withoutValue are the variables of a statement that a request may lack: not
// pseudo parameters, nor what has a default. What is not in sight may have some.
func (s syntax) withoutValue(of *statement) []string {
	texts := slices.Clone(of.resources.list)
	for _, c := range of.conditions {
		texts = append(texts, c.values...)
	}
	var names []string
	for _, p := range texts {
		if p.notInSight {
			names = append(names, NotInSight)
		}
		for _, name := range p.variables {
			if !strings.HasPrefix(name, pseudoSign) && !strings.Contains(name, ",") {
				names = append(names, name)
			}
		}
	}
	return names
}

// target is what requests are about: resources that match both patterns. If the
// format is known, the Region and the account are segments of their own, and are
// all that wildcards for them match.
type target struct {
	named     pattern  // by a policy
	format    *pattern // by the catalogue; nil: not known
	relations relations
}

func (t target) overlaps(p pattern) bool {
	return (t.format == nil || t.relations.overlaps(p, *t.format)) && t.relations.overlaps(p, t.named)
}

func (t target) isWithin(p pattern) bool {
	return t.format != nil && t.relations.covers(p, *t.format) || t.relations.covers(p, t.named)
}

// match returns which resources of a target the patterns match.
func (p patterns) match(t target) match {
	var m match
	for _, pattern := range p.about(t) {
		if m = m.or(pattern.match(t)); m.certainty == all {
			break
		}
	}
	return m.inverse(p.except)
}

// match returns which resources of a target the pattern matches.
func (p pattern) match(t target) match {
	switch {
	case t.isWithin(p):
		return match{certainty: all}
	case !t.overlaps(p):
		return match{certainty: none}
	}
	return match{possible, partOf(p, t.named)}
}

// or is the match of two things of which one must match.
func (m match) or(n match) match {
	if n.certainty > m.certainty {
		return n
	}
	return m
}

// inverse is what matches where m does not, if except.
func (m match) inverse(except bool) match {
	if except && m.certainty != possible {
		return match{certainty: all - m.certainty}
	}
	return m
}

// partOf is the reason why patterns overlap in a part only.
func partOf(patterns ...pattern) Reason {
	reason := ReasonResources
	for _, p := range patterns {
		switch {
		case p.notInSight:
			return ReasonNotInSight
		case p.variables != nil:
			reason = ReasonVariable
		}
	}
	return reason
}

// matchAction returns which of the actions that a pattern stands for a statement
// is about.
func (s *statement) matchAction(action pattern) match {
	m := s.actions.match(target{named: action})
	if m.reason == ReasonResources {
		m.reason = ReasonAction
	}
	return m
}

// matchConditions returns for which requests the conditions hold, of those for
// which the given ones do.
func (s *statement) matchConditions(given []condition) match {
	switch {
	case excluded(s.conditions, given):
		return match{certainty: none}
	case implied(s.conditions, given):
		return match{certainty: all}
	case slices.ContainsFunc(s.conditions, func(c condition) bool { return c.key == "" }):
		return match{possible, ReasonNotInSight}
	}
	return match{possible, ReasonCondition}
}

// matchVariables returns whether a statement is valid where one with the given
// variables is: AWS says that a variable without a value may make a statement
// invalid.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func (s *statement) matchVariables(given []string) match {
	m := match{certainty: all}
	for _, name := range s.variables {
		switch {
		case name == NotInSight:
			return match{possible, ReasonNotInSight}
		case !slices.Contains(given, name):
			m = match{possible, ReasonVariable}
		}
	}
	return m
}

// takes reports whether a statement surely matches whatever requests about a
// target another one of the same action does.
func (s *statement) takes(other *statement, t target) bool {
	if !implied(s.conditions, other.given) || s.matchVariables(other.variables).certainty != all {
		return false
	}
	if other.resources.except {
		return s.resources.match(t).certainty == all
	}
	return !slices.ContainsFunc(other.resources.about(t), func(p pattern) bool {
		return t.overlaps(p) && s.resources.match(target{p, t.format, t.relations}).certainty != all
	})
}

// about are the patterns for a target.
func (p patterns) about(t target) []pattern {
	if t.format != nil {
		return p.aligned
	}
	return p.list
}

var anything = pattern{symbols: []symbol{anyString}}
