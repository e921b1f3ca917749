package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/policy/catalogue"
)

// A document is read as a whole, and each statement knows where it begins.
func TestParse(t *testing.T) {
	const text = `{
  "Version": "2012-10-17", "Id": "x",
  "Statement": [
    {"Sid": "One", "Effect": "Allow", "Action": "s3:Get*", "Resource": ["arn:aws:s3:::a", "*"]},
    {
      "Effect": "Deny", "NotAction": ["iam:*"], "NotResource": "arn:aws:s3:::${aws:username}",
      "Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}, "Bool": {"aws:SecureTransport": [true, "false"]}}
    }
  ]
}`
	d, err := policy.Parse([]byte(text))
	require.NoError(t, err)
	assert.Equal(t, []*policy.Statement{
		{
			Sid: "One", Offset: strings.Index(text, `{"Sid"`), Effect: policy.Allow,
			Actions: policy.Elements{Texts: []string{"s3:Get*"}}, Resources: policy.Elements{Texts: []string{"arn:aws:s3:::a", "*"}},
		},
		{
			Offset: strings.Index(text, "{\n      \"Effect\""), Effect: policy.Deny,
			Actions:   policy.Elements{Except: true, Texts: []string{"iam:*"}},
			Resources: policy.Elements{Except: true, Texts: []string{"arn:aws:s3:::${aws:username}"}},
			Conditions: []policy.Condition{
				{Operator: "NumericLessThan", Key: "aws:MultiFactorAuthAge", Values: []string{"3600"}},
				{Operator: "Bool", Key: "aws:SecureTransport", Values: []string{"true", "false"}},
			},
		},
	}, d.Statements)
}

