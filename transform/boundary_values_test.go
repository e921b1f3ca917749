package transform_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/generated"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// TestBoundaryValues makes boundaries of every form at random, and holds what
// the macro says about them against what CloudFormation makes of them, under
// each assignment of what the template leaves open:
//
//   - What is kept under keep, and what is called certain in any mode, is always
//     some boundary.
//   - What is kept under replace and reject is always the environment's.
//   - What is filled was needless where it always was a boundary. Few are.
func TestBoundaryValues(t *testing.T) {
	first, count := generated.Seeds(t, 300)
	var counts valueCounts
	for seed := first; seed < first+count; seed++ {
		g := valueGenerator{Rand: rand.New(rand.NewPCG(seed, 0))}
		require.NoError(t, counts.check(g.template()), "SEED=%d GENERATED=1", seed)
	}
	t.Logf("%d values: %+v", count, counts)
	require.Less(t, counts.needless*30, counts.filled, "more than one of 30 values is filled without need: %+v", counts)
}

// valueCounts is what was done to values.
type valueCounts struct {
	kept, filled, replaced, refused int // filled under keep
	certain                         int // called a boundary by itself
	needless                        int // filled, and always a boundary
	needlessReplaced                int // replaced, and always the environment's boundary
}

// valueCase is a template with one role, which has a boundary.
type valueCase struct {
	template, parameters map[string]any
	value                any
	options              transform.Options
}

func (n *valueCounts) check(c valueCase) error {
	fragment, parameters := marshal(c.template), marshal(c.parameters)
	got, report, err := checkLaws(transform.Macro{Store: values{"dev": devARN}, Options: c.options}, fragment, `{"Environment":"dev"}`, string(parameters))
	if err != nil {
		return fmt.Errorf("%w: %s with %s", err, fragment, parameters)
	}
	if got.Status != "success" {
		n.refused++
		return nil
	}
	return n.count(c, report.Changes[0], c.oracle(report.Boundary))
}

// oracle judges the value as it was written.
func (c valueCase) oracle(arn string) boundCheck {
	of := boundCheck{options: c.options, arn: arn, pseudo: here(), parameters: c.parameters}
	if c.options.Portable {
		of.elsewhere()
	}
	of.scope = scope{
		parameters: object(c.template["Parameters"]), values: c.parameters, mappings: object(c.template["Mappings"]), conditions: object(c.template["Conditions"]),
		resources: object(c.template["Resources"]), pseudo: of.pseudo,
	}
	return of
}

func (n *valueCounts) count(c valueCase, change rules.Change, of boundCheck) error {
	value := marshal(c.value)
	if change.Certain {
		n.certain++
		if !of.mayStay(c.value) {
			return fmt.Errorf("%s is called certain: %s with %s", value, marshal(c.template), marshal(c.parameters))
		}
	}
	switch change.Action {
	case rules.Kept:
		n.kept++
		if !of.isBoundary(c.value) && !(c.options.Existing == rules.Keep && of.mayStay(c.value)) {
			return fmt.Errorf("%s is kept: %s with %s", value, marshal(c.template), marshal(c.parameters))
		}
	case rules.Filled:
		if c.options.Existing != rules.Keep {
			break
		}
		n.filled++
		if of.always(c.value, isPolicyARN) {
			n.needless++
		}
	case rules.Replaced:
		n.replaced++
		if of.always(c.value, func(text string) bool { return text == of.arn }) {
			n.needlessReplaced++
		}
	}
	return nil
}

