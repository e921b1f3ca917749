package deploy

import (
	"regexp"
	"slices"
	"strings"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/transform/template"
)

// documentReader reads policy documents of a template. What an intrinsic function
// yields is not in sight, unless it is text made of AWS's own variables.
type documentReader struct {
	inLoop bool       // ${Name} and &{Name} may be variables of a Fn::ForEach
	known  references // to resources of the template
}

// boundary reads a document that limits roles. What depends on a condition is not in
// sight.
func (r documentReader) boundary(n template.Node) (*policy.Document, error) {
	return policy.Read(r.value(n))
}

// ofRole reads a document that grants something to a role. Both branches of a
// Fn::If grant. What denies something under a condition is omitted: the role surely
// has only the denials of which the template leaves no doubt.
func (r documentReader) ofRole(n template.Node, conditional bool) (*policy.Document, error) {
	document := r.value(n)
	for i, m := range document.Members {
		if m.Name == "Statement" {
			document.Members[i].Value = r.statements(n.Get(m.Name), conditional)
		}
	}
	return policy.Read(document)
}

func (r documentReader) statements(n template.Node, conditional bool) policy.Value {
	list := policy.Value{Kind: policy.List, Offset: n.Start}
	eachAlternative(n, conditional, func(n template.Node, conditional bool) {
		eachElement(n, conditional, func(n template.Node, conditional bool) {
			if !conditional || n.Get("Effect").Text != "Deny" {
				list.Elements = append(list.Elements, r.value(n))
			}
		})
	})
	return list
}

// eachAlternative calls do with each value that may stand in a place: the branches
// of Fn::If, except AWS::NoValue. Conditional is what only some deployments have.
func eachAlternative(n template.Node, conditional bool, do func(n template.Node, conditional bool)) {
	switch name, argument := n.Only(); {
	case isNoValue(n) || n.Absent():
	case name == "Fn::If" && len(argument.Elements) == 3:
		eachAlternative(argument.Elements[1], true, do)
		eachAlternative(argument.Elements[2], true, do)
	default:
		do(n, conditional)
	}
}

// eachElement calls do with each alternative of each element of a list, or of the
// value that stands alone.
func eachElement(n template.Node, conditional bool, do func(n template.Node, conditional bool)) {
	elements := n.Elements
	if !n.IsArray() {
		elements = []template.Node{n}
	}
	for _, element := range elements {
		eachAlternative(element, conditional, do)
	}
}

func isNoValue(n template.Node) bool {
	name, argument := n.Only()
	return name == "Ref" && argument.IsString() && argument.Text == "AWS::NoValue"
}

// value is a value of a template as package policy reads it. An offset is one of the
// template's JSON.
func (r documentReader) value(n template.Node) policy.Value {
	v := policy.Value{Offset: n.Start}
	switch {
	case n.IsArray():
		v.Kind = policy.List
		for _, element := range n.Elements {
			if !isNoValue(element) {
				v.Elements = append(v.Elements, r.value(element))
			}
		}
	case n.IsObject() && !isFunction(n):
		v.Kind = policy.Object
		for _, m := range n.Members {
			if !isNoValue(m.Value) {
				v.Members = append(v.Members, policy.Member{Name: r.literal(m.Name), Value: r.value(m.Value)})
			}
		}
	case n.IsObject() || n.IsString():
		if text := r.policyText(n); text != policy.NotInSight {
			v.Kind, v.Text = policy.String, text
		}
	case !n.IsNull():
		v.Kind, v.Text = policy.Literal, n.Text
	}
	return v
}

// isFunction reports whether an object is an intrinsic function, or has one that adds
// members to it.
func isFunction(n template.Node) bool {
	name, _ := n.Only()
	return name == "Ref" || slices.ContainsFunc(n.Members, func(m template.Member) bool { return strings.HasPrefix(m.Name, "Fn::") })
}

