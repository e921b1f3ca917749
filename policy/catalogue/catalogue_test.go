package catalogue

import (
	"bytes"
	"compress/gzip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The embedded data decode, and are those of the whole of AWS.
func TestEmbedded(t *testing.T) {
	c, err := read(embedded)
	require.NoError(t, err)
	_, err = time.Parse(time.DateOnly, c.Date)
	assert.NoError(t, err)
	assert.NotEmpty(t, c.Version)
	assert.Greater(t, len(c.Actions), 20000)
	name := regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9-]+$`)
	seen := map[string]bool{}
	for _, action := range c.Actions {
		assert.Regexp(t, name, action.Name)
		assert.True(t, action.WithoutResource || len(action.Resources) > 0, action.Name)
		assert.False(t, seen[strings.ToLower(action.Name)], "%s twice", action.Name)
		seen[strings.ToLower(action.Name)] = true
		for _, format := range action.Resources {
			assert.GreaterOrEqual(t, strings.Count(format, ":"), 5, "%s: %s", action.Name, format)
			assert.NotContains(t, format, ",", action.Name)
		}
	}
}

// What AWS's Service Authorization Reference says of a few actions.
func TestActions(t *testing.T) {
	actions := map[string]Action{}
	for _, action := range Embedded().Actions {
		actions[action.Name] = action
	}
	assert.Equal(t, Action{Name: "s3:ListAllMyBuckets", WithoutResource: true}, actions["s3:ListAllMyBuckets"])
	assert.Contains(t, actions["s3:GetObject"].Resources, "arn:${Partition}:s3:::${BucketName}/${ObjectName}")
	assert.NotContains(t, actions["s3:GetObject"].Resources, "arn:${Partition}:s3:::${BucketName}")
	assert.Equal(t, Action{Name: "iam:PassRole", Resources: []string{"arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"}}, actions["iam:PassRole"])
	assert.Equal(t, Action{Name: "sqs:SendMessage", Resources: []string{"arn:${Partition}:sqs:${Region}:${Account}:${QueueName}"}}, actions["sqs:SendMessage"])
	assert.Greater(t, len(actions["ec2:RunInstances"].Resources), 10)
	assert.False(t, actions["ec2:RunInstances"].WithoutResource)
}

// What generate did not write is refused.
func TestReadRefuses(t *testing.T) {
	for _, text := range []string{
		"", "1.0\n",
		"1.0 2026-01-01\ns3:\narn:${Partition}:s3:::${BucketName}\nListBucket 1\n",
		"1.0 2026-01-01\ns3:\narn:${Partition}:s3:::${BucketName}\nListBucket -1\n",
		"1.0 2026-01-01\ns3:\nListBucket bucket\n",
	} {
		var compressed bytes.Buffer
		zip := gzip.NewWriter(&compressed)
		_, err := zip.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, zip.Close())
		_, err = read(compressed.Bytes())
		assert.Error(t, err, text)
	}
	_, err := read([]byte("text"))
	assert.Error(t, err)
	_, err = read(embedded[:len(embedded)/2])
	assert.Error(t, err)
}
