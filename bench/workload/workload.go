// Package workload makes templates of given sizes for benchmarks: the same
// bytes each time, and none of them anybody's.
package workload

import (
	"fmt"
	"strings"
)

// Shape is a kind of template.
type Shape struct {
	Name     string
	Fragment func(size int) []byte
}

// Shapes are templates that cost different things: roles to bind, resources to
// pass by, loops, and depth.
var Shapes = []Shape{
	{"nothing to do", func(size int) []byte { return everyNth(size, 0) }},
	{"1 % roles", func(size int) []byte { return everyNth(size, 100) }},
	{"20 % roles", func(size int) []byte { return everyNth(size, 5) }},
	{"100 % roles", func(size int) []byte { return everyNth(size, 1) }},
	{"Fn::ForEach", loops},
	{"deep", deep},
}

// Roles is a template of about size bytes with a number of roles, which come
// first. Its other resources are bucket policies.
func Roles(size, roles int) []byte {
	t := begin()
	for i := range roles {
		t.role(i)
	}
	for i := 0; t.Len() < size; i++ {
		t.policy(i)
	}
	return t.end()
}

// everyNth is a template whose every n-th resource is a role; none when n is 0.
func everyNth(size, n int) []byte {
	t := begin()
	for i := 0; t.Len() < size; i++ {
		if n > 0 && i%n == 0 {
			t.role(i)
		} else {
			t.policy(i)
		}
	}
	return t.end()
}

// loops is a template of loops, each over five items, a role and a policy for
// each of them.
func loops(size int) []byte {
	t := begin()
	for i := 0; t.Len() < size; i++ {
		fmt.Fprintf(t, `"Fn::ForEach::Loop%d":["Item",["Api","Worker","Cron","Queue","Web"],{`, i)
		fmt.Fprintf(t, `"Role%d${Item}":`+role+`,"Policy%d${Item}":`+policy+`}],`, i, i, i, i, i)
	}
	return t.end()
}

// deep is a template of resources that nest 200 objects and arrays; every fifth
// resource is a role.
func deep(size int) []byte {
	const levels = 100
	t := begin()
	for i := 0; t.Len() < size; i++ {
		if i%5 == 0 {
			t.role(i)
			continue
		}
		fmt.Fprintf(t, `"Machine%d":{"Type":"AWS::StepFunctions::StateMachine","Properties":{"Definition":%s{}%s}},`,
			i, strings.Repeat(`{"States":[`, levels), strings.Repeat(`]}`, levels))
	}
	return t.end()
}

// Event is the macro request that has a template as its fragment.
func Event(fragment []byte) []byte {
	return fmt.Appendf(nil, `{"region":"eu-west-1","accountId":"111122223333","transformId":"111122223333::PermissionsBoundaryMacro",`+
		`"requestId":"5dba79b5-8117-4de4-8ed0-cf3b6e9b8c7d","params":{"Environment":"dev"},"templateParameterValues":{},"fragment":%s}`, fragment)
}

// template is one that is being written.
type template struct{ strings.Builder }

func begin() *template {
	t := &template{}
	t.WriteString(`{"AWSTemplateFormatVersion":"2010-09-09","Resources":{`)
	return t
}

func (t *template) end() []byte {
	t.WriteString(`"Topic":{"Type":"AWS::SNS::Topic"}}}`)
	return []byte(t.String())
}

const (
	statements = `"Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":{"Fn::Sub":"arn:${AWS::Partition}:s3:::bucket-%d/*"}}]`
	role       = `{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]},"Policies":[{"PolicyName":"access","PolicyDocument":{` + statements + `}}]}}`
	policy     = `{"Type":"AWS::S3::BucketPolicy","Properties":{"Bucket":{"Ref":"Bucket%d"},"PolicyDocument":{` + statements + `}}}`
)

func (t *template) role(i int) { fmt.Fprintf(t, `"Role%d":`+role+`,`, i, i) }

func (t *template) policy(i int) { fmt.Fprintf(t, `"Policy%d":`+policy+`,`, i, i, i) }
