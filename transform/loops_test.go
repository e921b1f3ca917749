package transform_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/generated"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// TestGeneratedLoops makes templates of loops at random, and expands them. When
// the macro answers with success, every role of the expanded result is bound;
// and so is every role when the macro comes after the expansion.
func TestGeneratedLoops(t *testing.T) {
	first, count := generated.Seeds(t, 200)
	counts := map[string]int{}
	for seed := first; seed < first+count; seed++ {
		g := loopGenerator{r: rand.New(rand.NewPCG(seed, 0))}
		fragment, options := g.template(), g.options()
		err := checkExpanded(fragment, options, counts)
		require.NoError(t, err, "SEED=%d GENERATED=1\n%+v\n%s", seed, options, fragment)
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%7d %5.1f%% %s", counts[what], 100*float64(counts[what])/float64(count), what)
	}
	require.Greater(t, 2*counts["success, with roles"], int(count), "most templates are refused, and try nothing")
}

const loopParameters = `{"List":["a","Role"]}`

// checkExpanded checks the laws on a template, and the roles of what its loops
// make, with the macro before and behind their expansion.
func checkExpanded(fragment []byte, o transform.Options, counts map[string]int) error {
	m := transform.Macro{Store: values{"dev": devARN}, Options: o}
	got, report, err := checkLaws(m, fragment, `{"Environment":"dev"}`, loopParameters)
	if err != nil {
		return err
	}
	if got.Status != "success" {
		counts["refused"]++
		countReason(report.Err, "refused: ", counts)
	}
	var before []byte
	for _, innermost := range []bool{false, true} {
		e := expander{lists: map[string][]string{"List": {"a", "Role"}}, innermost: innermost}
		expanded, err := e.expandText(fragment)
		if err != nil {
			counts["refused by CloudFormation"]++
			continue
		}
		if bytes.Equal(expanded, before) {
			continue // the order makes no difference
		}
		before = expanded
		if got.Status == "success" {
			if err := checkRoles(got.Fragment, e, o, report, counts); err != nil {
				return fmt.Errorf("the macro before the loops, innermost first %v: %w\n%s", innermost, err, got.Fragment)
			}
		}
		if err := checkBehind(m, expanded, counts); err != nil {
			return fmt.Errorf("the macro behind the loops, innermost first %v: %w", innermost, err)
		}
	}
	return nil
}

// countReason counts the first finding of a refusal.
func countReason(err error, what string, counts map[string]int) {
	if refusal, ok := errors.AsType[*rules.Refusal](err); ok {
		counts[what+string(refusal.Findings[0].Code)]++
	}
}

func checkBehind(m transform.Macro, expanded []byte, counts map[string]int) error {
	got, report, err := checkLaws(m, expanded, `{"Environment":"dev"}`, loopParameters)
	switch {
	case err != nil:
		return fmt.Errorf("%w\n%s", err, expanded)
	case got.Status != "success":
		countReason(report.Err, "refused behind the loops: ", counts)
		return nil
	}
	return checkRoles(got.Fragment, expander{}, m.Options, report, nil)
}

// checkRoles expands a result and looks for roles that are not bound.
func checkRoles(fragment []byte, e expander, o transform.Options, report transform.Report, counts map[string]int) error {
	t, err := parseOrdered(fragment)
	if err != nil {
		return err
	}
	made, err := e.expand(t)
	if err != nil {
		return nil // CloudFormation refuses the template
	}
	roles := 0
	c := expandedCheck{expander: e, boundCheck: boundCheck{options: o, arn: report.Boundary, pseudo: here()}, roles: &roles}
	if o.Portable {
		c.elsewhere()
	}
	if err := c.template(made); err != nil {
		return err
	}
	if counts != nil && !e.innermost {
		counts["success"]++
		if roles > 0 {
			counts["success, with roles"]++
		}
	}
	return nil
}

// loopGenerator makes a template. Most of what it writes is harmless, so that
// the template is not refused, and its roles are judged.
type loopGenerator struct {
	r       *rand.Rand
	serial  int
	loops   []generatedLoop // around
	unusual int             // of 100 choices
}

type generatedLoop struct {
	identifier string
	name       string // one that the identifier may have
	item       string
}

func (g *loopGenerator) options() transform.Options {
	return transform.Options{
		Existing:   []rules.Existing{rules.Replace, rules.Keep}[g.r.IntN(2)],
		BlindSpots: transform.RejectBlindSpots,
		BoundUsers: g.r.IntN(2) == 0,
		Portable:   g.r.IntN(4) == 0,
	}
}

