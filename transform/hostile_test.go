package transform_test

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"permissions-boundary-macro/transform"
)

// Loops deeper than CloudFormation takes are refused, and not read at the cost
// of their depth squared.
func TestDeepLoops(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(`{"Resources":` + strings.Repeat(`{"Fn::ForEach::L":["V",["a"],`, depth) + `{"R":{"Type":"AWS::IAM::Role"}}` + strings.Repeat("]}", depth) + "}")
	}
	m := transform.Macro{Store: values{"dev": devARN}}
	for depth, want := range map[int]string{100: "", 101: "cannot be read", 3000: "cannot be read"} {
		_, report := m.Respond(context.Background(), eventWith(nested(depth), `{"Environment":"dev"}`, `{}`))
		if want == "" {
			assert.NoError(t, report.Err)
			continue
		}
		assert.ErrorContains(t, report.Err, want)
	}
}

// Templates inside of each other are read as deep as anybody needs, and refused
// beyond, for each is read once for every one that it is in.
func TestDeepTemplates(t *testing.T) {
	m := transform.Macro{Store: values{"dev": devARN}}
	body := `Resources: {R: {Type: AWS::IAM::Role}}`
	for depth := 1; depth <= 11; depth++ {
		body = "Resources:\n  S:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n      TemplateBody: |\n        " +
			strings.ReplaceAll(body, "\n", "\n        ") + "\n"
		_, report := m.Respond(context.Background(), eventWith([]byte(inStackSet(body)), `{"Environment":"dev"}`, `{}`))
		if depth < 10 {
			assert.NoError(t, report.Err, depth)
			continue
		}
		assert.ErrorContains(t, report.Err, "S (AWS::CloudFormation::StackSet) has a template inside of so many others")
	}
}

