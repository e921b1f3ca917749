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
	// texts returns the texts that its value can become; nil means any text.
	texts func(c certainty, argument template.Node) []string
	// refersTo returns the logical ID of the resource that the value comes from; nil
	// means none.
	refersTo func(argument template.Node) string
	// shown says that its argument shows the content of the value.
	shown bool
	// early says that AWS::LanguageExtensions replaces it by its value, perhaps
	// before SAM reads the template.
	early bool
}

// functions are the functions of CloudFormation by name, without loops (see
// foreachPrefix). A function that is not in the table may yield anything, and may
// remove the member whose value it is.
// Source: CloudFormation's template reference, intrinsic functions, rule
// functions and AWS::LanguageExtensions.
var functions map[string]function

// The functions refer to the table themselves, which the compiler accepts only
// in init.
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

// isFunctionName reports whether a name is that of a function that yields a value,
// known or unknown.
func isFunctionName(name string) bool {
	return name == "Ref" || strings.HasPrefix(name, functionPrefix) && !strings.HasPrefix(name, foreachPrefix)
}

// attributeResource returns the logical ID in the argument of a Fn::GetAtt.
func attributeResource(argument template.Node) string {
	text := argument.Text
	if len(argument.Elements) == 2 {
		text = argument.Elements[0].Text
	}
	id, _, _ := strings.Cut(text, ".")
	return id
}

// variableResource returns the logical ID in a Fn::Sub of a single variable.
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

// isUnknownFunction is isUnknown for the name of a member. The loops around the
// member may turn the name into that of a loop.
func (ls loops) isUnknownFunction(name []byte) bool {
	return bytes.HasPrefix(name, []byte(functionPrefix)) && isUnknown(string(name)) && !ls.mayBeLoop(string(name))
}

// unknownFunction returns the name of the first unknown function among the members
// of an object, or "".
func (ls loops) unknownFunction(n template.Node) string {
	for _, m := range n.Members {
		if isUnknown(m.Name) && !ls.mayBeLoop(m.Name) {
			return m.Name
		}
	}
	return ""
}
