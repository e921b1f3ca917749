// Package hostile makes templates of the worst shapes, for tests: what would
// cost more than its length, were there no bounds.
package hostile

import (
	"fmt"
	"strconv"
	"strings"
)

// Fragments are makers of fragments of about n bytes, by shape. They are valid
// JSON, but for those that say so.
var Fragments = map[string]func(n int) string{
	// Plain size.
	"resources": func(n int) string {
		return `{"Resources":{` + numbered(n, `"R%d":{"Type":"AWS::SNS::Topic"},`) + lastTopic
	},
	"resources of one logical ID": func(n int) string {
		return `{"Resources":{` + repeated(n, `"a":{},`) + lastTopic
	},
	"types of third parties": func(n int) string {
		return `{"Resources":{` + numbered(n, `"R%d":{"Type":"x::y"},`) + lastTopic
	},
	"excuses": func(n int) string {
		return `{"Resources":{` + numbered(n, `"R%d":{"Type":"x::y","Metadata":{"PermissionsBoundaryMacro":{"Accept":{"third-party-type":"r"}}}},`) + lastTopic
	},
	"excuses for nothing": func(n int) string {
		return `{"Resources":{` + numbered(n, `"R%d":{"Metadata":{"PermissionsBoundaryMacro":{"Accept":0}}},`) + lastTopic
	},
	"an excuse for nothing": func(n int) string {
		return `{"Resources":{"R":{"Type":"x::y","Metadata":{"PermissionsBoundaryMacro":{"Accept":{` + repeated(n, `"a":0,`) + `"b":0}}}},` + lastTopic
	},
	"roles": func(n int) string {
		return `{"Resources":{` + numbered(n, `"R%d":{"Type":"AWS::IAM::Role"},`) + lastTopic
	},
	"a string": func(n int) string {
		return inRole(`"` + strings.Repeat("x", n) + `"`)
	},
	"a string of escapes": func(n int) string {
		return inRole(`"` + repeated(n, `\"\\\/\b\f\n\r\t\u0000\u001f\u00e9\ud83d\ude00\udead`) + `"`)
	},
	"names of escapes": func(n int) string {
		return inRole(`{` + repeated(n, `"\"\\\/\b\f\n\r\t\u0000\ud83d\ude00":0,`) + `"":0}`)
	},
	"tiny members": func(n int) string {
		return inRole(`{` + repeated(n, `"":0,`) + `"":0}`)
	},
	"tiny elements": func(n int) string {
		return inRole(`[` + repeated(n, `0,`) + `0]`)
	},
	"invalid UTF-8": func(n int) string { // invalid
		return inRole(`"` + repeated(n, "\xff\xc0\x80\xed\xa0\x80") + `"`)
	},

	// Nesting.
	"objects in each other": func(n int) string {
		depth := min(n/7, 9_000)
		return repeated(n-7*depth, " ") + inRole(strings.Repeat(`{"a":`, depth)+"0"+strings.Repeat("}", depth))
	},
	"objects in each other, deeper than is read": func(n int) string {
		return inRole(strings.Repeat(`{"a":`, n/6) + "0" + strings.Repeat("}", n/6))
	},
	"objects in each other, without an end": func(n int) string { // invalid
		return strings.Repeat(`{"a":`, n/5)
	},
	"branches in each other": func(n int) string {
		const depth = 1_400
		branches := strings.Repeat(`{"Fn::If":["C",{"Ref":"AWS::NoValue"},`, depth) + `""` + strings.Repeat("]}", depth)
		return `{"Resources":{` + numbered(n, `"R%d":`+roleWith(branches)+",") + lastTopic
	},
	"a boundary of branches, longer than is read": func(n int) string {
		const open = `{"Fn::If":["C",{"Ref":"AWS::NoValue"},`
		depth := min(n/(len(open)+2), 4_000)
		return `{"Resources":{"R":` + roleWith(strings.Repeat(open, depth)+`""`+strings.Repeat("]}", depth)) + `}` + repeated(n-depth*(len(open)+2), " ") + `}`
	},
	"names given twice at every level": func(n int) string {
		resource := `{"Type":"AWS::IAM::Role","Type":"AWS::IAM::Role","Properties":{"PermissionsBoundary":"","PermissionsBoundary":""},"Properties":{}}`
		return `{"Resources":{},"Resources":{` + repeated(n, `"R":`+resource+`,"R":`+resource+`,`) + lastTopic
	},
	"loops in each other": func(n int) string {
		const depth = 100
		loop := strings.Repeat(`"Fn::ForEach::L":["V",["Role"],{`, depth)
		body := `"R${V}":{"Type":"AWS::IAM::Role","Properties":{"PermissionsBoundary":{"Ref":"${V}"}}},`
		return `{"Resources":{` + loop + repeated(n, body) + `"T":{}` + strings.Repeat(`}]`, depth) + `}}`
	},

	"boundaries by a parameter with many values": func(n int) string {
		values := repeated(n/2, `"arn:aws:iam::aws:policy/x",`) + `""`
		return `{"Parameters":{"Q":{"Type":"String","AllowedValues":[` + values + `]}},"Resources":{` + repeated(n/2, `"R":`+roleWith(`{"Ref":"Q"}`)+",") + lastTopic
	},
	"boundaries by a long policy": func(n int) string {
		policy := `"P":{"Type":"AWS::IAM::ManagedPolicy","Properties":{` + repeated(n/2, `"":0,`) + `"ManagedPolicyName":"p"}},`
		return `{"Resources":{` + policy + repeated(n/2, `"R":`+roleWith(`{"Ref":"P"}`)+",") + lastTopic
	},
	"boundaries of many texts": func(n int) string {
		const part = `{"Fn::If":["C","a","b"]},`
		join := `{"Fn::Join":["",[` + strings.Repeat(part, 40) + `""]]}`
		return `{"Resources":{` + repeated(n, `"R":`+roleWith(join)+",") + lastTopic
	},

	// Loops.
	"types of a loop": func(n int) string {
		items := strings.Repeat(`"Role",`, 400) + `"X"`
		return inLoop(items, repeated(n-len(items), `"R":{"Type":"AWS::IAM::${V}${V}${V}${V}"},`)+`"T":{}`)
	},
	"types of a loop with long items": func(n int) string {
		items := strings.Repeat(`"`+strings.Repeat("R-", 120)+`",`, n/500) + `"X"`
		return inLoop(items, repeated(n/2, `"a":{"Type":"&{V}z"},`)+`"T":{}`)
	},
	"a name of braces in a loop": func(n int) string {
		return inLoop(`"a"`, `"R":{"Type":"T::T","Properties":{"`+strings.Repeat("{", n)+`}":1}}`)
	},
	"a Type of braces in a loop": func(n int) string {
		return inLoop(`"a"`, `"R":{"Type":"`+strings.Repeat("${", n/2)+`}"}`)
	},

	// Findings and lookups.
	"a long ID with data sources": func(n int) string {
		return longID(n, "AWS::Serverless::GraphQLApi", `"DataSources":{"Lambda":{`+repeated(n/2, `"a":{},`)+`"b":{}}}`)
	},
	"a long ID with events": func(n int) string {
		return longID(n, "AWS::Serverless::Function", `"Events":{`+repeated(n/2, `"a":{"Type":"ScheduleV2"},`)+`"b":{}}`)
	},
	"a long ID with a template": func(n int) string {
		body := `{"Resources":{` + repeated(n/2, `"a":{"Type":"AWS::IAM::Role"},`) + `"b":{}}}`
		return longID(n, "AWS::CloudFormation::StackSet", `"TemplateBody":`+quoted(body))
	},
	"parameters": func(n int) string {
		return `{"Resources":{` + numbered(n, `"F%d":{"Type":"AWS::Serverless::Function","Properties":{"PermissionsBoundary":{"Ref":"P"}}},`) + lastTopic
	},
	"mappings": func(n int) string {
		return `{"Mappings":{"M":{` + repeated(n/2, `"a":{"v":"x"},`) + `"b":{}}},"Resources":{` + lastTopic
	},

	"keys of a mapping that are not spelled out": func(n int) string {
		return `{"Mappings":{"M":{` + numbered(n/2, `"k%d":{"v":"x"},`) + `"z":{"v":"x"}}},"Resources":{` +
			numbered(n/2, `"R%d":`+roleWith(`{"Fn::FindInMap":["M",{"Ref":"P"},"v"]}`)+",") + lastTopic
	},
	"keys of many mappings": func(n int) string {
		var maps, roles strings.Builder
		for i := 0; maps.Len()+roles.Len() < n; i++ {
			fmt.Fprintf(&maps, `"M%d":{"k":{"v":"x"}},`, i)
			fmt.Fprintf(&roles, `"R%d":%s,`, i, roleWith(fmt.Sprintf(`{"Fn::FindInMap":["M%d","k",{"Ref":"P"}]}`, i)))
		}
		return `{"Mappings":{` + maps.String() + `"z":{}},"Resources":{` + roles.String() + lastTopic
	},
	"variables of a Fn::Sub": func(n int) string {
		sub := `{"Fn::Sub":["` + numbered(20_000, `${v%d}`) + `",{` + numbered(40_000, `"v%d":"",`) + `"z":""}]}`
		return `{"Resources":{` + numbered(n, `"R%d":`+roleWith(sub)+",") + lastTopic
	},
	"Fn::Join in each other": func(n int) string {
		const depth = 300
		joined := strings.Repeat(`{"Fn::Join":["",[`, depth) + strings.Repeat(`"",`, 18_000) + `""` + strings.Repeat(`]]}`, depth)
		return `{"Resources":{` + numbered(n, `"R%d":`+roleWith(joined)+",") + lastTopic
	},
	"members of a DeploymentPreference": func(n int) string {
		return `{"Globals":{"Function":{"DeploymentPreference":{"Enabled":false,` + numbered(n/2, `"k%d":1,`) + `"z":1}}},"Resources":{` +
			numbered(n/2, `"R%d":{"Type":"AWS::Serverless::Function"},`) + lastTopic
	},

	// Templates inside of the template.
	"templates in each other": func(n int) string {
		inner := `{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`
		for {
			outer := stackSet(inner)
			if len(outer) > n {
				return inner + strings.Repeat(" ", n-len(inner))
			}
			inner = outer
		}
	},
	"StackSets": func(n int) string {
		one := strings.TrimSuffix(strings.TrimPrefix(stackSet(`{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`), `{"Resources":{`), `}}`)
		return `{"Resources":{` + numbered(n, strings.Replace(one, `"S"`, `"S%d"`, 1)+`,`) + lastTopic
	},
	"StackSets without a template": func(n int) string {
		return `{"Resources":{` + numbered(n, `"S%d":{"Type":"AWS::CloudFormation::StackSet","Properties":{"TemplateBody":"%%PDF-1.7 [\u0000{"}},`) + lastTopic
	},
	"a body that is not a template": func(n int) string { return stackSet(strings.Repeat("x: [", n/4)) },
	"a body of braces":              func(n int) string { return stackSet(strings.Repeat("{", n)) },
	"a body of nested lists": func(n int) string {
		return stackSet("a: " + strings.Repeat("[", 900) + strings.Repeat("]", 900) + strings.Repeat("\n#", n/2))
	},
	"a body of dashes":        func(n int) string { return stackSet(strings.Repeat("- ", n/2)) },
	"a body of tiny elements": func(n int) string { return stackSet("a: [" + repeated(n, "x,") + "x]\n") },
	"a body of tiny members": func(n int) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, "%x: 0\n", i)
		}
		return stackSet(b.String())
	},
	"a body of aliases": func(n int) string {
		body := "a0: &a0 [x, x, x, x, x, x, x, x]\n"
		for i := range 30 {
			body += fmt.Sprintf("a%[1]d: &a%[1]d [*a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d]\n", i+1, i)
		}
		return stackSet(body + strings.Repeat("#", n))
	},
	"a body of aliases of a long text": func(n int) string {
		return stackSet("a: &a " + strings.Repeat("x", n/2) + "\nb: [" + repeated(n/2, "*a,") + "*a]\n")
	},
	"a body of merge keys": func(n int) string {
		body := "a0: &a0 {k0: 0, k1: 1}\n"
		for i := range 30 {
			body += fmt.Sprintf("a%[1]d: &a%[1]d {<<: [*a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d], k%[1]d: 0}\n", i+1, i)
		}
		return stackSet(body + strings.Repeat("#", n))
	},
	"a body of empty properties": func(n int) string {
		return stackSet("Resources:\n" + numbered(n, "  R%d:\n    Type: AWS::IAM::Role\n    Properties:\n"))
	},
	"a body of roles in one flow": func(n int) string {
		return stackSet("Resources: {" + numbered(n, "R%d: {Type: AWS::IAM::Role}, ") + "}\n")
	},
	"a body of roles in one flow, far to the right": func(n int) string {
		return stackSet("Resources:\n" + strings.Repeat(" ", n/2) + "{" + numbered(n/2, "R%d: {Type: AWS::IAM::Role}, ") + "}\n")
	},
	"bodies in each other, in blocks": func(n int) string {
		var b strings.Builder
		indent := ""
		for b.Len() < n {
			for line := range strings.Lines("Resources:\n R: {Type: AWS::IAM::Role}\n S:\n  Type: AWS::CloudFormation::StackSet\n  Properties:\n   TemplateBody: |\n") {
				b.WriteString(indent + line)
			}
			indent += "    "
		}
		return stackSet(b.String() + indent + "Resources: {R: {Type: AWS::IAM::Role}}\n")
	},
	"bodies of aliases": func(n int) string {
		one := strings.TrimSuffix(strings.TrimPrefix(stackSet("A: &a [x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x]\nB: &b [*a, *a, *a, *a, *a, *a, *a]\nC: &c [*b, *b, *b, *b, *b, *b, *b]\nD: [*c, *c, *c, *c, *c, *c, *c, *c]"), `{"Resources":{`), `}}`)
		return `{"Resources":{` + numbered(n, strings.Replace(one, `"S"`, `"S%d"`, 1)+`,`) + lastTopic
	},
	"a body of merge keys of a long text": func(n int) string {
		return stackSet("A: &a {b: " + strings.Repeat("x", n/2) + "}\nB: [" + repeated(n/2, "{<<: *a}, ") + "]\nResources: {R: {Type: AWS::IAM::Role}}\n")
	},
	"a body on a line": func(n int) string { return stackSet(onALine(n)) },
	"a body on a line of another": func(n int) string {
		return stackSet("Resources:\n  S:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n      TemplateBody: |\n        " + onALine(n) + "\n")
	},
	"a body of lines of comments": func(n int) string {
		return stackSet("Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n" + repeated(n, "      # c\n") + "      Path: /\n")
	},
	"a body of comments behind an anchor": func(n int) string {
		return stackSet("Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties: &p\n" + repeated(n/2, "# c\n") + "      Path: /\n" +
			numbered(n/2, "  R%d: {Type: AWS::IAM::Role, Properties: *p}\n"))
	},
	"a body of parameters": func(n int) string {
		return stackSet(`{"Parameters":{` + numbered(n/2, `"k%d":1,`) + `"z":1},"Resources":{` + numbered(n/2, `"R%d":`+roleWith(`{"Ref":"Q"}`)+",") + lastTopic)
	},
	"a body of roles below a long line": func(n int) string {
		return stackSet("#" + strings.Repeat("x", n/2) + "\nResources:\n" + numbered(n/2, "  R%d:\n    Type: AWS::IAM::Role\n"))
	},
}