// hostile are fragments of about n bytes in shapes that would cost more than
// their length, were there no bounds.
var hostile = map[string]func(n int) string{
	"types of a loop": func(n int) string {
		items := strings.Repeat(`"Role",`, 400) + `"X"`
		return inLoop(items, repeated(n-len(items), `"R":{"Type":"AWS::IAM::${V}${V}${V}${V}"},`)+lastTopic)
	},
	"types of a loop with long items": func(n int) string {
		items := strings.Repeat(`"`+strings.Repeat("R-", 120)+`",`, n/500) + `"X"`
		return inLoop(items, repeated(n/2, `"a":{"Type":"&{V}z"},`)+lastTopic)
	},
	"a name of braces in a loop": func(n int) string {
		return inLoop(`"a"`, `"R":{"Type":"T::T","Properties":{"`+strings.Repeat("{", n)+`}":1}}}`)
	},
	"a Type of braces in a loop": func(n int) string {
		return inLoop(`"a"`, `"R":{"Type":"`+strings.Repeat("${", n/2)+`}"}}`)
	},
	"a long ID with data sources": func(n int) string {
		return `{"Resources":{"` + strings.Repeat("I", n/2) + `":{"Type":"AWS::Serverless::GraphQLApi","Properties":{"DataSources":{"Lambda":{` +
			repeated(n/2, `"a":{},`) + `"b":{}}}}}}}`
	},
	"a long ID with events": func(n int) string {
		return `{"Resources":{"` + strings.Repeat("I", n/2) + `":{"Type":"AWS::Serverless::Function","Properties":{"Events":{` +
			repeated(n/2, `"a":{"Type":"ScheduleV2"},`) + `"b":{}}}}}}`
	},
	"a long ID with a template": func(n int) string {
		body := `{"Resources":{` + repeated(n/2, `"a":{"Type":"AWS::IAM::Role"},`) + `"b":{}}}`
		return `{"Resources":{"` + strings.Repeat("I", n/2) + `":{"Type":"AWS::CloudFormation::StackSet","Properties":{"TemplateBody":` +
			strconv.Quote(body) + `}}}}`
	},
	"a template of aliases": func(n int) string {
		body := "a0: &a0 [x, x, x, x, x, x, x, x]\n"
		for i := range 30 {
			body += fmt.Sprintf("a%[1]d: &a%[1]d [*a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d]\n", i+1, i)
		}
		return inStackSet(body + strings.Repeat("#", n))
	},
	"a template of aliases of a long text": func(n int) string {
		return inStackSet("A: &a " + strings.Repeat("x", n/2) + "\nB: [" + repeated(n/2, "*a, ") + "]\nResources: {R: {Type: AWS::IAM::Role}}\n")
	},
	"a template of merge keys of a long text": func(n int) string {
		return inStackSet("A: &a {b: " + strings.Repeat("x", n/2) + "}\nB: [" + repeated(n/2, "{<<: *a}, ") + "]\nResources: {R: {Type: AWS::IAM::Role}}\n")
	},
	"templates of aliases": func(n int) string {
		body := `"S":` + stackSetOf("A: &a [x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x]\nB: &b [*a, *a, *a, *a, *a, *a, *a]\nC: &c [*b, *b, *b, *b, *b, *b, *b]\nD: [*c, *c, *c, *c, *c, *c, *c, *c]") + ","
		return `{"Resources":{` + repeated(n, body) + lastTopic + `}`
	},
	"templates in each other": func(n int) string {
		var b strings.Builder
		indent := ""
		for b.Len() < n {
			for line := range strings.Lines("Resources:\n R: {Type: AWS::IAM::Role}\n S:\n  Type: AWS::CloudFormation::StackSet\n  Properties:\n   TemplateBody: |\n") {
				b.WriteString(indent + line)
			}
			indent += "    "
		}
		return inStackSet(b.String() + indent + "Resources: {R: {Type: AWS::IAM::Role}}\n")
	},
	"a template on a line": func(n int) string {
		return inStackSet(templateOnALine(n))
	},
	"a template with a long first line": func(n int) string {
		var b strings.Builder
		for i := range n / 100 {
			fmt.Fprintf(&b, "  R%d:\n    Type: AWS::IAM::Role\n", i)
		}
		return inStackSet("#" + strings.Repeat("x", n/2) + "\nResources:\n" + b.String())
	},
	"a template on a line of another": func(n int) string {
		return inStackSet("Resources:\n  S:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n      TemplateBody: |\n        " + templateOnALine(n) + "\n")
	},
	"a template of lines of comments": func(n int) string {
		return inStackSet("Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n" + repeated(n, "      # c\n") + "      Path: /\n")
	},
	"comments behind an anchor": func(n int) string {
		var b strings.Builder
		for i := range n / 100 {
			fmt.Fprintf(&b, "  R%d: {Type: AWS::IAM::Role, Properties: *p}\n", i)
		}
		return inStackSet("Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties: &p\n" + repeated(n/2, "# c\n") + "      Path: /\n" + b.String())
	},
	"keys of a mapping that are not spelled out": func(n int) string {
		var b strings.Builder
		for i := range n / 50 {
			fmt.Fprintf(&b, `"k%d":{"v":"x"},`, i)
		}
		return `{"Mappings":{"M":{` + b.String() + `"z":{"v":"x"}}},"Resources":{` +
			repeated(n/2, `"R":`+roleWith(`{"Fn::FindInMap":["M",{"Ref":"P"},"v"]}`)+",") + lastTopic + `}`
	},
	"keys of many mappings": func(n int) string {
		var b, r strings.Builder
		for i := range n / 100 {
			fmt.Fprintf(&b, `"M%d":{"k":{"v":"x"}},`, i)
			fmt.Fprintf(&r, `"R":%s,`, roleWith(fmt.Sprintf(`{"Fn::FindInMap":["M%d","k",{"Ref":"P"}]}`, i)))
		}
		return `{"Mappings":{` + b.String() + `"z":{}},"Resources":{` + r.String() + lastTopic + `}`
	},
	"variables of a Fn::Sub": func(n int) string {
		var names, variables strings.Builder
		for i := range n / 25 {
			fmt.Fprintf(&names, `${v%d}`, i)
			fmt.Fprintf(&variables, `"v%d":"",`, i)
		}
		return `{"Resources":{"R":` + roleWith(`{"Fn::Sub":["`+names.String()+`",{`+variables.String()+`"z":""}]}`) + `}}`
	},
	"Fn::Join in each other": func(n int) string {
		depth := min(n/100, 3000)
		return `{"Resources":{"R":` + roleWith(strings.Repeat(`{"Fn::Join":["",[`, depth)+repeated(n/2, `"",`)+`""`+strings.Repeat(`]]}`, depth)) + `}}`
	},
	"members of a DeploymentPreference": func(n int) string {
		var b strings.Builder
		for i := range n / 25 {
			fmt.Fprintf(&b, `"k%d":1,`, i)
		}
		return `{"Globals":{"Function":{"DeploymentPreference":{"Enabled":false,` + b.String() + `"z":1}}},"Resources":{` +
			repeated(n/2, `"R":{"Type":"AWS::Serverless::Function"},`) + lastTopic + `}`
	},
	"parameters of a template": func(n int) string {
		var b strings.Builder
		for i := range n / 25 {
			fmt.Fprintf(&b, `"k%d":1,`, i)
		}
		return inStackSet(`{"Parameters":{` + b.String() + `"z":1},"Resources":{` + repeated(n/2, `"R":`+roleWith(`{"Ref":"Q"}`)+",") + lastTopic + `}`)
	},
	"a template of empty properties": func(n int) string {
		body := "Resources:\n" + func() string {
			var b strings.Builder
			for i := range n / 40 {
				fmt.Fprintf(&b, "  R%d:\n    Type: AWS::IAM::Role\n    Properties:\n", i)
			}
			return b.String()
		}()
		return inStackSet(body)
	},
	"parameters": func(n int) string {
		return `{"Resources":{` + repeated(n, `"F":{"Type":"AWS::Serverless::Function","Properties":{"PermissionsBoundary":{"Ref":"P"}}},`) + lastTopic + `}`
	},
	"mappings": func(n int) string {
		return `{"Mappings":{"M":{` + repeated(n/2, `"a":{"v":"x"},`) + `"b":{}}},"Resources":{` + lastTopic + `}`
	},
}

