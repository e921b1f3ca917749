package workload

import (
	"fmt"
	"strings"
)

// InlinePolicy is a policy of a size that is usual, different for each number.
// One in 50 is an administrator's.
func InlinePolicy(number int) string {
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

// Boundary is a boundary of 30 statements, with denials, exceptions and conditions.
func Boundary() string {
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