// Texts are makers of texts of about n bytes that may be in a file, by shape.
// Not all are templates.
var Texts = map[string]func(n int) string{
	"a list of lists":             func(n int) string { return `["Resources AWS::",` + repeated(n, "[],") },
	"a list of lists with an end": func(n int) string { return `["Resources AWS::",` + repeated(n, "[],") + "[]]" },
	"lists without a beginning":   func(n int) string { return repeated(n, "[],") },
	"broken JSON":                 func(n int) string { return `{"Resources":"AWS::","x":[` + repeated(n, "[],") },
	"JSON of lists":               func(n int) string { return inMetadata("[" + repeated(n, "[],") + "[]]") },
	"JSON of names":               func(n int) string { return inMetadata("{" + numbered(n, `"%d":0,`) + `"a":0,"a":0}`) },
	"JSON of one name":            func(n int) string { return inMetadata("{" + repeated(n, `"a":0,`) + `"a":0}`) },
	"JSON behind white space":     func(n int) string { return strings.Repeat(" ", n) + inMetadata("0") },
	"YAML of lists":               func(n int) string { return aRole + "x: [" + repeated(n, "[],") + "]\n" },
	"YAML of keys in braces":      func(n int) string { return aRole + "x: {" + repeated(n, "a,") + "a}\n" },
	"YAML of pairs in brackets":   func(n int) string { return aRole + "x: [" + repeated(n, "::,") + "a]\n" },
	"YAML of dashes":              func(n int) string { return aRole + "x:\n" + repeated(n, "- a\n") },
	"YAML of keys":                func(n int) string { return aRole + numbered(n, "k%d: 0\n") },
	"YAML of open brackets":       func(n int) string { return aRole + "x: " + strings.Repeat("[", n) },
	"YAML of comments":            func(n int) string { return aRole + repeated(n, "#\n") },
	"YAML of empty lines":         func(n int) string { return aRole + strings.Repeat("\n", n) },
	"YAML of roles":               func(n int) string { return "Resources:\n" + numbered(n, "  R%d: {Type: AWS::IAM::Role}\n") },
	"roles with Fn::Transform": func(n int) string {
		return `{"Parameters":{` + numbered(n/2, `"P%d":{"Type":"String","Default":"x"},`) + `"P":{"Type":"String"}},"Resources":{` +
			numbered(n/2, `"R%d":{"Type":"AWS::IAM::Role","Properties":{"Fn::Transform":{"Name":"PermissionsBoundaryMacro"}}},`) + lastTopic
	},
	"roles with environments of their own": func(n int) string {
		return `{"Parameters":{` + numbered(n/4, `"P%d":{"Type":"String","Default":"x"},`) + `"P":{"Type":"String"}},"Resources":{` +
			numbered(3*n/4, `"R%d":{"Type":"AWS::IAM::Role","Fn::Transform":{"Name":"PermissionsBoundaryMacro","Parameters":{"Environment":{"Ref":"P"}}}},`) + lastTopic
	},
}

