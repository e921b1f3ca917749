package boundary_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
)

func TestParse(t *testing.T) {
	for _, text := range []string{
		"none",
		"arn:aws:iam::111122223333:policy/p",
		"arn:aws:iam::aws:policy/X",
		"arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
		"arn:aws-cn:iam::111122223333:policy/a/b/c+=,.@-_",
		"arn:aws-iso-x:iam::111122223333:policy/p",
		"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/p",
		"arn:aws:iam::${AWS::AccountId}:policy/${AWS::Region}/boundary-${AWS::AccountId}",
		"arn:aws:iam::111122223333:policy/" + strings.Repeat("p", 128),
		"arn:aws:iam::111122223333:policy/" + strings.Repeat("p", 510) + "/name",
	} {
		v, err := boundary.Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, text, v.String())
	}
	for _, text := range []string{
		"", " ", "None", "null", "''", "p", "a/b",
		"arn:aws:iam::11112222333:policy/p", "arn:aws:iam::1111222233334:policy/p",
		"arn:aws:iam::111122223333:role/p", "arn:aws:iam::111122223333:policy/", "arn:aws:iam::111122223333:policy//", "arn:aws:iam::111122223333:policy/a//b",
		"arn:aws:iam::AWS:policy/p", "arn:aws:iam::111122223333:policy/a b!$", "arn:AWS:iam::111122223333:policy/p",
		"arn:aws:iam:eu-west-1:111122223333:policy/p", "arn:aws:iam::${AWS::Account}:policy/p", "arn:aws:iam::${AWS::Partition}:policy/p", "arn:aws:iam::111122223333:policy/${Env}",
		"arn:aws:iam::111122223333:policy/" + strings.Repeat("p", 129),
		"arn:aws:iam::111122223333:policy/" + strings.Repeat("p", 511) + "/name",
		"arn:aws:iam::111122223333:policy/p\narn:aws:iam::111122223333:policy/p",
		"{{resolve:ssm:/x}}",
	} {
		_, err := boundary.Parse(text)
		assert.Error(t, err, text)
	}
}

func TestParseTrims(t *testing.T) {
	v, err := boundary.Parse(" arn:aws:iam::aws:policy/X\n")
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::aws:policy/X", v.String())
}

func TestResolve(t *testing.T) {
	here := boundary.TargetOf("111122223333", "cn-north-1")
	for _, tc := range []struct{ text, want, problem string }{
		{"arn:aws-cn:iam::111122223333:policy/p", "arn:aws-cn:iam::111122223333:policy/p", ""},
		{"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${AWS::Region}", "arn:aws-cn:iam::111122223333:policy/cn-north-1", ""},
		{"arn:aws-cn:iam::aws:policy/X", "arn:aws-cn:iam::aws:policy/X", ""},
		{"arn:aws:iam::111122223333:policy/p", "", "is of partition aws, the stack deploys to aws-cn"},
		{"arn:aws-cn:iam::999999999999:policy/p", "", "is a policy of account 999999999999, the stack deploys to account 111122223333"},
	} {
		v, err := boundary.Parse(tc.text)
		require.NoError(t, err)
		arn, err := v.Resolve(here)
		assert.Equal(t, tc.want, arn)
		if tc.problem != "" {
			assert.ErrorContains(t, err, tc.problem)
			assert.NotEmpty(t, boundary.Remedy(err))
		}
	}
}

// A placeholder may make a name longer than IAM takes.
func TestResolveTooLong(t *testing.T) {
	v, err := boundary.Parse("arn:aws:iam::aws:policy/" + strings.Repeat("p", 128-len("eu-west-1")) + "${AWS::Region}")
	require.NoError(t, err)
	_, err = v.Resolve(boundary.TargetOf("111122223333", "eu-west-1"))
	require.NoError(t, err)
	_, err = v.Resolve(boundary.TargetOf("111122223333", "ap-southeast-1"))
	assert.Error(t, err)
}

// An ARN is as long as IAM takes, or shorter.
func TestParseTooLong(t *testing.T) {
	_, err := boundary.Parse("arn:" + strings.Repeat("a", 2048) + ":iam::aws:policy/p")
	assert.EqualError(t, err, "an ARN of 2070 characters, IAM takes 20 to 2048")
}

// A Fn::Sub means an ARN where account and Region are known, and all of its
// variables are.
func TestTargetResolve(t *testing.T) {
	text, ok := boundary.TargetOf("111122223333", "eu-west-1").Resolve("arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${AWS::Region}")
	assert.True(t, ok)
	assert.Equal(t, "arn:aws:iam::111122223333:policy/eu-west-1", text)
	_, ok = boundary.TargetOf("111122223333", "eu-west-1").Resolve("${Other}")
	assert.False(t, ok)
	_, ok = boundary.TargetOf("", "eu-west-1").Resolve("x")
	assert.False(t, ok)
}

// The kind of a problem is found beside its cause.
func TestProblem(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("wrapped: %w", boundary.Problem{What: "what", Cause: cause, Remedy: "remedy", Kind: boundary.ErrMoved})
	assert.EqualError(t, err, "wrapped: what: cause")
	assert.ErrorIs(t, err, boundary.ErrMoved)
	assert.ErrorIs(t, err, cause)
	assert.NotErrorIs(t, err, boundary.ErrExists)
	assert.NotErrorIs(t, boundary.Problem{}, boundary.ErrExists)
	assert.Equal(t, "remedy", boundary.Remedy(err))
	assert.Empty(t, boundary.Remedy(cause))
}

func TestPortable(t *testing.T) {
	for text, want := range map[string]string{
		"arn:aws:iam::111122223333:policy/a/b":                  "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/a/b",
		"arn:aws-cn:iam::aws:policy/X":                          "arn:${AWS::Partition}:iam::aws:policy/X",
		"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/p": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/p",
		"arn:aws:iam::aws:policy/${AWS::Region}":                "arn:${AWS::Partition}:iam::aws:policy/${AWS::Region}",
	} {
		v, err := boundary.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, want, v.Portable())
	}
}

// Names of a target may be patterns. Elsewhere they are checked.
func TestExpand(t *testing.T) {
	v, err := boundary.Parse("arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${AWS::Region}/p")
	require.NoError(t, err)
	assert.Equal(t, "arn:*:iam::111122223333:policy/?/p", v.Expand(boundary.Target{Partition: "*", AccountID: "111122223333", Region: "?"}))
}

func TestAccountID(t *testing.T) {
	for text, want := range map[string]string{
		"none":                               "",
		"arn:aws:iam::aws:policy/X":          "",
		"arn:aws:iam::111122223333:policy/X": "111122223333",
		"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/p": "",
	} {
		v, err := boundary.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, want, v.AccountID())
	}
}

func TestPartitionOf(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1": "aws", "us-east-1": "aws", "cn-northwest-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso",
		"us-isob-east-1": "aws-iso-b", "eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
	} {
		assert.Equal(t, want, boundary.PartitionOf(region), region)
	}
}

func TestCheckEnvironment(t *testing.T) {
	for _, name := range []string{"dev", "Prod_1", "a.b-c", strings.Repeat("x", 64)} {
		assert.NoError(t, boundary.CheckEnvironment(name), name)
	}
	for _, name := range []string{"", "a/b", "a b", "é", "dev\n", strings.Repeat("x", 65)} {
		assert.ErrorIs(t, boundary.CheckEnvironment(name), boundary.ErrEnvironmentName, name)
	}
}
