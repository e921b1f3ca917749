package fleettest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

// Objects are put, read and deleted, with the bucket in the path or in the host.
func TestObjects(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(hub).CreateBucket(region, "templates")
	virtual := as(s, hub, region)
	virtual.BaseEndpoint = aws.String("http://s3.example.com")
	virtual.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("tcp", s.Listener.Addr().String())
	}}}
	for name, client := range map[string]*s3.Client{"path": s3.NewFromConfig(as(s, hub, region)), "host": s3.NewFromConfig(virtual)} {
		bucket, key := aws.String("templates"), aws.String("push/a b+ü.json")
		_, err := client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: key, Body: strings.NewReader("{}"), ExpectedBucketOwner: aws.String(hub), ServerSideEncryption: "AES256",
		})
		require.NoError(t, err, name)
		assert.Equal(t, []string{*key}, s.Account(hub).Objects("templates"), name)
		out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
		require.NoError(t, err, name)
		body, err := io.ReadAll(out.Body)
		require.NoError(t, err, name)
		assert.Equal(t, "{}", string(body), name)
		for range 2 {
			_, err = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key})
			require.NoError(t, err, name)
		}
		assert.Empty(t, s.Account(hub).Objects("templates"), name)
		_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
		requireCode(t, "NoSuchKey", err)
	}
	assert.Equal(t, 2, s.Count(fleettest.Call{Service: "s3", Operation: "PutObject", Resource: "templates/push/a b+ü.json"}))
	assert.Equal(t, 6, s.Writes())
}

// A bucket is its owner's, and in one Region; S3 has its own errors.
func TestBuckets(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(hub).CreateBucket(region, "templates")
	put := func(account, region, bucket, owner string) error {
		_, err := s3.NewFromConfig(as(s, account, region)).PutObject(ctx, &s3.PutObjectInput{
			Bucket: &bucket, Key: aws.String("a"), Body: strings.NewReader("{}"), ExpectedBucketOwner: &owner,
		})
		return err
	}
	require.NoError(t, put(hub, region, "templates", hub))
	requireCode(t, "NoSuchBucket", put(hub, region, "missing", hub))
	requireCode(t, "AccessDenied", put(hub, region, "templates", spoke))
	requireCode(t, "AccessDenied", put(spoke, region, "templates", hub))
	requireCode(t, "PermanentRedirect", put(hub, "us-east-1", "templates", hub))
	s.Throttle(0, 0)
	requireCode(t, "SlowDown", put(hub, region, "templates", hub))
	s.Heal()
	s.Fail(fleettest.Fault{On: fleettest.Call{Service: "s3"}, Code: "ExpiredToken"})
	requireCode(t, "ExpiredToken", put(hub, region, "templates", hub))
}

// A long template is read from a bucket, as the caller may.
func TestTemplateURL(t *testing.T) {
	s := newStage(t, service)
	s.CreateBucket(region, "templates")
	s.server.Account(spoke).CreateBucket(region, "foreign")
	long := service + "#" + strings.Repeat("x", 60000)
	s.PutObject("templates", "push/orders.yaml", long)
	s.PutObject("templates", "huge", service+"#"+strings.Repeat("x", 1_000_000))
	in := s.input("orders")
	in.TemplateBody = nil
	for _, url := range []string{
		"https://templates.s3.eu-west-1.amazonaws.com/push/orders.yaml",
		"https://templates.s3.amazonaws.com/push/orders.yaml",
		"https://s3.eu-west-1.amazonaws.com/templates/push/orders.yaml",
		"https://s3-eu-west-1.amazonaws.com/templates/push/orders.yaml",
	} {
		in.TemplateURL = &url
		out := s.create(in)
		assert.Equal(t, types.ChangeSetStatusCreateComplete, out.Status)
		assert.Len(t, out.Changes, 2)
		body, err := s.client.GetTemplate(context.Background(), &cloudformation.GetTemplateInput{ChangeSetName: out.ChangeSetId, TemplateStage: "Original", StackName: aws.String("orders")})
		require.NoError(t, err)
		assert.Equal(t, long, *body.TemplateBody)
		require.NoError(t, s.delete(*out.ChangeSetId))
	}
	for url, message := range map[string]string{
		"http://templates.s3.eu-west-1.amazonaws.com/push/orders.yaml": "TemplateURL must be a supported URL.",
		"https://example.com/orders.yaml":                              "S3 error: Domain name specified in example.com is not a valid S3 domain",
		"https://templates.s3.eu-west-1.amazonaws.com/missing":         "S3 error: The specified key does not exist.",
		"https://missing.s3.eu-west-1.amazonaws.com/a":                 "S3 error: The specified bucket does not exist",
		"https://foreign.s3.eu-west-1.amazonaws.com/a":                 "S3 error: Access Denied",
		"https://templates.s3.eu-west-1.amazonaws.com/huge":            "Template may not exceed 1000000 bytes in size.",
	} {
		in.TemplateURL = &url
		_, err := s.client.CreateChangeSet(context.Background(), in)
		assert.Contains(t, requireCode(t, "ValidationError", err).ErrorMessage(), message)
	}
}

// A snippet that AWS::Include inserts may be another one by now: the same
// template then changes other resources, too.
func TestInclude(t *testing.T) {
	const body = `
Transform: PermissionsBoundaryMacro
Metadata: {PermissionsBoundaryMacro: {Environment: dev}}
Resources:
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {"Fn::Transform": {Name: AWS::Include, Parameters: {Location: s3://snippets/queue.yaml}}}
`
	s := newStage(t, service)
	s.CreateBucket(region, "snippets")
	s.PutObject("snippets", "queue.yaml", "DelaySeconds: 1")
	require.NoError(t, s.Deploy(region, "app", body, nil, installed(s.server)))
	in := s.input("app")
	out := s.create(in)
	assert.Equal(t, types.ChangeSetStatusFailed, out.Status)
	assert.Equal(t, "No updates are to be performed.", *out.StatusReason)

	s.PutObject("snippets", "queue.yaml", "DelaySeconds: 2")
	in.ChangeSetName = aws.String("moved")
	assert.Equal(t, []string{"Modify Queue False DirectModification Static /Properties/DelaySeconds=2"}, summary(s.create(in)))

	in.ChangeSetName, in.TemplateBody = aws.String("gone"), aws.String(strings.Replace(body, "snippets", "missing", 1))
	assert.Equal(t, "Transform AWS::Include failed with: S3 bucket [missing] does not exist.", *s.create(in).StatusReason)
}