const lastTopic = `"T":{"Type":"AWS::SNS::Topic"}}`

func roleWith(boundary string) string {
	return `{"Type":"AWS::IAM::Role","Properties":{"PermissionsBoundary":` + boundary + `}}`
}

func templateOnALine(n int) string {
	var b strings.Builder
	for i := range n / 260 {
		fmt.Fprintf(&b, "R%d: {Type: AWS::IAM::Role, Metadata: %s}, ", i, strings.Repeat("é", 100))
	}
	return "{Resources: {" + b.String() + "T: {Type: AWS::SNS::Topic}}}"
}

func stackSetOf(body string) string {
	return `{"Type":"AWS::CloudFormation::StackSet","Properties":{"TemplateBody":` + strconv.Quote(body) + `}}`
}

func inStackSet(body string) string { return `{"Resources":{"S":` + stackSetOf(body) + `}}` }

func inLoop(items, body string) string {
	return `{"Resources":{"Fn::ForEach::A":["V",[` + items + `],{` + body + `]}}`
}

// repeated is a piece as often as n bytes hold.
func repeated(n int, piece string) string { return strings.Repeat(piece, n/len(piece)) }

// Memory grows with the length of the input, and no faster.
func TestHostileMemory(t *testing.T) {
	for name, make := range hostile {
		t.Run(name, func(t *testing.T) {
			once, twice := allocated(make(200_000)), allocated(make(400_000))
			t.Logf("%d kB of memory for 200 kB, %d for 400", once/1000, twice/1000)
			assert.Less(t, float64(twice), 2.6*float64(once))
			assert.Less(t, twice, uint64(400*400_000), "400 bytes in all for a byte")
		})
	}
}

func allocated(fragment string) uint64 {
	event := eventWith([]byte(fragment), `{"Environment":"dev"}`, `{"P":""}`)
	m := transform.Macro{Store: values{"dev": devARN}, Options: transform.Options{Existing: transform.Keep}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m.Respond(context.Background(), event)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Time, too: the rate does not fall with the length.
func BenchmarkHostile(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		for _, size := range []int{100_000, 1_000_000} {
			event := eventWith([]byte(hostile[name](size)), `{"Environment":"dev"}`, `{"P":""}`)
			b.Run(fmt.Sprintf("%s/%dkB", name, size/1000), func(b *testing.B) {
				m := transform.Macro{Store: values{"dev": devARN}, Options: transform.Options{Existing: transform.Keep}}
				b.SetBytes(int64(len(event)))
				for b.Loop() {
					m.Respond(context.Background(), event)
				}
			})
		}
	}
}
