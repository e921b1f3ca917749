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

// Existing says what to do about a PermissionsBoundary that a template already
// has.
type Existing string

// Settings of Existing. With any of them, every role is bound.
const (
	// Replace replaces any other boundary by the boundary of the environment.
	Replace Existing = "replace"
	// Keep keeps a value that is certain to be a boundary, and replaces any other
	// value, or branch of a Fn::If: "", null, AWS::NoValue, and values that come
	// from outside the template.
	Keep Existing = "keep"
	// Reject refuses a template that has another boundary.
	Reject Existing = "reject"
)

// ParseExisting parses the setting ExistingBoundary. The empty text is Replace.
func ParseExisting(text string) (Existing, error) {
	switch e := Existing(text); e {
	case "":
		return Replace, nil
	case Replace, Keep, Reject:
		return e, nil
	}
	return "", fmt.Errorf("%q is not one of %s, %s, %s", text, Replace, Keep, Reject)
}

// bindExisting is bind for a site that has a boundary.
func (s *site) bindExisting(b Boundary, existing Existing, edits []template.Edit) ([]template.Edit, Change, *Finding) {
	whole := b.verdict.Value(s.existing)
	x := existingValue{
		certainty: b.verdict.certainty(s.loops, b.parameters),
		boundary:  b, setting: existing, into: s.into,
	}
	x.branch(whole)
	change := Change{Action: Kept, Was: describe(whole), Certain: !x.uncertain}
	switch {
	case !x.differs:
		return edits, change, nil
	case existing != Keep && existing != Reject:
		change.Action = Replaced
		return append(edits, x.replace(whole)), change, nil
	case x.conflict != "":
		return edits, change, &Finding{Code: CodeConflict, Names: []string{x.conflict, b.Text}}
	case len(x.edits) > 0:
		change.Action = Filled
	}
	return append(edits, x.edits...), change, nil
}

// maxValue bounds what Value reads, in bytes. Every meaningful value is shorter.
const maxValue = 64 << 10

// Value reads a value of the template. It does not read one that is longer than
// any boundary, and returns an empty array instead, which is not a boundary.
func (v *Verdict) Value(at template.Span) template.Node {
	if at.End-at.Start > maxValue {
		return template.Node{Object: template.Object{Span: at}, Kind: jsontext.KindBeginArray}
	}
	return template.NodeAt(v.Src, at)
}

// existingValue compares an existing boundary with the boundary of the
// environment, branch by branch.
type existingValue struct {
	certainty
	boundary Boundary
	setting  Existing
	into     template.Object // the properties

	differs   bool            // a branch is not the boundary
	uncertain bool            // a branch is not certain to be any boundary
	edits     []template.Edit // for Keep and Reject
	conflict  string          // describes the first branch that Reject refuses
}

func (x *existingValue) replace(n template.Node) template.Edit {
	return template.Edit{Op: template.Replace, Start: n.Start, End: n.End, Into: x.into, Path: boundaryPath, Value: x.boundary.json}
}

// branch reads a value, or the value of a branch of a Fn::If.
func (x *existingValue) branch(n template.Node) {
	if condition, either := branches(n); either != nil {
		outer := x.nonEmpty
		for i, value := range either {
			x.nonEmpty = x.within(outer, condition.Text, i == 0)
			x.branch(value)
		}
		x.nonEmpty = outer
		return
	}
	texts := x.outcomes(n)
	if x.boundary.is(texts) {
		return
	}
	isUncertain := slices.ContainsFunc(texts, isNoPolicy)
	x.differs, x.uncertain = true, x.uncertain || isUncertain
	now, isParameter := x.parameterValue(n)
	switch {
	case x.setting != Reject:
		if isUncertain {
			x.edits = append(x.edits, x.replace(n))
		}
	case yieldsNothing(n), isParameter && (now == "" || now == x.boundary.Text):
		// A parameter with that value is no conflict now, but a later deployment
		// may change it without running the macro.
		x.edits = append(x.edits, x.replace(n))
	case x.conflict == "":
		x.conflict = describe(n)
	}
}

// parameterValue returns the present value of the template parameter that n refers
// to.
func (x *existingValue) parameterValue(n template.Node) (string, bool) {
	name, argument := n.Only()
	if name != "Ref" || !argument.IsString() {
		return "", false
	}
	value := x.parameters[argument.Text]
	return value.Text, value.IsString()
}

// describe names a value in a message. Text that is not an ARN may be a secret, and
// is not repeated.
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

// isPolicy reports whether text is the ARN of a managed policy. It may have
// placeholders.
func isPolicy(text string) bool {
	_, err := boundary.Parse(text)
	return err == nil
}