// always reports whether a value is deployed, and as wanted, in every world.
func (c boundCheck) always(v any, wanted func(string) bool) bool {
	is := true
	c.scope.everyOutcome(v, func(o outcome) bool {
		is = is && !o.fails && wanted(o.text)
		return is
	})
	return is
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// valueGenerator makes values that often are the ARN of a policy.
type valueGenerator struct{ *rand.Rand }

func (g valueGenerator) one(of ...any) any { return of[g.IntN(len(of))] }

func fn(name string, argument any) any { return map[string]any{name: argument} }

func list(of ...any) []any { return of }

var noValue = fn("Ref", "AWS::NoValue")

func (g valueGenerator) template() valueCase {
	parameters, given := map[string]any{}, map[string]any{}
	for _, name := range []string{"A", "B", "C"} {
		declaration, value := g.parameter()
		parameters[name] = declaration
		if value != nil {
			given[name] = value
		}
	}
	value := g.value(3)
	return valueCase{
		value: value, parameters: given,
		options: transform.Options{
			Existing: []rules.Existing{rules.Keep, rules.Keep, rules.Replace, rules.Reject}[g.IntN(4)],
			Portable: g.IntN(8) == 0,
		},
		template: map[string]any{
			"Parameters": parameters,
			"Conditions": map[string]any{
				"HasA": fn("Fn::Not", list(fn("Fn::Equals", g.one(list(fn("Ref", "A"), ""), list("", fn("Ref", "A")))))),
				"NoB":  g.one(fn("Fn::Equals", list(fn("Ref", "B"), "")), fn("Fn::Equals", list(fn("Ref", "B"), "none"))),
				"HasB": fn("Fn::Not", list(fn("Condition", g.one("NoB", "HasB")))),
			},
			"Mappings": map[string]any{"M": map[string]any{
				"a": map[string]any{"x": devARN, "y": "none", "z": "dev-boundary"},
				"b": map[string]any{"x": g.one(devARN, "arn:aws:iam::aws:policy/X", ""), "z": g.one("other", "x/y", 5)},
			}},
			"Resources": map[string]any{
				"P":      map[string]any{"Type": "AWS::IAM::ManagedPolicy", "Properties": g.policy()},
				"Bucket": map[string]any{"Type": "AWS::S3::Bucket"},
				"R":      map[string]any{"Type": "AWS::IAM::Role", "Properties": map[string]any{"PermissionsBoundary": value}},
			},
		},
	}
}

// parameter is a declaration, and a value that it allows.
func (g valueGenerator) parameter() (declaration map[string]any, value any) {
	arn := g.one(devARN, "arn:aws:iam::aws:policy/X")
	switch g.IntN(8) {
	case 0:
		return map[string]any{"Type": "String", "MinLength": g.one(1, "20")}, arn
	case 1:
		return map[string]any{"Type": "String", "MinLength": 1, "Default": g.one(arn, "none")}, g.one(arn, "none")
	case 2:
		return map[string]any{"Type": "String", "AllowedValues": g.one(list(devARN), list(devARN, "arn:aws:iam::aws:policy/X"), list(devARN, ""), list(devARN, "none"))}, devARN
	case 3:
		return map[string]any{"Type": "String", "AllowedPattern": g.one("arn:.+", "arn:.*|", ".*", "^arn:aws:iam::[0-9a-z]+:policy/.+$")}, arn
	case 4:
		return map[string]any{"Type": g.one("AWS::SSM::Parameter::Value<String>", "CommaDelimitedList", "Number"), "MinLength": 1}, g.one("/boundary", nil)
	case 5:
		return map[string]any{"Type": "String", "AllowedValues": list("dev-boundary", "other")}, "other"
	case 6:
		return map[string]any{"Type": "String", "AllowedValues": list("a", "b")}, "a"
	}
	return map[string]any{"Type": "String", "Default": g.one("", arn)}, g.one("", arn, nil)
}

func (g valueGenerator) policy() map[string]any {
	p := map[string]any{"PolicyDocument": map[string]any{}}
	if g.IntN(4) > 0 {
		p["ManagedPolicyName"] = g.one("dev-boundary", "dev-boundary", "other", g.name(1), noValue, fn("Fn::If", list("D", "dev-boundary", noValue)))
	}
	if g.IntN(4) > 0 {
		p["Path"] = g.one("/platform/", "/platform/", "/", noValue, fn("Fn::If", list("D", "/platform/", g.one(noValue, "/platform/", ""))), fn("Fn::Sub", "/platform/"))
	}
	return p
}

func (g valueGenerator) value(depth int) any {
	if depth == 0 {
		return g.leaf()
	}
	switch g.IntN(15) {
	case 14:
		name := g.one("A", "B")
		return fn("Fn::If", list(g.one("HasA", "NoB", "HasB"), g.one(fn("Ref", name), g.value(depth-1)), g.one(fn("Ref", name), noValue, devARN)))
	case 0, 1, 2:
		return fn("Fn::If", list(g.one("C", "D"), g.value(depth-1), g.value(depth-1)))
	case 3, 4:
		return fn("Fn::Sub", g.subText())
	case 5:
		return fn("Fn::Sub", list(g.one("${V}", "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${V}", "${V}${A}", "x${V}", "${V}:policy/x"),
			map[string]any{"V": g.one(g.value(depth-1), g.name(depth-1))}))
	case 6:
		return fn("Fn::Join", list(":", list("arn", g.one("aws", fn("Ref", "AWS::Partition")), "iam:", g.one(account, "aws", fn("Ref", "AWS::AccountId"), fn("Ref", "A")),
			g.one("policy/platform/dev-boundary", fn("Fn::Join", list("/", list("policy", "platform", g.name(depth-1)))), "role/x", fn("Ref", "B")))))
	case 7:
		return fn("Fn::Join", list(g.one("", ""), list(g.value(depth-1), g.one("", g.name(depth-1), noValue))))
	case 8:
		return fn("Fn::Select", list(g.one(0, 1, "1", fn("Ref", "A"), 2), list(g.value(depth-1), g.value(depth-1))))
	case 9:
		return fn("Fn::Select", list(g.one(0, 1), fn("Fn::Split", list(g.one("|", ","), g.one("x|"+devARN, devARN+"|x", fn("Ref", "A"))))))
	case 10, 11:
		argument := list("M", g.key("a", "b", "c"), g.key("x", "y"))
		if g.IntN(3) == 0 {
			argument = append(argument, map[string]any{"DefaultValue": g.value(depth - 1)})
		}
		return fn("Fn::FindInMap", argument)
	}
	return g.leaf()
}

func (g valueGenerator) key(of ...any) any {
	return g.one(g.one(of...), g.one(of...), fn("Ref", g.one("A", "B", "C")), fn("Ref", "AWS::Region"), fn("Fn::If", list("C", g.one(of...), g.one(of...))))
}

func (g valueGenerator) subText() any {
	return g.one(
		"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/dev-boundary",
		"arn:aws:iam::"+account+":policy/platform/${C}", "arn:aws:iam::aws:policy/X", "arn:${A}:iam::${B}:policy/${C}", "arn:aws:iam::${A}", "arn:aws:iam::aws:policy${A}X",
		"${A}", "${A}${B}", "${P}", "${P.PolicyArn}", "${P.AttachmentCount}", "${Bucket.Arn}", "${Custom.Boundary}", "${Nobody}", "${AWS::NoValue}", "${AWS::StackId}",
		"arn:aws:iam::aws:policy/${AWS::NoValue}", "arn:aws:iam::aws:policy/${AWS::StackName}", "arn:aws:iam::${!AWS::AccountId}:policy/x", "",
		"{{resolve:ssm:/${A}}}", "arn:aws:iam::aws:policy/{{resolve:ssm:/x}}",
	)
}

func (g valueGenerator) leaf() any {
	return g.one(
		devARN, devARN, devARN, "arn:aws:iam::aws:policy/X", "arn:aws-cn:iam::aws:policy/X", "none", " ", "", "true", true, 5, nil, map[string]any{}, list(devARN),
		"arn:aws:iam::"+account+":role/x", "arn:aws:iam::#{AWS::AccountId}:policy/x", "arn:aws:iam::${AWS::AccountId}:policy/x",
		"{{resolve:ssm:/b}}", "arn:aws:iam::aws:policy/{{resolve:ssm:/b}}", noValue,
		fn("Ref", "A"), fn("Ref", "B"), fn("Ref", "C"), fn("Ref", "P"), fn("Ref", "P"), fn("Ref", "Bucket"), fn("Ref", "Nobody"), fn("Ref", "AWS::AccountId"),
		fn("Fn::GetAtt", list("P", "PolicyArn")), fn("Fn::GetAtt", "P.PolicyArn"), fn("Fn::GetAtt", list("P", "AttachmentCount")), fn("Fn::GetAtt", list("Custom", "Arn")),
		fn("Fn::GetAtt", list("Nested", "Outputs.B")), fn("Fn::ImportValue", "b"), fn("Fn::Base64", devARN), fn("Fn::If", list("C", devARN)), fn("Fn::Sub", g.subText()),
		fn("Fn::New", devARN), map[string]any{"Ref": "A", "Fn::Sub": "x"},
	)
}

// name is a part of an ARN.
func (g valueGenerator) name(depth int) any {
	if depth > 0 && g.IntN(3) == 0 {
		return fn("Fn::If", list("C", g.name(depth-1), g.name(depth-1)))
	}
	return g.one("dev-boundary", "dev-boundary", "x", "", fn("Ref", "A"), fn("Ref", "B"), fn("Fn::FindInMap", list("M", g.key("a", "b"), "z")), fn("Fn::ImportValue", "n"),
		fn("Ref", "AWS::StackName"), fn("Fn::GetAtt", list("Custom", "Name")), fn("Fn::Join", list("-", list("dev", "boundary"))), "{{resolve:ssm:/n}}", noValue, fn("Fn::New", "x"))
}