// dynamicReference stands for a value that CloudFormation reads when it deploys.
// Source: CloudFormation User Guide, dynamic references.
var dynamicReference = regexp.MustCompile(`\{\{resolve:[^}]*\}\}`)

// text is a string, or what an intrinsic function makes of strings, as people and
// [boundary.Parse] read it: with pseudo parameters as templates spell them.
func (r documentReader) text(n template.Node) string { return policy.Spelled(r.policyText(n)) }

// policyText is a text as package policy reads it. Parts that the template does not
// show are policy.NotInSight.
func (r documentReader) policyText(n template.Node) string {
	return dynamicReference.ReplaceAllString(r.composed(n), policy.NotInSight)
}

// composed is a text before CloudFormation resolves the dynamic references in it.
func (r documentReader) composed(n template.Node) string {
	if n.IsString() {
		return r.literal(n.Text)
	}
	switch name, argument := n.Only(); {
	case name == "Ref" && argument.IsString():
		return r.variable(argument.Text)
	case name == "Fn::GetAtt" && argument.IsString():
		return r.variable(argument.Text)
	case name == "Fn::GetAtt" && len(argument.Elements) == 2:
		return r.variable(argument.Elements[0].Text + "." + argument.Elements[1].Text)
	case name == "Fn::Sub" && argument.IsString():
		return r.substituted(argument.Text, nil)
	case name == "Fn::Sub" && len(argument.Elements) == 2 && argument.Elements[0].IsString():
		return r.substituted(argument.Elements[0].Text, argument.Elements[1].ByName())
	case name == "Fn::Join" && len(argument.Elements) == 2 && argument.Elements[0].IsString() && argument.Elements[1].IsArray():
		return r.joined(argument.Elements[0].Text, argument.Elements[1].Elements)
	}
	return policy.NotInSight
}

// joined is what Fn::Join makes. An element that may be absent takes its separator
// with it.
func (r documentReader) joined(separator string, elements []template.Node) string {
	var parts []string
	for _, element := range elements {
		switch name, _ := element.Only(); {
		case name == "Fn::If":
			return policy.NotInSight
		case !isNoValue(element):
			parts = append(parts, r.composed(element))
		}
	}
	return strings.Join(parts, r.literal(separator))
}

// substituted is what Fn::Sub makes of a text. ${!Name} is its way to write ${Name},
// such as the policy variable ${aws:username}.
func (r documentReader) substituted(text string, values map[string]template.Node) string {
	var out strings.Builder
	for text = r.literal(text); ; {
		before, rest, found := strings.Cut(text, "${")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, behind, closed := strings.Cut(rest, "}")
		if !closed {
			return out.String() + policy.NotInSight
		}
		text = behind
		value, given := values[name]
		literal, escaped := strings.CutPrefix(name, "!")
		switch {
		case escaped:
			out.WriteString("${" + literal + "}")
		case given:
			out.WriteString(r.composed(value))
		default:
			out.WriteString(r.variable(strings.TrimSpace(name)))
		}
	}
}

// variable is the value of a reference: to a resource by its logical ID, or by that and
// an attribute, or to a pseudo parameter. Package policy knows those that ARNs are made
// of.
func (r documentReader) variable(name string) string {
	switch name {
	case "AWS::AccountId", "AWS::Partition", "AWS::Region":
		return policy.Pseudo(name)
	}
	if text, known := r.known[name]; known {
		return text
	}
	return policy.NotInSight
}

// literal is a text without an intrinsic function. In a loop, a name without a colon
// may be the loop's variable, and is none of IAM's.
func (r documentReader) literal(text string) string {
	if !r.inLoop {
		return text
	}
	for _, open := range []string{"${", "&{"} {
		parts := strings.Split(text, open)
		for i, part := range parts[1:] {
			name, behind, closed := strings.Cut(part, "}")
			if closed && !strings.Contains(name, ":") {
				parts[i+1] = policy.NotInSight + behind
			} else {
				parts[i+1] = open + part
			}
		}
		text = strings.Join(parts, "")
	}
	return text
}
