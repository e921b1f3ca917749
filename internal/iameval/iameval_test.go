package iameval_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/iameval"
)

type keys = map[string][]string

func parse(t *testing.T, name, statements string) *iameval.Policy {
	t.Helper()
	policy, err := iameval.Parse(name, []byte(`{"Version":"2012-10-17","Statement":`+statements+`}`))
	require.NoError(t, err)
	return policy
}

const (
	bucket = "arn:aws:s3:::amzn-s3-demo-bucket"
	object = bucket + "/home/jane/notes"
)

// A statement matches by its elements as the IAM User Guide describes them.
func TestElements(t *testing.T) {
	for _, tc := range []struct {
		statement, action, resource string
		matches                     bool
	}{
		{`"Action":"s3:GetObject","Resource":"*"`, "s3:GetObject", object, true},
		{`"Action":"S3:getobject","Resource":"*"`, "s3:GetObject", object, true},
		{`"Action":["s3:Put*","s3:Get*"],"Resource":"*"`, "s3:GetObject", object, true},
		{`"Action":"s3:*Object","Resource":"*"`, "s3:GetObjectAcl", object, false},
		{`"Action":"s3:?etObject","Resource":"*"`, "s3:GetObject", object, true},
		{`"Action":"s3:?GetObject","Resource":"*"`, "s3:GetObject", object, false},
		{`"Action":"*","Resource":"*"`, "iam:CreateRole", "*", true},
		{`"NotAction":"s3:Delete*","Resource":"*"`, "s3:GetObject", object, true},
		{`"NotAction":["iam:*","s3:Get*"],"Resource":"*"`, "s3:GetObject", object, false},
		{`"Action":"s3:*","Resource":"` + bucket + `"`, "s3:GetObject", object, false},
		{`"Action":"s3:*","Resource":"` + bucket + `/*"`, "s3:GetObject", object, true},
		{`"Action":"s3:*","Resource":"` + bucket + `/*/notes"`, "s3:GetObject", object, true},
		{`"Action":"s3:*","Resource":"` + bucket + `/HOME/*"`, "s3:GetObject", object, false},
		{`"Action":"s3:*","Resource":"arn:aws:s3:::amzn-s3-demo-bucket/*"`, "s3:ListAllMyBuckets", "*", false},
		{`"Action":"iam:*","Resource":"arn:aws:iam::*:user/?im"`, "iam:GetUser", "arn:aws:iam::111122223333:user/Jim", true},
		{`"Action":"s3:*","NotResource":"` + bucket + `/*"`, "s3:GetObject", object, false},
		{`"Action":"s3:*","NotResource":["` + bucket + `","` + bucket + `/*"]`, "s3:GetObject", "arn:aws:s3:::other/x", true},
	} {
		policy := parse(t, "p", `{"Effect":"Allow",`+tc.statement+`}`)
		got, err := iameval.Evaluate(iameval.Policies{Identity: []*iameval.Policy{policy}}, iameval.Request{Action: tc.action, Resource: tc.resource})
		require.NoError(t, err)
		assert.Equal(t, tc.matches, got.Allowed, "%s: %s on %s", tc.statement, tc.action, tc.resource)
	}
}

