package transform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/cases"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// optionsOf makes options of a byte, so that fuzzing tries them all.
func optionsOf(choice byte) transform.Options {
	o := transform.Options{
		Existing:              []rules.Existing{rules.Replace, rules.Keep, rules.Reject, ""}[choice&3],
		BlindSpots:            transform.Warn,
		BoundUsers:            choice&4 != 0,
		Portable:              choice&64 != 0,
		EnvironmentParameters: []string{"Environment", "Env"},
	}
	if choice&8 != 0 {
		o.BlindSpots = transform.RejectBlindSpots
	}
	if choice&16 != 0 {
		o.DefaultEnvironment = "dev"
		o.PinEnvironment = choice&32 != 0
	}
	return o
}

// FuzzRespond sends bytes that may be anything. There is always an answer, and
// it carries the requestId of an event that is valid JSON.
func FuzzRespond(f *testing.F) {
	for _, c := range loadCases(f) {
		event := c.event
		if event == nil {
			event = eventWith(c.fragment, c.params, c.parameters)
		}
		f.Add(event, byte(0))
	}
	f.Fuzz(func(t *testing.T, event []byte, choice byte) {
		m := transform.Macro{Store: values{"dev": devARN, "none": "none"}, Options: optionsOf(choice)}
		before := bytes.Clone(event)
		out, report := m.Respond(context.Background(), event)
		require.Equal(t, before, event, "the event was modified")
		got, err := parseResponse(out)
		require.NoError(t, err)
		if got.Status != "success" {
			require.Equal(t, "failure", got.Status)
			require.NotEmpty(t, got.ErrorMessage)
			require.Error(t, report.Err)
			return
		}
		var request struct {
			RequestID json.RawMessage `json:"requestId"`
			Fragment  json.RawMessage `json:"fragment"`
		}
		if json.Unmarshal(event, &request) != nil {
			return // deeper or with other escapes than encoding/json takes
		}
		require.NoError(t, checkOnlyBoundaries(request.Fragment, got.Fragment))
	})
}

