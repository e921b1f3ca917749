package policy_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
		texts[i] = inlinePolicy(i)
	}
	boundary := boundaryOf30()
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
	for name, boundary := range map[string]string{"example": string(example), "30": boundaryOf30()} {
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

func mustParse(tb testing.TB, text string) *policy.Document {
	tb.Helper()
	document, err := policy.Parse([]byte(text))
	require.NoError(tb, err, text)
	return document
}

// inlinePolicy is a policy of a size that is usual, different for each number.
// One in 50 is an administrator's.
func inlinePolicy(number int) string {
	var statements []string
	add := func(format string, arguments ...any) {
		statements = append(statements, fmt.Sprintf(`{"Effect":"Allow",`+format+`}`, arguments...))
	}
	add(`"Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:*:111122223333:log-group:/aws/lambda/app-%d*"`, number)
	add(`"Action":["s3:Get*","s3:List*","s3:PutObject"],"Resource":["arn:aws:s3:::data-%[1]d","arn:aws:s3:::data-%[1]d/*"]`, number)
	add(`"Action":"dynamodb:*","Resource":"arn:aws:dynamodb:eu-west-1:111122223333:table/t%d*"`, number)
	add(`"Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-%d.amazonaws.com"}}`, number%3)
	add(`"Action":["ec2:Describe*","cloudwatch:PutMetricData","xray:*"],"Resource":"*"`)
	if number%50 == 0 {
		add(`"NotAction":"iam:*","Resource":"*"`)
	}
	if number%5 == 0 {
		statements = append(statements, fmt.Sprintf(`{"Effect":"Deny","Action":"s3:Delete*","Resource":"arn:aws:s3:::data-%d/*"}`, number))
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func boundaryOf30() string {
	var statements []string
	for i, service := range strings.Fields("s3 dynamodb logs sqs sns kms lambda events states ecr ecs ssm secretsmanager xray cloudwatch ec2 elasticloadbalancing autoscaling rds kinesis") {
		statements = append(statements, fmt.Sprintf(`{"Effect":"Allow","Action":["%s:*","sts:Get%d*"],"Resource":"*"}`, service, i))
	}
	for i := range 9 {
		statements = append(statements, fmt.Sprintf(`{"Effect":"Deny","NotAction":["s3:Get%d*","logs:*"],"Resource":["arn:aws:s3:::audit-%d","arn:aws:s3:::audit-%d/*","arn:aws:dynamodb:*:*:table/prod-%d*"]}`, i, i, i, i))
	}
	statements = append(statements, `{"Effect":"Deny","NotAction":["s3:*","logs:*","dynamodb:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","us-east-1"]}}}`)
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}
