package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/template"
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
func (s *site) judge(v Boundary, existing Existing) ([]template.Edit, Change, *Finding) {
	whole := v.plan.Existing(s.existing)
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
		return []template.Edit{j.put(whole)}, change, nil
	case j.conflict != "":
		return nil, change, &Finding{Code: CodeConflict, Names: []string{j.conflict, v.Text}}
	case len(j.edits) > 0:
		change.Action = Filled
	}
	return j.edits, change, nil
}

// maxExisting is more than a boundary that means something has, in bytes.
const maxExisting = 64 << 10

// Existing reads a boundary that is there already. One that is longer than any
// is not read, but taken for a list, which is no boundary.
func (p *Verdict) Existing(at template.Span) template.Node {
	if at.End-at.Start > maxExisting {
		return template.Node{Object: template.Object{Span: at}, Kind: jsontext.KindBeginArray}
	}
	return template.NodeAt(p.Src, at)
}

// judgement goes through the branches of one existing value.
type judgement struct {
	certainty
	boundary Boundary
	existing Existing
	into     template.Object // what has the value

	differs   bool            // a branch is not the boundary
	uncertain bool            // a branch is not certain to be any
	edits     []template.Edit // of Keep and Reject
	conflict  string          // describes the first value that differs
}

func (j *judgement) put(n template.Node) template.Edit {
	return template.Edit{Start: n.Start, End: n.End, Piece: template.BoundaryValue, Into: j.into, Boundary: j.boundary.json}
}

// branch judges a value, or what a branch of a Fn::If yields.
func (j *judgement) branch(n template.Node) {
	if name, argument := n.Only(); name == "Fn::If" && len(argument.Elements) == 3 {
		outer := j.nonEmpty
		j.nonEmpty = j.within(outer, argument.Elements[0].Text, true)
		j.branch(argument.Elements[1])
		j.nonEmpty = j.within(outer, argument.Elements[0].Text, false)
		j.branch(argument.Elements[2])
		j.nonEmpty = outer
		return
	}
	texts := j.outcomes(n)
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
	case yieldsNothing(n), isParameter && (now == "" || now == j.boundary.Text):
		// A parameter with that value is no conflict today. But a later
		// deployment may set it without running the macro again.
		j.edits = append(j.edits, j.put(n))
	case j.conflict == "":
		j.conflict = describe(n)
	}
}

// parameterValue is the present value of the template parameter that n refers
// to.
func (j *judgement) parameterValue(n template.Node) (string, bool) {
	name, argument := n.Only()
	if name != "Ref" || !argument.IsString() {
		return "", false
	}
	value := j.parameters[argument.Text]
	return value.Text, value.IsString()
}

// describe names a value for a message. A text that is not an ARN might be a
// secret, and is not repeated.
func describe(n template.Node) string {
	if n.IsString() {
		if !isPolicy(n.Text) {
			return "a boundary that is not the ARN of a managed policy"
		}
		return "the boundary " + printable.Clip(strings.TrimSpace(n.Text), maxText)
	}
	name, argument := n.Only()
	switch {
	case name == "Fn::Sub" && argument.IsString() && isPolicy(argument.Text):
		return "the boundary " + printable.Clip(argument.Text, maxText)
	case name == "Ref" && argument.IsString():
		return "the boundary Ref " + printable.Clip(argument.Text, 255)
	case strings.HasPrefix(name, functionPrefix):
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