const aRole = "Resources: {R: {Type: AWS::IAM::Role}}\n"

func inMetadata(value string) string {
	return `{"Metadata":{"PermissionsBoundaryMacro":` + value + `},"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`
}

const lastTopic = `"T":{"Type":"AWS::SNS::Topic"}}}`

// inRole is a template with a role that has a value as a property.
func inRole(value string) string {
	return `{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"Description":` + value + `}}}}`
}

// roleWith is a role that has a boundary already.
func roleWith(boundary string) string {
	return `{"Type":"AWS::IAM::Role","Properties":{"PermissionsBoundary":` + boundary + `}}`
}

// onALine is a template in YAML on one line, of characters of several bytes.
func onALine(n int) string {
	return "{Resources: {" + numbered(n, "R%d: {Type: AWS::IAM::Role, Metadata: "+strings.Repeat("é", 100)+"}, ") + "T: {Type: AWS::SNS::Topic}}}"
}

func inLoop(items, body string) string {
	return `{"Resources":{"Fn::ForEach::A":["V",[` + items + `],{` + body + `}]}}`
}

func longID(n int, typ, property string) string {
	return `{"Resources":{"` + strings.Repeat("I", n/2) + `":{"Type":"` + typ + `","Properties":{` + property + `}}}}`
}

// stackSet is a template with a StackSet that has a template.
func stackSet(body string) string {
	return `{"Resources":{"S":{"Type":"AWS::CloudFormation::StackSet","Properties":{"TemplateBody":` + quoted(body) + `}}}}`
}

// quoted is a JSON string; body has no character that Go and JSON quote
// differently.
func quoted(body string) string { return strconv.Quote(body) }

// repeated is a piece as often as n bytes hold.
func repeated(n int, piece string) string { return strings.Repeat(piece, max(0, n)/len(piece)) }

// numbered is a piece with numbers that differ, until there are n bytes.
func numbered(n int, piece string) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, piece, i)
	}
	return b.String()
}
