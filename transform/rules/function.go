package rules

import (
	"bytes"
	"strings"

	"permissions-boundary-macro/transform/template"
)

// function is an intrinsic function, or one that Rules and Conditions take.
type function struct {
	// shortForm says that YAML has !Name for it.
	shortForm bool
	// texts are those that its value can become, nil for any text.
	texts func(c certainty, argument template.Node) []string
	// refersTo is the logical ID of the resource that the value comes from, nil
	// where it comes from none.
	refersTo func(argument template.Node) string
	// shown says that its argument shows what the value is made of.
	shown bool
	// early says that AWS::LanguageExtensions puts the value in its place, which
	// may have happened before SAM reads the template.
	early bool
}

// functions are those of CloudFormation, by name; loops have names of their own
// (see foreachPrefix). One that is not here may yield anything, and remove what it
// stands for.
// Source: CloudFormation's template reference, intrinsic functions, rule
// functions and AWS::LanguageExtensions.
var functions map[string]function

// A function may take others as its argument, and so comes back to the table.
// The compiler takes that in init only.
func init() {
	functions = map[string]function{
		"Condition":            {shortForm: true},
		"Fn::And":              {shortForm: true},
		"Fn::Base64":           {shortForm: true},
		"Fn::Cidr":             {shortForm: true},
		"Fn::Contains":         {shortForm: true},
		"Fn::EachMemberEquals": {shortForm: true},
		"Fn::EachMemberIn":     {shortForm: true},
		"Fn::Equals":           {shortForm: true},
		"Fn::FindInMap":        {shortForm: true, texts: certainty.found, early: true},
		"Fn::GetAtt":           {shortForm: true, texts: certainty.attributeOf, refersTo: attributeResource},
		"Fn::GetAZs":           {shortForm: true},
		"Fn::If":               {shortForm: true, shown: true},
		"Fn::ImportValue":      {shortForm: true},
		"Fn::Join":             {shortForm: true, texts: certainty.joined, shown: true},
		"Fn::Length":           {early: true},
		"Fn::Not":              {shortForm: true},
		"Fn::Or":               {shortForm: true},
		"Fn::RefAll":           {shortForm: true},
		"Fn::Select":           {shortForm: true, texts: certainty.selected},
		"Fn::Split":            {shortForm: true},
		"Fn::Sub":              {shortForm: true, texts: certainty.substituted, refersTo: variableResource, shown: true},
		"Fn::ToJsonString":     {early: true},
		"Fn::Transform":        {shortForm: true},
		"Fn::ValueOf":          {shortForm: true},
		"Fn::ValueOfAll":       {shortForm: true},
		"Ref":                  {shortForm: true, texts: certainty.referred, refersTo: func(argument template.Node) string { return argument.Text }},
	}
}

// HasShortForm reports whether CloudFormation has a short form of a function, such
// as !Sub of Fn::Sub.
func HasShortForm(function string) bool { return functions[function].shortForm }

// functionPrefix begins the names of all functions but Ref and Condition.
const functionPrefix = "Fn::"

// isFunctionName reports whether a name is that of a function that yields a
// value, whether the table has it or not.
func isFunctionName(name string) bool {
	return name == "Ref" || strings.HasPrefix(name, functionPrefix) && !strings.HasPrefix(name, foreachPrefix)
}

// attributeResource is the logical ID in the argument of a Fn::GetAtt.
func attributeResource(argument template.Node) string {
	text := argument.Text
	if len(argument.Elements) == 2 {
		text = argument.Elements[0].Text
	}
	id, _, _ := strings.Cut(text, ".")
	return id
}

// variableResource is the logical ID in a Fn::Sub of nothing but one variable.
func variableResource(argument template.Node) string {
	id, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(argument.Text, "${"), "}"), ".")
	return id
}

// branches returns the condition of a Fn::If, and the values for when it holds and
// when it does not. For any other value, both are zero.
func branches(n template.Node) (condition template.Node, either []template.Node) {
	name, argument := n.Only()
	if name != "Fn::If" || len(argument.Elements) != 3 {
		return template.Node{}, nil
	}
	return argument.Elements[0], argument.Elements[1:]
}

// anyBranch reports whether is holds for a value that n may yield: for n itself, or
// if that is a Fn::If, for one of its branches.
func anyBranch(n template.Node, is func(template.Node) bool) bool {
	if _, either := branches(n); either != nil {
		return anyBranch(either[0], is) || anyBranch(either[1], is)
	}
	return is(n)
}

// isUnknown reports whether a name is that of a function that the table does not
// have: one that is newer, or a tag of another tool in YAML.
func isUnknown(name string) bool {
	if !strings.HasPrefix(name, functionPrefix) || strings.HasPrefix(name, foreachPrefix) {
		return false
	}
	_, known := functions[name]
	return !known
}

// isUnknownFunction is isUnknown of a member's name, which may be that of a loop
// once the loops around it are expanded.
func (ls loops) isUnknownFunction(name []byte) bool {
	return bytes.HasPrefix(name, []byte(functionPrefix)) && isUnknown(string(name)) && !ls.mayBeLoop(string(name))
}

// unknownFunction is the name of the first unknown function among the members of
// an object, empty where there is none.
func (ls loops) unknownFunction(n template.Node) string {
	for _, m := range n.Members {
		if isUnknown(m.Name) && !ls.mayBeLoop(m.Name) {
			return m.Name
		}
	}
	return ""
}
