package policy

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/iameval"
)

// Of two conditions on a key, that one implies or excludes the other is true of
// every value of the key, and of its absence.
func TestConditionsAgainstBruteForce(t *testing.T) {
	for _, of := range []struct {
		operators []string
		values    []string   // of policies
		given     [][]string // of requests
	}{
		{
			[]string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "Null"},
			[]string{"a", "A", "a*", "?", "*", "${aws:username}", "true", "false"},
			[][]string{nil, {"a"}, {"A"}, {"ab"}, {"a*"}, {"?"}, {"b"}},
		},
		{
			[]string{"ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAllValues:StringNotLike", "ForAnyValue:StringNotLike", "ForAnyValue:StringLike", "Null"},
			[]string{"a", "b", "a*", "*", "true", "false"},
			[][]string{nil, {"a"}, {"b"}, {"a", "b"}, {"ab", "c"}, {"c"}},
		},
		{
			[]string{"ArnLike", "ArnNotLike", "ArnEquals", "ArnNotEquals", "StringLike", "Null"},
			[]string{"arn:aws:iam::1:role/a", "arn:aws:iam::*:role/*", "arn:aws:iam::1:*/a", "arn:*:role/a:x:y:z", "true", "false"},
			[][]string{nil, {"arn:aws:iam::1:role/a"}, {"arn:aws:iam::1:user/a"}, {"arn:aws:iam:x:1:role/a"}, {"arn:aws:role/a:x:y:z"}, {"a"}},
		},
		{
			[]string{"Bool", "Null"}, []string{"true", "false"}, [][]string{nil, {"true"}, {"false"}, {"TRUE"}},
		},
		{
			[]string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"},
			[]string{"1", "1.0", "2"},
			[][]string{nil, {"0"}, {"1"}, {"1.0"}, {"2"}, {"3"}},
		},
		{
			[]string{"IpAddress", "NotIpAddress"}, []string{"192.0.2.0/24", "192.0.0.0/16"}, [][]string{nil, {"192.0.2.1"}, {"192.0.3.1"}, {"203.0.113.1"}},
		},
	} {
		implied, excluded := 0, 0
		all := variants(t, of.operators, of.values, of.given)
		for _, r := range all {
			for _, c := range all {
				implies, excludes := r.condition.implies(c.condition), r.condition.excludes(c.condition)
				for i := range r.holds {
					if implies && r.holds[i] && !c.holds[i] || excludes && r.holds[i] && c.holds[i] {
						t.Errorf("%s and %s: implies %v, excludes %v, in spite of %v", r.text, c.text, implies, excludes, of.given[i])
					}
				}
				if implies {
					implied++
				}
				if excludes {
					excluded++
				}
			}
		}
		t.Logf("%v: of %d pairs %d implied, %d excluded", of.operators, len(all)*len(all), implied, excluded)
		require.NotZero(t, implied)
	}
}

// variant is a condition, and whether it holds for each of some values.
type variant struct {
	text      string
	condition condition
	holds     []bool
}

// variants are conditions with each operator, with and without IfExists, and up to
// two of the values.
func variants(t *testing.T, operators, values []string, given [][]string) []variant {
	t.Helper()
	var all []variant
	add := func(operator string, values ...string) {
		text, err := json.Marshal(map[string]any{operator: map[string]any{"aws:Key": values}})
		require.NoError(t, err)
		document := []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + string(text) + `}]}`)
		evaluated, err := iameval.Parse("p", document)
		if err != nil {
			return // such as Bool of a text
		}
		read, err := Parse(document)
		require.NoError(t, err)
		v := variant{string(text), syntax{variables: true}.conditions(read.Statements[0])[0], nil}
		for _, value := range given {
			for _, username := range [][]string{nil, {"a"}, {"*"}} {
				request := iameval.Request{Action: "a:B", Resource: "*", Context: map[string][]string{"aws:Key": value, "aws:username": username}}
				decision, err := iameval.Evaluate(iameval.Policies{Identity: []*iameval.Policy{evaluated}}, request)
				require.NoError(t, err)
				v.holds = append(v.holds, decision.Allowed)
			}
		}
		all = append(all, v)
	}
	for _, operator := range operators {
		for _, suffix := range []string{"", "IfExists"} {
			for i, first := range values {
				add(operator+suffix, first)
				for _, second := range values[i+1:] {
					add(operator+suffix, first, second)
				}
			}
		}
	}
	return all
}