// A condition holds as the IAM User Guide describes its operator, also without
// the key.
func TestConditions(t *testing.T) {
	one := func(value string) keys { return keys{"aws:Key": {value}} }
	var absent keys
	role := "arn:aws:iam::111122223333:role/team/app"
	for _, tc := range []struct {
		condition string
		context   keys
		holds     bool
	}{
		{`"StringEquals":{"aws:Key":"a"}`, one("a"), true},
		{`"StringEquals":{"AWS:KEY":"a"}`, one("a"), true},
		{`"StringEquals":{"aws:Key":"a"}`, one("A"), false},
		{`"StringEquals":{"aws:Key":["a","b"]}`, one("b"), true},
		{`"StringEquals":{"aws:Key":"a*"}`, one("ab"), false},
		{`"StringEquals":{"aws:Key":"a"}`, absent, false},
		{`"StringEqualsIfExists":{"aws:Key":"a"}`, absent, true},
		{`"StringEqualsIfExists":{"aws:Key":"a"}`, one("b"), false},
		{`"StringNotEquals":{"aws:Key":"a"}`, one("b"), true},
		{`"StringNotEquals":{"aws:Key":["a","b"]}`, one("b"), false},
		{`"StringNotEquals":{"aws:Key":"a"}`, absent, true},
		{`"StringNotEqualsIfExists":{"aws:Key":"a"}`, one("a"), false},
		{`"StringLike":{"aws:Key":"a*c?"}`, one("abbcd"), true},
		{`"StringLike":{"aws:Key":"a*"}`, one("A"), false},
		{`"StringLike":{"aws:Key":"*"}`, absent, false},
		{`"StringNotLike":{"aws:Key":["a*","b*"]}`, one("c"), true},
		{`"StringNotLike":{"aws:Key":["a*","b*"]}`, one("ba"), false},
		{`"StringNotLike":{"aws:Key":"a*"}`, absent, true},
		// Two operators or two keys: both must hold.
		{`"StringLike":{"aws:Key":"a*"},"StringNotEquals":{"aws:Key":"ab"}`, one("ac"), true},
		{`"StringLike":{"aws:Key":"a*"},"StringNotEquals":{"aws:Key":"ab"}`, one("ab"), false},
		{`"StringNotEquals":{"aws:Key":"a","aws:Other":"a"}`, keys{"aws:Key": {"b"}, "aws:Other": {"a"}}, false},
		{`"ArnLike":{"aws:Key":"arn:*:iam::*:role/*"}`, one(role), true},
		{`"ArnEquals":{"aws:Key":"arn:aws:iam::*:role/team/*"}`, one(role), true},
		{`"ArnLike":{"aws:Key":"arn:aws:iam::*:role/app"}`, one(role), false},
		{`"ArnLike":{"aws:Key":"arn:aws:iam::*:role/team/*"}`, one("arn:aws:iam::111122223333:role/x:role/team/app"), false},
		{`"StringLike":{"aws:Key":"arn:aws:iam::*:role/team/*"}`, one("arn:aws:iam::111122223333:role/x:role/team/app"), true},
		{`"ArnLike":{"aws:Key":"arn:aws:iam::*:role/*"}`, one("role/app"), false},
		{`"ArnLike":{"aws:Key":"arn:aws:iam::*:role/*"}`, absent, false},
		{`"ArnNotLike":{"aws:Key":["arn:aws:iam::*:role/a","arn:aws:iam::*:role/team/*"]}`, one(role), false},
		{`"ArnNotLike":{"aws:Key":"arn:aws:iam::*:role/a"}`, one(role), true},
		{`"ArnNotEquals":{"aws:Key":"arn:aws:iam::*:role/a"}`, absent, true},
		{`"Bool":{"aws:Key":"true"}`, one("true"), true},
		{`"Bool":{"aws:Key":true}`, one("false"), false},
		{`"Bool":{"aws:Key":"false"}`, absent, false},
		{`"BoolIfExists":{"aws:Key":"false"}`, absent, true},
		{`"Null":{"aws:Key":"true"}`, absent, true},
		{`"Null":{"aws:Key":"true"}`, one("a"), false},
		{`"Null":{"aws:Key":"false"}`, one("a"), true},
		{`"Null":{"aws:Key":"false"}`, keys{"aws:Key": {}}, false},
		{`"ForAllValues:StringEquals":{"aws:Key":["a","b"]}`, keys{"aws:Key": {"a", "b"}}, true},
		{`"ForAllValues:StringEquals":{"aws:Key":["a","b"]}`, keys{"aws:Key": {"a", "c"}}, false},
		{`"ForAllValues:StringEquals":{"aws:Key":"a"}`, absent, true},
		{`"ForAnyValue:StringEquals":{"aws:Key":["a","b"]}`, keys{"aws:Key": {"a", "c"}}, true},
		{`"ForAnyValue:StringEquals":{"aws:Key":["a","b"]}`, keys{"aws:Key": {"c"}}, false},
		{`"ForAnyValue:StringLike":{"aws:Key":"a*"}`, absent, false},
		{`"ForAnyValue:StringNotEquals":{"aws:Key":"a"}`, keys{"aws:Key": {"a", "b"}}, true},
		{`"ForAllValues:StringNotLike":{"aws:Key":"a*"}`, keys{"aws:Key": {"b", "ab"}}, false},
		{`"ForAnyValue:StringEqualsIfExists":{"aws:Key":"a"}`, absent, true},
		{`"StringEqualsIgnoreCase":{"aws:Key":"Ab"}`, one("aB"), true},
		{`"StringNotEqualsIgnoreCase":{"aws:Key":"Ab"}`, one("aB"), false},
		{`"NumericEquals":{"aws:Key":"1"}`, one("1.0"), true},
		{`"NumericNotEquals":{"aws:Key":"1"}`, one("1.0"), false},
		{`"NumericLessThan":{"aws:Key":"10"}`, one("9"), true},
		{`"NumericLessThan":{"aws:Key":"10"}`, one("10"), false},
		{`"NumericLessThanEquals":{"aws:Key":["5","10"]}`, one("10"), true},
		{`"NumericGreaterThan":{"aws:Key":"10"}`, one("10"), false},
		{`"NumericGreaterThanEquals":{"aws:Key":"10"}`, one("x"), false},
		{`"IpAddress":{"aws:Key":"203.0.113.0/24"}`, one("203.0.113.9"), true},
		{`"NotIpAddress":{"aws:Key":["203.0.113.0/24","192.0.2.0/24"]}`, one("192.0.2.1"), false},
		// Variables. The wildcards in a value are text.
		{`"StringEquals":{"aws:Key":"x-${aws:Other}"}`, keys{"aws:Key": {"x-a"}, "aws:Other": {"a"}}, true},
		{`"StringEquals":{"aws:Key":"${aws:Other}"}`, one("a"), false},
		{`"StringNotEquals":{"aws:Key":"${aws:Other}"}`, one("a"), true},
		{`"StringEquals":{"aws:Key":"${aws:Other, 'a'}"}`, one("a"), true},
		{`"StringLike":{"aws:Key":"${aws:Other}*"}`, keys{"aws:Key": {"a*b"}, "aws:Other": {"a*"}}, true},
		{`"StringLike":{"aws:Key":"${aws:Other}*"}`, keys{"aws:Key": {"acb"}, "aws:Other": {"a*b"}}, false},
		{`"StringLike":{"aws:Key":"a${*}"}`, one("a*"), true},
		{`"StringLike":{"aws:Key":"a${*}"}`, one("ab"), false},
	} {
		policy := parse(t, "p", `[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+tc.condition+`}}]`)
		got, err := iameval.Evaluate(iameval.Policies{Identity: []*iameval.Policy{policy}}, iameval.Request{Action: "a:B", Resource: "*", Context: tc.context})
		require.NoError(t, err)
		assert.Equal(t, tc.holds, got.Allowed, "%s with %v", tc.condition, tc.context)
	}
}

// What a text of Resource matches, also in each way to read what IAM's
// documentation leaves open.
func TestResources(t *testing.T) {
	const role = "arn:aws:iam::111122223333:role/app"
	all := iameval.Reading{StarsInSegments: true, RegionsInSegments: true, IncompleteARNs: true, InvalidWithoutValue: true}
	for _, tc := range []struct {
		resources, resource string
		matches             bool // as far as the documentation goes
		with                bool // in the other reading
	}{
		{`"arn:aws:s3:::${aws:username}/*"`, "arn:aws:s3:::jane/x", true, true},
		{`"arn:aws:s3:::${aws:username}/*"`, "arn:aws:s3:::joe/x", false, false},
		{`"arn:aws:s3:::${aws:absent}/*"`, "arn:aws:s3:::/x", false, false},
		{`"arn:aws:s3:::${aws:absent, 'all'}/*"`, "arn:aws:s3:::all/x", true, true},
		{`["arn:aws:s3:::${aws:absent}/*","*"]`, "arn:aws:s3:::x", true, false},
		{`"arn:aws:s3:::*-a/*"`, "arn:aws:s3:::b-a/x", true, true},
		{`"arn:aws:s3:::*-a/*"`, "arn:aws:s3:::b:c-a/x", true, false},
		{`"arn:aws:s3:::b-*"`, "arn:aws:s3:::b-:c", true, true},
		{`"arn:aws:iam::*:role/app"`, role, true, true},
		{`"arn:*:iam::111122223333:role/app"`, role, true, true},
		{`"arn:*:iam::111122223333:role/app"`, "arn:aws:s3:::x:iam::111122223333:role/app", false, false},
		{`"arn:aws:sqs:*:*:q"`, "arn:aws:sqs:eu-west-1:111122223333:a:q", true, false},
		{`"arn:aws:sqs:*:*:q*"`, "arn:aws:sqs:eu-west-1:111122223333:q:a", true, true},
		{`"arn:aws:iam"`, role, false, true},
		{`"arn:aws:iam::*"`, role, false, true},
		{`"arn:aws:s3"`, role, false, false},
	} {
		policy := parse(t, "p", `[{"Effect":"Allow","Action":"*","Resource":`+tc.resources+`}]`)
		request := iameval.Request{Action: "a:B", Resource: tc.resource, Context: keys{"aws:username": {"jane"}}}
		for reading, want := range map[iameval.Reading]bool{{}: tc.matches, all: tc.with} {
			got, err := iameval.Evaluate(iameval.Policies{Identity: []*iameval.Policy{policy}, Reading: reading}, request)
			require.NoError(t, err)
			assert.Equal(t, want, got.Allowed, "%s on %s %+v", tc.resources, tc.resource, reading)
		}
	}
	old, err := iameval.Parse("p", []byte(`{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}*"}}`))
	require.NoError(t, err)
	for resource, matches := range map[string]bool{"arn:aws:s3:::jane": false, "arn:aws:s3:::${aws:username}/x": true} {
		got, err := iameval.Evaluate(iameval.Policies{Identity: []*iameval.Policy{old}}, iameval.Request{Action: "a:B", Resource: resource, Context: keys{"aws:username": {"jane"}}})
		require.NoError(t, err)
		assert.Equal(t, matches, got.Allowed, resource)
	}
}