func (g *loopGenerator) one(of ...string) string { return of[g.r.IntN(len(of))] }

// rarely reports whether it is time for something that is likely to be refused.
func (g *loopGenerator) rarely() bool { return g.r.IntN(100) < g.unusual }

func (g *loopGenerator) template() []byte {
	g.unusual = []int{0, 2, 5, 15}[g.r.IntN(4)]
	return []byte(`{"Parameters":{"List":{"Type":"CommaDelimitedList"}},"Resources":` + g.resources(0, 0) + `}`)
}

// variable is one of the loops around, spelled in one of the ways.
func (g *loopGenerator) variable() string {
	name := g.one("A", "Xa", "XRole", "AWS::Region")
	if len(g.loops) > 0 && g.r.IntN(12) > 0 {
		name = g.around().name
	}
	if g.rarely() && len(g.loops) > 0 {
		name = g.one(g.around().identifier, "X${"+g.around().name+"}")
	}
	return g.one("${", "${", "${", "&{") + name + "}"
}

// loop writes a loop whose body is made inside of it.
func (g *loopGenerator) loop(body func() string) string {
	g.serial++
	head := fmt.Sprintf(`"Fn::ForEach::L%d":`, g.serial)
	l := g.head()
	collection := g.collection(l.item)
	g.loops = append(g.loops, l)
	text := head + fmt.Sprintf(`[%s,%s,%s]`, jsonText(l.identifier), collection, body())
	g.loops = g.loops[:len(g.loops)-1]
	return text
}

func (g *loopGenerator) around() generatedLoop { return g.loops[g.r.IntN(len(g.loops))] }

// head makes an identifier, often out of a variable around.
func (g *loopGenerator) head() generatedLoop {
	name := g.one("A", "B", "C", "D")
	l := generatedLoop{identifier: name, name: name, item: g.item()}
	if len(g.loops) == 0 || g.r.IntN(3) > 0 {
		return l
	}
	outer := g.around()
	switch g.r.IntN(4) {
	case 0:
		l.identifier, l.name = "X${"+outer.name+"}", "X"+outer.item
	case 1:
		l.identifier, l.name = "${"+outer.name+"}", outer.item
	case 2:
		l.identifier, l.name = "X&{"+outer.name+"}Y", "X"+lettersAndDigits(outer.item)+"Y"
	case 3:
		l.identifier, l.name = outer.identifier, outer.name
	}
	return l
}

