package transform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform"
)

// benchEvent is an event of a template of some size, every so many of whose
// resources are roles: the others are buckets with a policy.
func benchEvent(size, roles int) []byte {
	const filler = `"Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":{"Fn::Sub":"arn:${AWS::Partition}:s3:::bucket-%d/*"}}]`
	role := func(i int) string {
		return fmt.Sprintf(`"Role%d":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]},"Policies":[{"PolicyName":"p","PolicyDocument":{`+filler+`}}]}}`, i, i)
	}
	var b strings.Builder
	b.WriteString(`{"AWSTemplateFormatVersion":"2010-09-09","Resources":{`)
	for i := range roles {
		b.WriteString(role(i) + ",")
	}
	for i := 0; b.Len() < size-200; i++ {
		fmt.Fprintf(&b, `"Policy%d":{"Type":"AWS::S3::BucketPolicy","Properties":{"Bucket":{"Ref":"Bucket%d"},"PolicyDocument":{`+filler+`}}},`, i, i, i)
	}
	b.WriteString(`"Topic":{"Type":"AWS::SNS::Topic"}}}`)
	return eventWith([]byte(b.String()), `{"Environment":"dev"}`, `{}`)
}

// The transformation of a template of 1 MB with 500 roles, beside two parsers
// that only validate the same bytes.
func BenchmarkRespond(b *testing.B) {
	event := benchEvent(1<<20, 500)
	m := transform.Macro{Store: values{"dev": devARN}}
	b.Run("transform", func(b *testing.B) {
		b.SetBytes(int64(len(event)))
		b.ReportAllocs()
		for b.Loop() {
			if _, report := m.Respond(context.Background(), event); len(report.Changes) != 500 {
				b.Fatal(len(report.Changes), report.Err)
			}
		}
	})
	b.Run("json.Valid", func(b *testing.B) {
		b.SetBytes(int64(len(event)))
		for b.Loop() {
			if !json.Valid(event) {
				b.Fatal("invalid")
			}
		}
	})
	b.Run("jsontext", func(b *testing.B) {
		b.SetBytes(int64(len(event)))
		for b.Loop() {
			dec := jsontext.NewDecoder(bytes.NewBuffer(event), jsontext.AllowDuplicateNames(true))
			if _, err := dec.ReadValue(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Allocations grow with the roles, not with the bytes.
func BenchmarkAllocations(b *testing.B) {
	m := transform.Macro{Store: values{"dev": devARN}}
	for _, roles := range []int{0, 10, 100} {
		for _, size := range []int{100 << 10, 1 << 20} {
			event := benchEvent(size, roles)
			b.Run(fmt.Sprintf("roles=%d/bytes=%d", roles, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m.Respond(context.Background(), event)
				}
			})
		}
	}
}
