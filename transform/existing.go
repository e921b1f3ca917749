package transform

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// Existing says what happens to a PermissionsBoundary that the template has
// already.
type Existing string

// What can happen to a boundary that is there already. Whatever is chosen, no
// role passes unbound.
const (
	// Replace puts the environment's boundary in place of any other.
	Replace Existing = "replace"
	// Keep leaves a value that is certain to be a boundary, and fills all others:
	// "", null, AWS::NoValue, what comes from out of sight, and such branches of
	// Fn::If.
	Keep Existing = "keep"
	// Reject refuses a template with a value that differs.
	Reject Existing = "reject"
)

// ParseExisting reads the setting ExistingBoundary; empty is Replace.
func ParseExisting(text string) (Existing, error) {
	switch e := Existing(text); e {
	case "":
		return Replace, nil
	case Replace, Keep, Reject:
		return e, nil
	}
	return "", fmt.Errorf("%q is not one of %s, %s, %s", text, Replace, Keep, Reject)
}

// judge decides about the value that a PermissionsBoundary has already.
func (s *site) judge(v boundValue, existing Existing) ([]edit, Change, *Finding) {
	whole := v.plan.existing(s.existing)
	j := judgement{
		certainty: v.plan.certainty(s.loops, v.parameters),
		boundary:  v, existing: existing, into: s.into,
	}
	j.branch(whole)
	change := Change{Action: Kept, Was: describe(whole), Certain: !j.uncertain}
	switch {
	case !j.differs:
		return nil, change, nil
	case existing != Keep && existing != Reject:
		change.Action = Replaced
		return []edit{j.put(whole)}, change, nil
	case j.conflict != "":
		return nil, change, &Finding{Code: CodeConflict, Names: []string{j.conflict, v.text}}
	case len(j.edits) > 0:
		change.Action = Filled
	}
	return j.edits, change, nil
}

// maxExisting is more than a boundary that means something has, in bytes.
const maxExisting = 64 << 10

// existing reads a boundary that is there already. One that is longer than any
// is not read, but taken for a list, which is no boundary.
func (p *plan) existing(at span) node {
	if at.end-at.start > maxExisting {
		return node{object: object{span: at}, kind: jsontext.KindBeginArray}
	}
	return parse(p.src, at)
}

// judgement goes through the branches of one existing value.
type judgement struct {
	certainty
	boundary boundValue
	existing Existing
	into     object // what has the value

	differs   bool   // a branch is not the boundary
	uncertain bool   // a branch is not certain to be any
	edits     []edit // of Keep and Reject
	conflict  string // describes the first value that differs
}

func (j *judgement) put(n node) edit {
	return edit{start: n.start, end: n.end, piece: boundaryValue, into: j.into, boundary: j.boundary.json}
}

// branch judges a value, or what a branch of a Fn::If yields.
func (j *judgement) branch(n node) {
	if name, argument := n.only(); name == "Fn::If" && len(argument.elements) == 3 {
		outer := j.nonEmpty
		j.nonEmpty = j.within(outer, argument.elements[0].text, true)
		j.branch(argument.elements[1])
		j.nonEmpty = j.within(outer, argument.elements[0].text, false)
		j.branch(argument.elements[2])
		j.nonEmpty = outer
		return
	}
	texts := anyText()
	if !mayHoldNoValue(n) {
		texts = j.texts(n)
	}
	if j.boundary.is(texts) {
		return
	}
	isUncertain := slices.ContainsFunc(texts, isNoPolicy)
	j.differs, j.uncertain = true, j.uncertain || isUncertain
	now, isParameter := j.parameterValue(n)
	switch {
	case j.existing != Reject:
		if isUncertain {
			j.edits = append(j.edits, j.put(n))
		}
	case yieldsNothing(n), isParameter && (now == "" || now == j.boundary.text):
		// A parameter with that value is no conflict today. But a later
		// deployment may set it without running the macro again.
		j.edits = append(j.edits, j.put(n))
	case j.conflict == "":
		j.conflict = describe(n)
	}
}

// parameterValue is the present value of the template parameter that n refers
// to.
func (j *judgement) parameterValue(n node) (string, bool) {
	name, argument := n.only()
	if name != "Ref" || !argument.isString() {
		return "", false
	}
	value := j.parameters[argument.text]
	return value.text, value.isString()
}

// describe names a value for a message. A text that is not an ARN might be a
// secret, and is not repeated.
func describe(n node) string {
	if n.isString() {
		if !isPolicy(n.text) {
			return "a boundary that is not the ARN of a managed policy"
		}
		return "the boundary " + printable.Clip(strings.TrimSpace(n.text), maxText)
	}
	name, argument := n.only()
	switch {
	case name == "Fn::Sub" && argument.isString() && isPolicy(argument.text):
		return "the boundary " + printable.Clip(argument.text, maxText)
	case name == "Ref" && argument.isString():
		return "the boundary Ref " + printable.Clip(argument.text, 255)
	case strings.HasPrefix(name, "Fn::"):
		return "the boundary " + printable.Clip(name, 255)
	}
	return "a boundary that is neither a string nor an intrinsic function"
}

// isPolicy reports whether a text is the ARN of a managed policy, which may have
// placeholders.
func isPolicy(text string) bool {
	_, err := boundary.Parse(text)
	return err == nil
}
