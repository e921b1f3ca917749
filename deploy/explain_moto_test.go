package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
)

// A role of an account at moto, with an inline policy, a managed one and a boundary:
// what pbm reads of it, in the encoding of an implementation that is not of this
// project, is explained like a document in a file.
func TestExplainMoto(t *testing.T) {
	moto := os.Getenv("MOTO")
	if moto == "" {
		t.Skip("MOTO is not the address of a moto server: make test-moto starts one")
	}
	require.NoError(t, resetMoto(moto))
	ctx, cfg := context.Background(), atMoto(t, moto, readAccount)
	client := iam.NewFromConfig(cfg)
	policy := func(name, statements string) *string {
		out, err := client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":` + statements + `}`)})
		require.NoError(t, err)
		return out.Policy.Arn
	}
	boundary := policy("boundary", `{"Effect":"Allow","Action":["s3:*","sqs:*"],"Resource":"*"}`)
	queues := policy("queues", `{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:*:*:app-*"}`)
	_, err := client.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("api"), PermissionsBoundary: boundary,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`),
	})
	require.NoError(t, err)
	_, err = client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("api"), PolicyArn: queues})
	require.NoError(t, err)
	_, err = client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String("api"), PolicyName: aws.String("data+1"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::data+1/*"}}`),
	})
	require.NoError(t, err)

	asAuditorAt(t, moto, cfg)
	narrower := filepath.Join(t.TempDir(), "boundary.json")
	require.NoError(t, os.WriteFile(narrower, []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}`), 0o600))
	var out, errs bytes.Buffer
	code := deploy.Run(ctx, []string{"explain", "--live", "--policy", narrower, "--against", "current", "--actions", "--json"}, nil, &out, &errs)
	require.Zero(t, code, errs.String())
	type grant struct{ Action, Resource, Before, Verdict string }
	var result struct {
		Roles []struct {
			Role   string
			Grants []grant
		}
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &result))
	require.Len(t, result.Roles, 1)
	assert.Equal(t, "api", result.Roles[0].Role)
	assert.Equal(t, []grant{
		{"s3:GetObject", "arn:aws:s3:::data+1/*", "kept", "kept"},
		{"s3:PutObject", "arn:aws:s3:::data+1/*", "kept", "lost"},
		{"sqs:SendMessage", "arn:aws:sqs:*:*:app-*", "kept", "lost"},
	}, result.Roles[0].Grants)
}