// What the rules are for: conditions that a role and its boundary have in common,
// and that one of them has turned around.
func TestConditions(t *testing.T) {
	for _, tc := range []struct {
		r, c              string
		implies, excludes bool
	}{
		{`"StringEquals":{"aws:Key":"a"}`, `"StringEquals":{"aws:key":["a","b"]}`, true, false},
		{`"StringEquals":{"aws:Key":["a","b"]}`, `"StringEquals":{"aws:Key":"a"}`, false, false},
		{`"StringEquals":{"aws:Key":"a"}`, `"StringEqualsIfExists":{"aws:Key":"a"}`, true, false},
		{`"StringEqualsIfExists":{"aws:Key":"a"}`, `"StringEquals":{"aws:Key":"a"}`, false, false},
		{`"StringEquals":{"aws:Key":"ab"}`, `"StringLike":{"aws:Key":"a*"}`, true, false},
		{`"StringNotEquals":{"aws:Key":["a","b"]}`, `"StringNotEquals":{"aws:Key":"a"}`, true, false},
		{`"StringNotEquals":{"aws:Key":"a"}`, `"StringNotEquals":{"aws:Key":["a","b"]}`, false, false},
		{`"StringEquals":{"aws:Key":"a"}`, `"StringEquals":{"aws:Other":"a"}`, false, false},
		{`"StringEquals":{"aws:Key":"a"}`, `"StringEquals":{"aws:Key":"b"}`, false, true},
		{`"StringEquals":{"aws:Key":"a"}`, `"StringNotEquals":{"aws:Key":["a","b"]}`, false, true},
		{`"StringEquals":{"aws:Key":"a"}`, `"StringNotLike":{"aws:Key":["b*","c"]}`, true, false},
		{`"StringEqualsIfExists":{"aws:Key":"a"}`, `"StringNotEquals":{"aws:Key":"b"}`, false, false},
		{`"StringEquals":{"aws:Key":"${aws:username}"}`, `"StringEquals":{"aws:Key":"${aws:username}"}`, true, false},
		{`"StringEquals":{"aws:Key":"${aws:username}"}`, `"StringEquals":{"aws:Key":"a"}`, false, false},
		{`"ArnLike":{"aws:Key":"arn:*:iam::*:policy/x/*"}`, `"ArnNotLike":{"aws:Key":"arn:*:iam::*:policy/x/*"}`, false, true},
		{`"ArnLike":{"aws:Key":"arn:*:iam::*:policy/x/*"}`, `"ArnEquals":{"aws:Key":"arn:*:iam::*:policy/x/*"}`, true, false},
		{`"Bool":{"aws:Key":"true"}`, `"Bool":{"aws:Key":"false"}`, false, true},
		{`"Bool":{"aws:Key":true}`, `"bool":{"aws:Key":"True"}`, true, false},
		{`"Null":{"aws:Key":"true"}`, `"Null":{"aws:Key":"false"}`, false, true},
		{`"ForAllValues:StringEquals":{"aws:Key":"a"}`, `"ForAllValues:StringEquals":{"aws:Key":["a","b"]}`, true, false},
		{`"ForAllValues:StringEquals":{"aws:Key":"a"}`, `"ForAnyValue:StringEquals":{"aws:Key":"a"}`, false, false},
		{`"ForAllValues:StringEquals":{"aws:Key":"a"}`, `"ForAllValues:StringEquals":{"aws:Key":"b"}`, false, false},
		{`"DateLessThan":{"aws:Key":"2026-01-01T00:00:00Z"}`, `"DateLessThan":{"aws:Key":"2026-01-01T00:00:00Z"}`, true, false},
	} {
		read := func(text string) condition {
			d, err := Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + text + `}}}`))
			require.NoError(t, err)
			return syntax{variables: true}.conditions(d.Statements[0])[0]
		}
		r, c := read(tc.r), read(tc.c)
		assert.Equal(t, tc.implies, r.implies(c), "%s implies %s", tc.r, tc.c)
		assert.Equal(t, tc.excludes, r.excludes(c), "%s excludes %s", tc.r, tc.c)
	}
	notInSight := syntax{}.conditions(&Statement{Conditions: []Condition{{Operator: NotInSight, Key: NotInSight}, {Operator: "StringEquals", Key: "a", Values: []string{NotInSight}}}})
	assert.False(t, slices.ContainsFunc(notInSight, func(c condition) bool { return c.implies(c) || c.excludes(c) }), "what is not in sight proves nothing")
}

// IAM reads the value of a Boolean key in any case, and the texts of others as they are.
func TestKnownValues(t *testing.T) {
	given := Facts{Keys: map[string]string{"aws:SecureTransport": "True"}}.conditions()
	for text, want := range map[string][2]bool{
		`"Bool":{"aws:SecureTransport":"true"}`:           {true, false},
		`"Bool":{"aws:SecureTransport":"FALSE"}`:          {false, true},
		`"StringEquals":{"aws:SecureTransport":"True"}`:   {true, false},
		`"StringEquals":{"aws:SecureTransport":"true"}`:   {false, true},
		`"Bool":{"aws:MultiFactorAuthPresent":"true"}`:    {false, false},
		`"StringLike":{"aws:securetransport":["T*","f"]}`: {true, false},
	} {
		d, err := Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + text + `}}}`))
		require.NoError(t, err)
		conditions := syntax{variables: true}.conditions(d.Statements[0])
		assert.Equal(t, want, [2]bool{implied(conditions, given), excluded(conditions, given)}, text)
	}
}
