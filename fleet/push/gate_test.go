package push_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet/push"
	"permissions-boundary-macro/internal/cases"
)

// gateCase is a change set of testdata/gate.
type gateCase struct {
	boundary       string
	listed, valued []types.Change
	want           string
}

func readGateCase(t *testing.T, from cases.Case) gateCase {
	t.Helper()
	var c gateCase
	for _, f := range from.Files {
		switch f.Name {
		case "boundary":
			c.boundary = strings.TrimSpace(string(f.Data))
		case "listed":
			require.NoError(t, json.Unmarshal(f.Data, &c.listed))
		case "valued":
			require.NoError(t, json.Unmarshal(f.Data, &c.valued))
		case "want":
			c.want = string(f.Data)
		default:
			require.Fail(t, "unknown file", f.Name)
		}
	}
	return c
}

// gateCaseOf is the case with a name.
func gateCaseOf(t *testing.T, name string) gateCase {
	t.Helper()
	return readGateCase(t, cases.ReadFile(t, filepath.Join("testdata", "gate", name+".txtar")))
}

// verdictText has a line for each member.
func verdictText(v push.Verdict) string {
	var out strings.Builder
	for _, id := range v.Bound {
		out.WriteString("bound: " + id + "\n")
	}
	for _, id := range v.Nested {
		out.WriteString("nested: " + id + "\n")
	}
	for _, text := range v.Others {
		out.WriteString("other: " + text + "\n")
	}
	return out.String()
}

// The gate on change sets in the shape that AWS has.
func TestGate(t *testing.T) {
	cases.Run(t, "testdata/gate", func(t *testing.T, from cases.Case) {
		c := readGateCase(t, from)
		assert.Equal(t, c.want, verdictText(push.Judge(c.listed, c.valued, c.boundary)))
	})
}