// FuzzFragment checks the laws on fragments that may be any JSON, of whatever
// scope and shape.
func FuzzFragment(f *testing.F) {
	for i, c := range loadCases(f) {
		if c.fragment != nil {
			f.Add(c.fragment, byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, fragment []byte, choice byte) {
		if !json.Valid(fragment) {
			return // FuzzRespond has those
		}
		m := transform.Macro{Store: values{"dev": devARN}, Options: optionsOf(choice)}
		_, _, err := checkLaws(m, bytes.TrimSpace(fragment), `{"Environment":"dev"}`, `{"Empty":"","Same":"`+devARN+`"}`)
		require.NoError(t, err)
	})
}

// FuzzTemplate makes templates of the shapes that the rules know, and checks
// the laws on them. Its input decides at each turn what comes next.
func FuzzTemplate(f *testing.F) {
	for i := range 256 {
		f.Add(bytes.Repeat([]byte{byte(i), byte(i * 7), byte(i * 31), 3}, 40), byte(i))
	}
	f.Fuzz(func(t *testing.T, choices []byte, choice byte) {
		g := generator{choices: choices}
		fragment := []byte(g.template(0))
		require.True(t, json.Valid(fragment), "%s", fragment)
		m := transform.Macro{Store: values{"dev": devARN}, Options: optionsOf(choice)}
		_, _, err := checkLaws(m, fragment, `{"Environment":"dev"}`, `{"Empty":"","Same":"`+devARN+`","Off":"false"}`)
		require.NoError(t, err, "%s", fragment)
	})
}

// generator makes a template out of choices. Without further choices it takes
// the first of what there is to choose from.
type generator struct {
	choices []byte
	serial  int
}

func (g *generator) pick(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func (g *generator) one(of ...string) string { return of[g.pick(len(of))] }

func (g *generator) maybe(text string) string { return g.one("", text) }

// object puts members together with some white space, without the empty ones.
func (g *generator) object(members ...string) string {
	var some []string
	for _, m := range members {
		if m != "" {
			some = append(some, m)
		}
	}
	if g.pick(4) == 1 {
		for i, j := 0, len(some)-1; i < j; i, j = i+1, j-1 {
			some[i], some[j] = some[j], some[i]
		}
	}
	space := g.one("", " ", "\n\t")
	return "{" + space + strings.Join(some, space+","+space) + space + "}"
}

func (g *generator) template(depth int) string {
	return g.object(
		g.maybe(`"Description":"é\u00e9\/ 1.0"`),
		g.globals(),
		`"Resources":`+g.resources(depth, 1+g.pick(5)),
		g.maybe(`"Metadata":{"PermissionsBoundaryMacro":{"Environment":"prod"},"N":[1e3,-0,1.50]}`),
	)
}

func (g *generator) globals() string {
	if g.pick(3) != 1 {
		return ""
	}
	return `"Globals":` + g.object(
		`"Function":`+g.object(g.boundary(), g.deployment()),
		g.maybe(`"CapacityProvider":{"OperatorRole":"arn"}`))
}

func (g *generator) resources(depth, n int) string {
	var members []string
	for range n {
		g.serial++
		if depth < 4 && g.pick(6) == 1 {
			members = append(members, fmt.Sprintf(`"Fn::ForEach::L%d":["V%d",%s,%s]`, g.serial, depth,
				g.one(`["Role","User"]`, `{"Ref":"L"}`, `["Group"]`, `[]`), g.resources(depth+1, 1+g.pick(2))))
			continue
		}
		members = append(members, fmt.Sprintf(`"R%d":%s`, g.serial, g.resource(depth)))
	}
	if g.pick(16) == 1 {
		members = append(members, `"Type":"A::B"`)
	}
	return g.object(members...)
}

func (g *generator) resource(depth int) string {
	switch g.pick(12) {
	case 0, 1, 2:
		return g.object(`"Type":"AWS::IAM::Role"`, g.properties(g.boundary()), g.maybe(`"Condition":"C"`))
	case 3:
		return g.object(`"Type":"AWS::IAM::User"`, g.properties(g.boundary()))
	case 4, 5:
		return g.object(`"Type":"AWS::Serverless::Function"`, g.one("", `"IgnoreGlobals":"*"`, `"IgnoreGlobals":["Timeout"]`),
			g.properties(g.boundary(), g.events(depth), g.deployment()))
	case 6:
		return g.object(`"Type":"AWS::Serverless::StateMachine"`, g.properties(g.boundary(), g.events(depth)))
	case 7:
		return g.object(`"Type":"AWS::Serverless::`+g.one("CapacityProvider", "NetworkConnector", "GraphQLApi", "WebFunction", "Api", "New")+`"`,
			g.properties(g.maybe(`"OperatorRole":"arn"`), g.maybe(`"ExecutionRoleArn":{"Ref":"Empty"}`), g.maybe(`"Logging":false`)))
	case 8:
		if depth > 2 {
			return `{"Type":"AWS::CloudFormation::StackSet"}`
		}
		body, err := json.Marshal(g.template(depth + 2))
		if err != nil {
			panic(err)
		}
		return g.object(`"Type":"AWS::CloudFormation::StackSet"`, g.properties(`"TemplateBody":`+string(body)))
	case 9:
		return g.object(fmt.Sprintf(`"Type":"AWS::IAM::${V%d}"`, g.pick(3)), g.properties(g.boundary()))
	case 10:
		return g.one(`null`, `"text"`, `[]`, `{}`, `{"Type":{}}`, `{"Fn::New":{"Type":"AWS::IAM::Role"}}`, `{"Type":"AWS::CloudFormation::Stack"}`, `{"Type":"A::B::MODULE"}`, g.reported())
	}
	return g.object(`"Type":"AWS::S3::Bucket"`, g.properties(g.boundary()))
}

// reported is a resource that is a blind spot by what its properties say.
func (g *generator) reported() string {
	return g.one(
		`{"Type":"TF::AWS::IamRole"}`,
		`{"Type":"AWS::Athena::DataCatalog","Properties":{"Type":`+g.one(`"GLUE"`, `"FEDERATED"`, `{"Ref":"Same"}`, `{"Fn::If":["C","GLUE","HIVE"]}`, `{"Fn::New":"GLUE"}`)+`}}`,
		g.object(`"Type":"AWS::SSO::PermissionSet"`, g.properties(`"PermissionsBoundary":{"ManagedPolicyArn":`+g.value(0)+`}`)),
		`{"Type":"AWS::SSO::Assignment","Properties":{"PermissionSetArn":{"Fn::GetAtt":["R`+g.one("1", "2", "3")+`","PermissionSetArn"]}}}`,
		`{"Type":"AWS::SSM::Document","Properties":{"DocumentType":"Automation","Content":`+
			g.one(`{"Ref":"C"}`, `"{\"action\":\"aws:createStack\"}"`, `{"mainSteps":[{"action":"aws:deleteStack"}]}`)+`}}`,
	)
}

func (g *generator) properties(members ...string) string {
	switch g.pick(8) {
	case 1:
		return ""
	case 2:
		return `"Properties":` + g.one(`null`, `{"Ref":"AWS::NoValue"}`, `"text"`, `{"Fn::If":["C",{},{}]}`, `{"Fn::New":{}}`, `[]`)
	}
	loop := g.one("", "", "", `"Fn::ForEach::P":["P",["Path"],{"${P}":"/"}]`, `"Fn::ForEach::Q":["Q",{"Ref":"L"},{"${Q}":"/"}]`)
	return `"Properties":` + g.object(append(members, g.maybe(`"Path":"\u002f","N":12345678901234567890`), loop)...)
}

func (g *generator) boundary() string {
	if g.pick(2) == 0 {
		return ""
	}
	return `"PermissionsBoundary":` + g.value(0)
}

func (g *generator) value(depth int) string {
	if depth < 4 && g.pick(3) == 1 {
		return `{"Fn::If":["C",` + g.value(depth+1) + `,` + g.value(depth+1) + `]}`
	}
	return g.one(`{"Ref":"AWS::NoValue"}`, `""`, `null`, `{}`, `"`+devARN+`"`, `"arn:aws:iam::aws:policy/Other"`,
		`{"Ref":"Empty"}`, `{"Ref":"Same"}`, `{"Ref":"Unknown"}`, `{"Fn::Sub":"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/dev-boundary"}`,
		`{"Fn::FindInMap":["A","B","C",{"DefaultValue":{"Ref":"AWS::NoValue"}}]}`, `{"Fn::If":["C","x"]}`, `{"Ref":"A","Ref":"AWS::NoValue"}`, `{"Fn::New":"x"}`, `7`, `[1]`, `true`)
}

func (g *generator) events(depth int) string {
	if g.pick(2) == 0 {
		return ""
	}
	return `"Events":` + g.object(
		`"S":`+g.object(`"Type":"ScheduleV2"`, g.properties(g.boundary())),
		`"A":`+g.one(`{"Type":"Api"}`, `null`, `{"Type":{"Ref":"T"}}`, `{"Fn::New":{"Type":"ScheduleV2"}}`, `{}`),
		g.maybe(fmt.Sprintf(`"Fn::ForEach::E%d":["E",["a"],{"${E}":{"Type":"ScheduleV2"}}]`, depth)))
}

func (g *generator) deployment() string {
	return g.one("", `"DeploymentPreference":{"Type":"AllAtOnce"}`, `"DeploymentPreference":{"Enabled":false}`, `"DeploymentPreference":{"Enabled":{"Ref":"Off"}}`,
		`"DeploymentPreference":{"Role":"arn"}`, `"DeploymentPreference":null`)
}

// FuzzYAML rewrites texts that may be templates in YAML, and has them adopt the
// macro, and checks the laws.
func FuzzYAML(f *testing.F) {
	for i, c := range cases.Read(f, "testdata/yaml") {
		f.Add(loadYAMLCase(f, c).src, byte(i))
	}
	f.Fuzz(func(t *testing.T, src []byte, choice byte) {
		m := transform.Macro{Store: values{"dev": devARN}, Options: optionsOf(choice)}
		_, _, err := checkYAML(m, src, `{"Environment":"dev"}`)
		require.NoError(t, err)
		doc, err := template.Parse(src)
		if err != nil || doc.Transform() != nil {
			return
		}
		if out, err := doc.Adopt(rules.MacroName); err == nil {
			require.NoError(t, checkAdopted(src, out))
		}
	})
}
