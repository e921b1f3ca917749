package transform_test

import (
	"context"
	"fmt"
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

// Shapes that would cost more than their length, were there no bounds.
func BenchmarkHostile(b *testing.B) {
	items := strings.Repeat(`"Role",`, 400) + `"X"`
	var loops, functions, parameters strings.Builder
	for i := range 8000 {
		fmt.Fprintf(&loops, `"R%d":{"Type":"AWS::IAM::${V}${V}${V}${V}%d"},`, i, i%3)
		fmt.Fprintf(&functions, `"F%d":{"Type":"AWS::Serverless::Function","Properties":{"PermissionsBoundary":{"Ref":"P%d"}}},`, i, i)
		fmt.Fprintf(&parameters, `"P%d":"",`, i)
	}
	last := `"T":{"Type":"AWS::SNS::Topic"}}`
	for name, event := range map[string][]byte{
		"loop types": eventWith([]byte(`{"Resources":{"Fn::ForEach::A":["V",[`+items+`],{`+loops.String()+last+`]}}`), `{"Environment":"dev"}`, `{}`),
		"parameters": eventWith([]byte(`{"Resources":{`+functions.String()+last+`}`), `{"Environment":"dev"}`, `{`+parameters.String()+`"Q":""}`),
	} {
		b.Run(name, func(b *testing.B) {
			m := transform.Macro{Store: values{"dev": devARN}, Options: transform.Options{Existing: transform.Keep}}
			b.SetBytes(int64(len(event)))
			for b.Loop() {
				m.Respond(context.Background(), event)
			}
		})
	}
}
