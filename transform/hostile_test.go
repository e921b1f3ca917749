package transform_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/hostile"
	"permissions-boundary-macro/transform/rules"
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

// Templates of StackSets in YAML that are too long to be read are refused, for
// a role of theirs would escape, and not taken for no templates.
func TestLongBodies(t *testing.T) {
	body := strconv.Quote("Resources:\n  R:\n    Type: AWS::IAM::Role\n" + strings.Repeat("#", 500_000))
	stackSets := func(n int) []byte {
		one := `"S%d":{"Type":"AWS::CloudFormation::StackSet","Properties":{"TemplateBody":` + body + `}},`
		var all strings.Builder
		for i := range n {
			fmt.Fprintf(&all, one, i)
		}
		return []byte(`{"Resources":{` + all.String() + `"T":{"Type":"AWS::SNS::Topic"}}}`)
	}
	m := transform.Macro{Store: values{"dev": devARN}}
	_, report := m.Respond(context.Background(), eventWith(stackSets(2), `{"Environment":"dev"}`, `{}`))
	require.NoError(t, report.Err)
	assert.Len(t, report.Changes, 2)
	_, report = m.Respond(context.Background(), eventWith(stackSets(3), `{"Environment":"dev"}`, `{}`))
	assert.EqualError(t, report.Err, "S2 (AWS::CloudFormation::StackSet) has a template in YAML beyond the 1048576 bytes that the macro reads of such in one template [template-too-long]")
}

// Templates inside of each other are read as deep as anybody needs, and refused
// beyond, for each is read once for every one that it is in.
func TestDeepTemplates(t *testing.T) {
	m := transform.Macro{Store: values{"dev": devARN}}
	body := `Resources: {R: {Type: AWS::IAM::Role}}`
	for depth := 1; depth <= 11; depth++ {
		body = "Resources:\n  S:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n      TemplateBody: |\n        " +
			strings.ReplaceAll(body, "\n", "\n        ") + "\n"
		_, report := m.Respond(context.Background(), eventWith([]byte(`{"Resources":{"S":{"Type":"AWS::CloudFormation::StackSet","Properties":{"TemplateBody":`+strconv.Quote(body)+`}}}}`), `{"Environment":"dev"}`, `{}`))
		if depth < 10 {
			assert.NoError(t, report.Err, depth)
			continue
		}
		assert.ErrorContains(t, report.Err, "S (AWS::CloudFormation::StackSet) has a template inside of so many others")
	}
}

// A boundary that is longer than any means nothing, whatever it says.
func TestLongBoundary(t *testing.T) {
	fragment := `{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"PermissionsBoundary":{"Fn::Sub":"` + strings.Repeat("x", 70_000) + `"}}}}}`
	event := eventWith([]byte(fragment), `{"Environment":"dev"}`, `{}`)
	m := transform.Macro{Store: values{"dev": devARN}, Options: transform.Options{Existing: rules.Keep}}
	_, report := m.Respond(context.Background(), event)
	require.NoError(t, report.Err)
	assert.Equal(t, rules.Filled, report.Changes[0].Action)
	m.Options.Existing = rules.Reject
	_, report = m.Respond(context.Background(), event)
	assert.ErrorContains(t, report.Err, "R (AWS::IAM::Role) has a boundary that is neither a string nor an intrinsic function")
}

// Memory grows with the length of the input, and no faster.
func TestHostileMemory(t *testing.T) {
	if os.Getenv("FAULTS") == "" {
		t.Skip("slow: make faults")
	}
	for name, make := range hostile.Fragments {
		t.Run(name, func(t *testing.T) {
			once, twice := allocated(make(200_000)), allocated(make(400_000))
			t.Logf("%d kB of memory for 200 kB, %d for 400", once/1000, twice/1000)
			assert.Less(t, float64(twice), max(2.6*float64(once), 400_000), "or less than the input")
			assert.Less(t, twice, uint64(600*400_000), "600 bytes in all for a byte, most of them the YAML parser's own")
		})
	}
}

func allocated(fragment string) uint64 {
	event := eventWith([]byte(fragment), `{"Environment":"dev"}`, `{"P":""}`)
	m := transform.Macro{Store: values{"dev": devARN}, Options: transform.Options{Existing: rules.Keep}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m.Respond(context.Background(), event)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Time, too: the rate does not fall with the length.
func BenchmarkHostile(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(hostile.Fragments)) {
		for _, size := range []int{100_000, 1_000_000} {
			event := eventWith([]byte(hostile.Fragments[name](size)), `{"Environment":"dev"}`, `{"P":""}`)
			b.Run(fmt.Sprintf("%s/%dkB", name, size/1000), func(b *testing.B) {
				m := transform.Macro{Store: values{"dev": devARN}, Options: transform.Options{Existing: rules.Keep}}
				b.SetBytes(int64(len(event)))
				for b.Loop() {
					m.Respond(context.Background(), event)
				}
			})
		}
	}
}
