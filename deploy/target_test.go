package deploy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzTarget: a target that is taken names an account and Region, and reads the
// same when it is written.
func FuzzTarget(f *testing.F) {
	for _, text := range []string{
		"profile=dev,region=eu-west-1", "role=arn:aws:iam::111122223333:role/a,b=c,region=eu-west-1,profile=dev",
		"account=111122223333,profile=a b,region=eu-west-1", "region=eu-west-1", "profile=dev,region=eu-west-1,region=x", "", ",", "=",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := parseTarget(text)
		if err != nil {
			require.Empty(t, read.Region+read.Profile, "a refused target is not to be used")
			return
		}
		require.NotEmpty(t, read.Region)
		require.NotEmpty(t, read.Profile+read.Role)
		again, err := parseTarget(read.join("=", ","))
		require.NoError(t, err)
		require.Equal(t, read, again)
	})
}

// The targets of an access are a set, and a new way to a target takes the place
// of the old one.
func TestAccess(t *testing.T) {
	a := target{Account: "111122223333", Region: "eu-west-1", Profile: "dev"}
	b := target{Account: "111122223333", Region: "us-east-1", Profile: "dev"}
	otherWay := target{Account: "111122223333", Region: "eu-west-1", Role: "arn:aws:iam::111122223333:role/pbm"}
	unknown := target{Region: "eu-west-1", Profile: "dev"}
	file := access{Store: "file:e.json"}
	assert.True(t, access{Targets: []target{a, b}}.equals(access{Targets: []target{b, a}}))
	assert.False(t, access{Targets: []target{a}}.equals(access{Targets: []target{a, b}}))
	assert.Equal(t, []target{a, b}, access{Targets: []target{a}}.with(access{Targets: []target{b}}).Targets)
	assert.Equal(t, []target{b, otherWay}, access{Targets: []target{a, b}}.with(access{Targets: []target{otherWay}}).Targets)
	assert.Equal(t, []target{a}, access{Targets: []target{unknown}}.with(access{Targets: []target{a}}).Targets)
	assert.Equal(t, file, access{Targets: []target{a}}.with(file))
	assert.Equal(t, []target{a}, file.with(access{Targets: []target{a}}).Targets)
}
