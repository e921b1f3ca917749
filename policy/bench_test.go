package policy_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/policy/catalogue"
)

const (
	roles           = 20000
	documents       = 500
	documentsOfRole = 3
)

// A fleet of 20,000 roles that share 500 documents, against a boundary of 30
// statements.
func BenchmarkFleet(b *testing.B) {
	texts := make([]string, documents)
	for i := range texts {
		texts[i] = workload.InlinePolicy(i)
	}
	boundary := workload.Boundary()
	catalogue.Embedded()
	for b.Loop() {
		comparison := policy.NewComparison(catalogue.Embedded(), policy.Facts{Partition: "aws", Account: "111122223333"}, mustParse(b, boundary))
		parsed := make([]*policy.Document, documents)
		for i, text := range texts {
			parsed[i] = mustParse(b, text)
		}
		var verdicts [3]int
		for role := range roles {
			var of []*policy.Document
			for i := range documentsOfRole {
				of = append(of, parsed[(role*7+i*131)%documents])
			}
			for grant := range comparison.Grants(of...) {
				verdicts[grant.Outcomes[0].Verdict]++
			}
		}
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.HeapSys)/(1<<20), "MiB")
		b.ReportMetric(float64(verdicts[0]+verdicts[1]+verdicts[2]), "grants")
		require.NotContains(b, verdicts, 0)
	}
}

// A role that may do everything, against the example boundary and one of 30
// statements.
func BenchmarkAdministrator(b *testing.B) {
	example, err := os.ReadFile("../examples/policies/boundary.json")
	require.NoError(b, err)
	administrator := mustParse(b, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	catalogue.Embedded()
	for name, boundary := range map[string]string{"example": string(example), "30": workload.Boundary()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				comparison := policy.NewComparison(catalogue.Embedded(), policy.Facts{Partition: "aws"}, mustParse(b, boundary))
				grants := 0
				for range comparison.Grants(administrator) {
					grants++
				}
				require.Greater(b, grants, 20000)
			}
		})
	}
}

// 400 roles that may do everything, but for a denial of their own.
func BenchmarkOwnDenials(b *testing.B) {
	catalogue.Embedded()
	for b.Loop() {
		comparison := policy.NewComparison(catalogue.Embedded(), policy.Facts{Partition: "aws"}, mustParse(b, workload.Boundary()))
		grants := 0
		for role := range 400 {
			for range comparison.Grants(mustParse(b, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
				{"Effect":"Allow","Action":"*","Resource":"*"},
				{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::b%d"}]}`, role))) {
				grants++
			}
		}
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.HeapSys)/(1<<20), "MiB")
		require.Greater(b, grants, 400*20000)
	}
}

func mustParse(tb testing.TB, text string) *policy.Document {
	tb.Helper()
	document, err := policy.Parse([]byte(text))
	require.NoError(tb, err, text)
	return document
}