// A deny anywhere wins; otherwise each kind of policy must allow.
func TestEvaluate(t *testing.T) {
	s3 := parse(t, "s3", `{"Sid":"S3","Effect":"Allow","Action":"s3:*","Resource":"*"}`)
	ec2 := parse(t, "ec2", `{"Sid":"EC2","Effect":"Allow","Action":"ec2:*","Resource":"*"}`)
	all := parse(t, "all", `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	noDelete := parse(t, "no-delete", `[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]`)
	list := func(policies ...*iameval.Policy) []*iameval.Policy { return policies }
	for _, tc := range []struct {
		name     string
		policies iameval.Policies
		action   string
		want     iameval.Decision
	}{
		{"no policy", iameval.Policies{}, "s3:GetObject", iameval.Decision{By: "nothing in the identity policies"}},
		{"identity", iameval.Policies{Identity: list(ec2, s3)}, "s3:GetObject", iameval.Decision{Allowed: true, By: "s3 S3"}},
		{"deny beats allow", iameval.Policies{Identity: list(all, noDelete)}, "s3:DeleteObject", iameval.Decision{By: "no-delete statement 2"}},
		{"boundary grants nothing", iameval.Policies{Boundary: s3}, "s3:GetObject", iameval.Decision{By: "nothing in the identity policies"}},
		{"boundary limits", iameval.Policies{Identity: list(all), Boundary: s3}, "iam:CreateUser", iameval.Decision{By: "nothing in the boundary"}},
		{"boundary and identity", iameval.Policies{Identity: list(all), Boundary: s3}, "s3:GetObject", iameval.Decision{Allowed: true, By: "all statement 1"}},
		{"boundary denies", iameval.Policies{Identity: list(all), Boundary: noDelete}, "s3:DeleteObject", iameval.Decision{By: "no-delete statement 2"}},
		{"SCP grants nothing", iameval.Policies{SCPs: [][]*iameval.Policy{{all}}}, "s3:GetObject", iameval.Decision{By: "nothing in the identity policies"}},
		{"SCP limits", iameval.Policies{Identity: list(all), SCPs: [][]*iameval.Policy{{s3, ec2}}}, "iam:CreateUser", iameval.Decision{By: "nothing in the SCPs of level 1"}},
		{"one of a level is enough", iameval.Policies{Identity: list(all), SCPs: [][]*iameval.Policy{{s3, ec2}}}, "ec2:RunInstances", iameval.Decision{Allowed: true, By: "all statement 1"}},
		{"each level must allow", iameval.Policies{Identity: list(all), SCPs: [][]*iameval.Policy{{all}, {s3}}}, "ec2:RunInstances", iameval.Decision{By: "nothing in the SCPs of level 2"}},
		{"level without a policy", iameval.Policies{Identity: list(all), SCPs: [][]*iameval.Policy{{}}}, "ec2:RunInstances", iameval.Decision{By: "nothing in the SCPs of level 1"}},
		{"SCP denies", iameval.Policies{Identity: list(all), SCPs: [][]*iameval.Policy{{all, noDelete}}}, "s3:DeleteObject", iameval.Decision{By: "no-delete statement 2"}},
		{"all three", iameval.Policies{Identity: list(all), Boundary: s3, SCPs: [][]*iameval.Policy{{all}, {noDelete}}}, "s3:GetObject", iameval.Decision{Allowed: true, By: "all statement 1"}},
	} {
		got, err := iameval.Evaluate(tc.policies, iameval.Request{Action: tc.action, Resource: "*"})
		require.NoError(t, err)
		assert.Equal(t, tc.want, got, tc.name)
	}
}

// What is not supported is an error.
func TestUnsupported(t *testing.T) {
	const version = `"Version":"2012-10-17"`
	statement := func(members string) string { return `{` + version + `,"Statement":{` + members + `}}` }
	for _, document := range []string{
		``, `[]`, `{}`, `{` + version + `}`,
		`{"Version":"2026-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		`{` + version + `,"Id":"x","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		`{` + version + `,"Statement":[]}`,
		statement(`"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"`),
		statement(`"Action":"*","Resource":"*"`),
		statement(`"Effect":"allow","Action":"*","Resource":"*"`),
		statement(`"effect":"Allow","Action":"*","Resource":"*"`),
		statement(`"Effect":"Allow","Action":"*"`),
		statement(`"Effect":"Allow","Resource":"*"`),
		statement(`"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"`),
		statement(`"Effect":"Allow","Action":"CreateRole","Resource":"*"`),
		statement(`"Effect":"Allow","Action":"*:Get","Resource":"*"`),
		statement(`"Effect":"Allow","Action":[],"Resource":"*"`),
		statement(`"Effect":"Allow","Action":1,"Resource":"*"`),
		statement(`"Effect":"Allow","Action":"*","Resource":"bucket"`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateEquals":{"aws:Key":"1"}}`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"stringequals":{"aws:Key":"1"}}`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForSome:StringEquals":{"aws:Key":"1"}}`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"BinaryEquals":{"aws:Key":"1"}}`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NullIfExists":{"aws:Key":"true"}}`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForAllValues:Null":{"aws:Key":"true"}}`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"aws:Key":["true","false"]}}`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:Key":"yes"}}`),
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:Key":"*"}}`),
	} {
		_, err := iameval.Parse("p", []byte(document))
		assert.Error(t, err, document)
	}
	several := parse(t, "p", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:Key":"a"}}}`)
	_, err := iameval.Evaluate(iameval.Policies{Identity: []*iameval.Policy{several}},
		iameval.Request{Action: "a:B", Resource: "*", Context: keys{"aws:Key": {"a", "b"}}})
	assert.EqualError(t, err, "p statement 1: aws:Key has several values, and StringEquals compares one")
}