// What is not understood is an error that says what and where.
func TestParseRefuses(t *testing.T) {
	statement := func(members string) string { return `{"Version":"2012-10-17","Statement":[{` + members + `}]}` }
	const rest = `"Action":"*","Resource":"*"`
	for text, message := range map[string]string{
		``:                         "invalid JSON near offset 0: unexpected EOF",
		`{"Version":"2012-10-17",`: "invalid JSON near offset 24: unexpected EOF",
		`{} {}`:                    "invalid JSON near offset 4: text behind the document",
		`[]`:                       "not an object",
		`{"Version":"2012-10-17"}`: "no Statement",
		`{"Version":"2012-10-18","Statement":[]}`:                        "the Version is neither 2012-10-17 nor 2008-10-17",
		`{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}`: `invalid JSON near offset 33: the name "Version" twice in an object`,
		`{"Version":"2012-10-17","statement":[]}`:                        `"statement" is not an element of an identity-based policy`,
		`{"Version":"2012-10-17","Statement":null}`:                      "invalid JSON near offset 40: null",
		`{"Version":"2012-10-17","Statement":["x"]}`:                     "statement 1: not an object",
		strings.Repeat(`[`, 20):                                          "invalid JSON near offset 11: nested too deep",
		statement(`"Effect":"Allow","Principal":"*",` + rest):            `statement 1: "Principal" is not an element of an identity-based policy`,
		statement(rest):                                                                                     "statement 1: no Effect",
		statement(`"Effect":"allow",` + rest):                                                               "statement 1: the Effect is neither Allow nor Deny",
		statement(`"Effect":"Allow","Resource":"*"`):                                                        "statement 1: not exactly one of Action and NotAction",
		statement(`"Effect":"Allow","Action":"*"`):                                                          "statement 1: not exactly one of Resource and NotResource",
		statement(`"Effect":"Allow","NotAction":"*",` + rest):                                               "statement 1: not exactly one of Action and NotAction",
		statement(`"Effect":"Allow","Action":[],"Resource":"*"`):                                            "statement 1: Action: an empty list",
		statement(`"Effect":"Allow","Action":1,"Resource":"*"`):                                             "statement 1: Action: not a string or a list of strings",
		statement(`"Effect":"Allow","Action":"CreateRole","Resource":"*"`):                                  `statement 1: Action: "CreateRole" is not an action`,
		statement(`"Effect":"Allow","Action":"s3:${aws:username}","Resource":"*"`):                          `statement 1: Action: "s3:${aws:username}" is not an action`,
		statement(`"Effect":"Allow","Action":"*","NotResource":"a-bucket"`):                                 `statement 1: NotResource: "a-bucket" is not an ARN or *`,
		statement(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username"`):                 `statement 1: Resource: the variable in "arn:aws:s3:::${aws:username" has no end`,
		statement(`"Effect":"Allow","Action":"*","Resource":"arn:` + strings.Repeat("*a", 5000) + `"`):      "statement 1: Resource: a text that is longer than any ARN",
		statement(`"Effect":"Allow","Action":"*","Resource":"arn:\u0000"`):                                  "invalid JSON near offset 91: a NUL in a string",
		statement(`"Effect":"Allow","Condition":[],` + rest):                                                "statement 1: Condition: not an object",
		statement(`"Effect":"Allow","Condition":{"StringIs":{"a":"b"}},` + rest):                            `statement 1: Condition: "StringIs" is not a condition operator`,
		statement(`"Effect":"Allow","Condition":{"NullIfExists":{"a":"true"}},` + rest):                     `statement 1: Condition: "NullIfExists" is not a condition operator`,
		statement(`"Effect":"Allow","Condition":{"ForSome:StringEquals":{"a":"b"}},` + rest):                `statement 1: Condition: "ForSome:StringEquals" is not a condition operator`,
		statement(`"Effect":"Allow","Condition":{"StringEquals":"a"},` + rest):                              "statement 1: Condition: StringEquals: not an object",
		statement(`"Effect":"Allow","Condition":{"StringEquals":{"a":{}}},` + rest):                         "statement 1: Condition: StringEquals of a: not a string or a list of strings",
		statement(`"Effect":"Allow","Condition":{"StringEquals":{"a":[]}},` + rest):                         "statement 1: Condition: StringEquals of a: an empty list",
		statement(`"Effect":"Allow","Condition":{"StringEquals":{"a":"${x"}},` + rest):                      `statement 1: Condition: StringEquals of a: the variable in "${x" has no end`,
		"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"\xff\",\"Effect\":\"Allow\"," + rest + "}]}": "it is not UTF-8",
	} {
		_, err := policy.Parse([]byte(text))
		assert.EqualError(t, err, message, text)
	}
	// The limit is for what IAM gets: a pseudo parameter may have a short value, and a
	// document of a template has both branches of Fn::If.
	long := func(statements int, value string) policy.Value {
		text := func(text string) policy.Value { return policy.Value{Kind: policy.String, Text: text} }
		statement := policy.Value{Kind: policy.Object, Members: []policy.Member{
			{Name: "Effect", Value: text("Allow")},
			{Name: "Action", Value: text("*")},
			{Name: "Resource", Value: text("*")},
			{Name: "Condition", Value: policy.Value{Kind: policy.Object, Members: []policy.Member{
				{Name: "StringLike", Value: policy.Value{Kind: policy.Object, Members: []policy.Member{{Name: "aws:Key", Value: text(value)}}}},
			}}},
		}}
		return policy.Value{Kind: policy.Object, Members: []policy.Member{{Name: "Statement", Value: policy.Value{Kind: policy.List, Elements: slices.Repeat([]policy.Value{statement}, statements)}}}}
	}
	for _, tc := range []struct {
		document policy.Value
		message  string
	}{
		{long(1, strings.Repeat("a", 10200)), ""},
		{long(10, strings.Repeat("a", 10200)), ""},
		{long(1, strings.Repeat("a", 10241)), "statement 1: the document is longer than any policy"},
		{long(11, strings.Repeat("a", 10200)), "statement 11: the document is longer than any policy"},
		{long(1, strings.Repeat(policy.Pseudo("AWS::Region")+"-", 9000)), ""},
		{long(1, strings.Repeat(policy.Pseudo("AWS::Region")+"--", 9000)), "statement 1: the document is longer than any policy"},
	} {
		_, err := policy.Read(tc.document)
		if tc.message == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, tc.message)
		}
	}
	// Without variables they are text.
	_, err := policy.Parse([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${a"}}`))
	assert.NoError(t, err)
}

// What a template does not show is not in sight, and the rest is read.
func TestReadNotInSight(t *testing.T) {
	text := func(text string) policy.Value { return policy.Value{Kind: policy.String, Text: text} }
	object := func(members ...policy.Member) policy.Value {
		return policy.Value{Kind: policy.Object, Members: members, Offset: 7}
	}
	member := func(name string, value policy.Value) policy.Member {
		return policy.Member{Name: name, Value: value}
	}
	var hidden policy.Value
	list := func(elements ...policy.Value) policy.Value {
		return policy.Value{Kind: policy.List, Elements: elements}
	}
	unknown := policy.Elements{Texts: []string{policy.NotInSight}}

	for _, document := range []policy.Value{hidden, object(member("Version", hidden), member("Statement", list()))} {
		d, err := policy.Read(document)
		require.NoError(t, err)
		assert.Equal(t, policy.DocumentNotInSight().Statements, d.Statements)
	}
	assert.Equal(t, []*policy.Statement{{Actions: unknown, Resources: unknown}}, policy.DocumentNotInSight().Statements)

	d, err := policy.Read(object(member("Statement", list(hidden, object(
		member("Sid", hidden), member("Effect", hidden), member("Action", hidden),
		member("NotResource", list(hidden, text("arn:aws:s3:::"+policy.NotInSight))),
		member("Condition", object(
			member("StringEquals", object(member("aws:Key", list(hidden, text("a"))))),
			member("StringLike", hidden))),
	), object(
		member("Effect", text(policy.NotInSight)), member("Action", list(text("s3:"+policy.NotInSight))), member("Resource", text("*")),
		member("Condition", hidden)),
	))))
	require.NoError(t, err)
	none := policy.Condition{Operator: policy.NotInSight, Key: policy.NotInSight, Values: []string{policy.NotInSight}}
	assert.Equal(t, []*policy.Statement{
		{Actions: unknown, Resources: unknown},
		{
			Offset: 7, Actions: unknown, Resources: policy.Elements{Except: true, Texts: []string{policy.NotInSight, "arn:aws:s3:::" + policy.NotInSight}},
			Conditions: []policy.Condition{{Operator: "StringEquals", Key: "aws:Key", Values: []string{policy.NotInSight, "a"}}, none},
		},
		{
			Offset: 7, Actions: policy.Elements{Texts: []string{"s3:" + policy.NotInSight}}, Resources: policy.Elements{Texts: []string{"*"}},
			Conditions: []policy.Condition{none},
		},
	}, d.Statements)

	_, err = policy.Read(object(member("Statement", object(member("Effect", policy.Value{Kind: policy.Literal, Text: "true"})))))
	assert.EqualError(t, err, "statement 1: the Effect is neither Allow nor Deny")
}

// Pseudo parameters are those of templates, behind their sign. As IAM has it, and so
// without an intrinsic function, ${AWS::AccountId} has no value, and in a document of
// 2008 it is text.
func TestPseudoParameters(t *testing.T) {
	resource := func(version, resource string) policy.Value {
		text := func(text string) policy.Value { return policy.Value{Kind: policy.String, Text: text} }
		return policy.Value{Kind: policy.Object, Members: []policy.Member{
			{Name: "Version", Value: text(version)},
			{Name: "Statement", Value: policy.Value{Kind: policy.Object, Members: []policy.Member{
				{Name: "Effect", Value: text("Allow")}, {Name: "Action", Value: text("sqs:SendMessage")}, {Name: "Resource", Value: text(resource)},
			}}},
		}}
	}
	const queue, parameter = "arn:aws:sqs:eu-west-1:111122223333:q", "arn:aws:sqs:eu-west-1:${AWS::AccountId}:q"
	pseudo := strings.Replace(parameter, "${AWS::AccountId}", policy.Pseudo("AWS::AccountId"), 1)
	assert.Equal(t, parameter, policy.Spelled(pseudo))
	role := mustParse(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"`+queue+`"}}`)
	for _, version := range []string{"2012-10-17", "2008-10-17"} {
		ofTemplate, err := policy.Read(resource(version, pseudo))
		require.NoError(t, err)
		literal, err := policy.Read(resource(version, parameter))
		require.NoError(t, err)
		ofIAM := mustParse(t, `{"Version":"`+version+`","Statement":{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"`+parameter+`"}}`)
		for g := range policy.NewComparison(catalogue.Embedded(), policy.Facts{Account: "111122223333"}, ofTemplate, ofIAM, literal).Grants(role) {
			assert.Equal(t, policy.Kept, g.Outcomes[0].Verdict, version)
			assert.NotEqual(t, policy.Kept, g.Outcomes[1].Verdict, version)
			assert.Equal(t, g.Outcomes[1].Verdict, g.Outcomes[2].Verdict, version)
		}
		for g := range policy.NewComparison(catalogue.Embedded(), policy.Facts{}, ofTemplate).Grants(ofTemplate) {
			assert.Equal(t, policy.Kept, g.Outcomes[0].Verdict, "the same account on both sides")
		}
		for g := range policy.NewComparison(catalogue.Embedded(), policy.Facts{}, literal).Grants(ofTemplate) {
			assert.NotEqual(t, policy.Kept, g.Outcomes[0].Verdict, "an account and what is not one")
		}
	}
}

// Whatever is parsed is a JSON object without repeated names, in which statements
// begin where they say. As its own boundary a document takes nothing for sure.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":["s3:Get*"],"NotResource":"arn:aws:s3:::a","Condition":{"StringEquals":{"a":["b"]}}}]}`))
	f.Add([]byte(`{"Statement":{"Effect":"Deny","NotAction":"*","Resource":"arn:aws:s3:::${aws:username}"}}`))
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username, 'x'}*?"},{"Effect":"Deny","Action":"iam:*","Resource":"*"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := policy.Parse(text)
		if err != nil {
			return
		}
		require.True(t, jsontext.Value(text).IsValid(), "%q", text)
		for _, s := range d.Statements {
			require.Equal(t, byte('{'), text[s.Offset], "%q", text)
		}
		for g := range policy.NewComparison(small, policy.Facts{Partition: "aws"}, d).Grants(d) {
			require.NotEqual(t, policy.Lost, g.Outcomes[0].Verdict, "%q: %+v", text, g)
			require.True(t, slices.Contains(d.Statements, g.Statement))
		}
	})
}