func (g *loopGenerator) collection(item string) string {
	if g.r.IntN(25) == 0 {
		return `{"Ref":"List"}`
	}
	items := []string{jsonText(item)}
	if g.r.IntN(2) == 0 {
		items = append(items, jsonText(g.item()))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (g *loopGenerator) item() string {
	if g.rarely() {
		return g.one("Role", "IAM::Role", "User", "PermissionsBoundary", "Boundary", "V2", "ScheduleV2", "Type", "Properties", "ForEach::Q", "Ref", "StackSet",
			"", "{", "$", "AWS::NoValue", "Fn::If", g.variable(), g.variable()+"b", `"`)
	}
	return g.one("a", "b", "Topic", "Queue", "Path", "x-y", "Name", "Description", "1", "X", "A", "B")
}

func (g *loopGenerator) resources(depth, templates int) string {
	var members []string
	for range 1 + g.r.IntN(2) {
		g.serial++
		switch {
		case depth < 3 && (g.r.IntN(2) == 0 || depth == 0):
			members = append(members, g.loop(func() string { return g.resources(depth+1, templates) }))
		default:
			members = append(members, jsonText(fmt.Sprint("R", g.serial, g.variable()))+":"+g.resource(templates))
		}
	}
	if g.rarely() {
		members = append(members, jsonText(g.one("Type", "Fn::", "Fn::ForEach::", "R")+g.variable())+":"+g.one(g.resource(templates), `["B",["a"],{"Q":`+g.resource(templates)+`}]`))
	}
	return membersOf(members)
}

func membersOf(members []string) string { return "{" + strings.Join(members, ",") + "}" }

func (g *loopGenerator) resource(templates int) string {
	typ := g.typ()
	if typ == stackSet && templates < 2 {
		body := `{"Resources":` + g.resources(1+g.r.IntN(3), templates+1) + `}`
		return membersOf([]string{`"Type":` + jsonText(g.one(typ, "AWS::CloudFormation::ChangeSet")), `"Properties":{"TemplateBody":` + jsonText(body) + `}`})
	}
	if typ == stackSet {
		typ = "AWS::IAM::Role"
	}
	members := []string{`"Type":` + jsonText(typ)}
	if g.r.IntN(8) > 0 {
		members = append(members, `"Properties":`+g.properties(strings.Contains(typ, "Serverless")))
	}
	if g.r.IntN(12) == 0 {
		members = append(members, `"Condition":`+jsonText(g.variable()))
	}
	if g.rarely() {
		members = append(members, jsonText(g.one("", "Ty", "Prop", "Cond")+g.variable())+`:"AWS::IAM::Role"`)
	}
	g.r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return membersOf(members)
}

const stackSet = "AWS::CloudFormation::StackSet"

func (g *loopGenerator) typ() string {
	if g.rarely() {
		return g.one("AWS::IAM::Ro", "AWS::", "") + g.variable() + g.one("", "le")
	}
	if g.r.IntN(4) == 0 {
		return g.one("AWS::IAM::", "AWS::SNS::", "AWS::SNS::T", "AWS::SQS::"+g.variable()) + g.variable() + g.one("", "", "x", "le")
	}
	return g.one("AWS::IAM::Role", "AWS::IAM::Role", "AWS::IAM::Role", "AWS::IAM::User", "AWS::SNS::Topic",
		"AWS::Serverless::Function", "AWS::Serverless::StateMachine", stackSet, stackSet)
}

func (g *loopGenerator) properties(serverless bool) string {
	members := []string{`"Path":` + jsonText(g.variable())}
	if g.r.IntN(2) == 0 {
		members = append(members, `"PermissionsBoundary":`+g.boundary(0))
	}
	if g.r.IntN(2) == 0 {
		members = append(members, g.property())
	}
	if g.r.IntN(4) == 0 {
		members = append(members, g.loop(func() string {
			if g.r.IntN(4) == 0 {
				return membersOf([]string{g.property(), g.loop(func() string { return membersOf([]string{g.property()}) })})
			}
			return membersOf([]string{g.property()})
		}))
	}
	if serverless && g.r.IntN(2) == 0 {
		members = append(members, `"Events":`+g.events(0))
	}
	g.r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return membersOf(members)
}

// property is a member whose name a loop makes.
func (g *loopGenerator) property() string {
	name := g.one("Tag", "Permissions", "Permission", "", "Ev", "Fn") + g.variable() + g.one("", "", "s", "Boundary")
	return jsonText(name) + ":" + g.one(`"x"`, g.boundary(0), `{"E":{"Type":"ScheduleV2"}}`, `["B",["a"],{"PermissionsBoundary":""}]`)
}

func (g *loopGenerator) boundary(depth int) string {
	if depth < 2 && g.r.IntN(5) == 0 {
		return `{"Fn::If":["C",` + g.boundary(depth+1) + `,` + g.boundary(depth+1) + `]}`
	}
	variable := g.variable()
	return g.one(jsonText(devARN), `"arn:aws:iam::aws:policy/Other"`, `{"Ref":"AWS::NoValue"}`, `""`, jsonText(variable), jsonText("arn:"+variable),
		`{"Fn::Sub":`+jsonText(variable)+`}`, `{"Ref":`+jsonText(variable[2:len(variable)-1])+`}`, `{"Ref":`+jsonText(variable)+`}`,
		`{"Fn::Join":["",[`+jsonText(variable)+`]]}`, jsonText("{\"Ref\":"+variable+"}"))
}

func (g *loopGenerator) events(depth int) string {
	var members []string
	for range 1 + g.r.IntN(2) {
		if depth < 2 && g.r.IntN(2) == 0 {
			members = append(members, g.loop(func() string { return g.events(depth + 1) }))
			continue
		}
		g.serial++
		event := []string{`"Type":` + jsonText(g.one("ScheduleV2", "ScheduleV2", "Schedule", "Api", "Schedule"+g.variable(), g.variable()+"V2"))}
		if g.r.IntN(2) == 0 {
			event = append(event, `"Properties":{"PermissionsBoundary":`+g.boundary(0)+`}`)
		}
		if g.rarely() {
			event = append(event, g.property())
		}
		members = append(members, jsonText(fmt.Sprint("E", g.serial, g.variable()))+":"+membersOf(event))
	}
	return membersOf(members)
}

func jsonText(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}