// Whatever is not as it is known to be, is held. Each case makes one thing of a change
// set that passes different.
func TestGateHolds(t *testing.T) {
	type edit struct {
		file string
		of   string // logical ID of the resource
		do   func(*types.ResourceChange)
	}
	detail := func(i int, do func(*types.ResourceChangeDetail)) func(*types.ResourceChange) {
		return func(r *types.ResourceChange) { do(&r.Details[i]) }
	}
	target := func(do func(*types.ResourceTargetDefinition)) func(*types.ResourceChange) {
		return detail(0, func(d *types.ResourceChangeDetail) { do(d.Target) })
	}
	for name, e := range map[string]edit{
		"another value": {"sets", "Api", target(func(d *types.ResourceTargetDefinition) {
			d.AfterValue = aws.String("arn:aws:iam::111122223333:policy/one")
		})},
		"a value that begins the same":   {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.AfterValue = aws.String(aws.ToString(d.AfterValue) + "-2") })},
		"no value":                       {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.AfterValue = nil })},
		"a value known after the update": {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.AfterValue = aws.String("{{changeSet:KNOWN_AFTER_APPLY}}") })},
		"removed":                        {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.AttributeChangeType = types.AttributeChangeTypeRemove })},
		"synchronized": {"sets", "Api", target(func(d *types.ResourceTargetDefinition) {
			d.AttributeChangeType = types.AttributeChangeTypeSyncWithActual
		})},
		"no kind of change":         {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.AttributeChangeType = "" })},
		"another path":              {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.Path = aws.String("/Properties/PermissionsBoundary/0") })},
		"no path":                   {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.Path = nil })},
		"another property":          {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.Name = aws.String("Policies") })},
		"metadata":                  {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.Attribute = types.ResourceAttributeMetadata })},
		"may be recreated":          {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.RequiresRecreation = types.RequiresRecreationConditionally })},
		"is recreated":              {"sets", "Api", target(func(d *types.ResourceTargetDefinition) { d.RequiresRecreation = types.RequiresRecreationAlways })},
		"no target":                 {"sets", "Api", detail(0, func(d *types.ResourceChangeDetail) { d.Target = nil })},
		"no details":                {"sets", "Api", func(r *types.ResourceChange) { r.Details = nil }},
		"replaced":                  {"sets", "Api", func(r *types.ResourceChange) { r.Replacement = types.ReplacementTrue }},
		"may be replaced":           {"sets", "Api", func(r *types.ResourceChange) { r.Replacement = types.ReplacementConditional }},
		"unknown replacement":       {"sets", "Api", func(r *types.ResourceChange) { r.Replacement = "" }},
		"a policy for the old role": {"sets", "Api", func(r *types.ResourceChange) { r.PolicyAction = types.PolicyActionReplaceAndDelete }},
		"added":                     {"sets", "Api", func(r *types.ResourceChange) { r.Action = types.ChangeActionAdd }},
		"imported":                  {"sets", "Api", func(r *types.ResourceChange) { r.Action = types.ChangeActionImport }},
		"unknown action":            {"sets", "Api", func(r *types.ResourceChange) { r.Action = types.ChangeActionDynamic }},
		"tags, too":                 {"sets", "Api", func(r *types.ResourceChange) { r.Scope = append(r.Scope, types.ResourceAttributeTags) }},
		"another type":              {"sets", "Api", func(r *types.ResourceChange) { r.ResourceType = aws.String("AWS::IAM::Group") }},
		"stays for none":            {"removes", "Api", target(func(d *types.ResourceTargetDefinition) { d.AttributeChangeType = types.AttributeChangeTypeModify })},
		"another value for none": {"removes", "Api", target(func(d *types.ResourceTargetDefinition) {
			d.AfterValue = aws.String("arn:aws:iam::aws:policy/PowerUserAccess")
		})},
		"a second property":              {"references", "Worker", detail(1, func(d *types.ResourceChangeDetail) { d.Evaluation = types.EvaluationTypeStatic })},
		"refers to what is not there":    {"references", "Worker", detail(1, func(d *types.ResourceChangeDetail) { d.CausingEntity = aws.String("Role.Arn") })},
		"a static reference":             {"references", "Function", detail(0, func(d *types.ResourceChangeDetail) { d.Evaluation = types.EvaluationTypeStatic })},
		"a reference by a parameter":     {"references", "Function", detail(0, func(d *types.ResourceChangeDetail) { d.ChangeSource = types.ChangeSourceParameterReference })},
		"a reference to nothing":         {"references", "Function", detail(0, func(d *types.ResourceChangeDetail) { d.CausingEntity = nil })},
		"to another attribute of a role": {"references", "Function", detail(0, func(d *types.ResourceChangeDetail) { d.CausingEntity = aws.String("Api.Policies") })},
		"a reference with a value": {"references", "Function", detail(0, func(d *types.ResourceChangeDetail) {
			d.Target.BeforeValue, d.Target.AfterValue = aws.String("a"), aws.String("b")
		})},
		"a reference by its tags":         {"references", "Function", detail(0, func(d *types.ResourceChangeDetail) { d.Target.Attribute = types.ResourceAttributeTags })},
		"a Ref to what is not there":      {"references", "Service", detail(0, func(d *types.ResourceChangeDetail) { d.CausingEntity = aws.String("Queue") })},
		"what refers is replaced":         {"references", "Task", func(r *types.ResourceChange) { r.Replacement = types.ReplacementTrue }},
		"a nested stack's template":       {"nested", "Data", detail(0, func(d *types.ResourceChangeDetail) { d.ChangeSource = types.ChangeSourceDirectModification })},
		"a nested stack's parameter":      {"nested", "Data", detail(0, func(d *types.ResourceChangeDetail) { d.Evaluation = types.EvaluationTypeStatic })},
		"a nested stack without a set":    {"nested", "Data", func(r *types.ResourceChange) { r.ChangeSetId = nil }},
		"a nested stack that is replaced": {"nested", "Data", func(r *types.ResourceChange) { r.Replacement = types.ReplacementTrue }},
	} {
		t.Run(name, func(t *testing.T) {
			c := gateCaseOf(t, e.file)
			require.Empty(t, push.Judge(c.listed, c.valued, c.boundary).Others, "it passes without the edit")
			edited := 0
			for _, list := range [][]types.Change{c.listed, c.valued} {
				for _, change := range list {
					if r := change.ResourceChange; *r.LogicalResourceId == e.of {
						e.do(r)
						edited++
					}
				}
			}
			require.NotZero(t, edited)
			others := push.Judge(c.listed, c.valued, c.boundary).Others
			require.NotEmpty(t, others)
			assert.Contains(t, strings.Join(others, "\n"), e.of+" (")
		})
	}
}

// Both lists count: a change that only one of them has is held.
func TestGateWantsBothLists(t *testing.T) {
	others := gateCaseOf(t, "others")
	c := gateCaseOf(t, "sets")
	queue := others.listed[1:2]
	require.Equal(t, "Queue", *queue[0].ResourceChange.LogicalResourceId)
	assert.NotEmpty(t, push.Judge(append(c.listed[:len(c.listed):len(c.listed)], queue...), c.valued, c.boundary).Others)
	assert.NotEmpty(t, push.Judge(c.listed, append(c.valued[:len(c.valued):len(c.valued)], queue...), c.boundary).Others)
	assert.Len(t, push.Judge(c.listed, c.valued[1:], c.boundary).Others, 1, "a role whose value is not told")
	unknown := types.Change{Type: "Stack"}
	assert.Equal(t, []string{"a change of type Stack"}, push.Judge(c.listed, append(c.valued, unknown), c.boundary).Others)
	assert.NotEmpty(t, push.Judge(c.listed, c.valued, boundary.None).Others, "the environment has no boundary now")
}
