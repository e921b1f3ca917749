package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/paramstore/ssmtest"
	"permissions-boundary-macro/transform"
)

// panicking is a store with a mistake.
type panicking struct{ boundary.Reader }

func (panicking) Effective(context.Context, boundary.Key) (boundary.Record, error) {
	panic("a mistake")
}

// In a hub, the store is of the function's account and not of the stack's: who
// follows the message in the wrong one gets the same message again.
func TestHubAccount(t *testing.T) {
	server := ssmtest.New()
	t.Cleanup(server.Close)
	store := paramstore.NewSSM(ssm.New(ssm.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
	}), paramstore.DefaultPrefix)
	h := &handler{macro: transform.Macro{Store: store}, log: slog.New(slog.DiscardHandler)}
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{
		InvokedFunctionArn: "arn:aws:lambda:eu-west-1:999999999999:function:macro:live",
	})
	response, err := h.Invoke(ctx, []byte(`{"requestId":"r","accountId":"111122223333","region":"eu-west-1","params":{"Environment":"qa"},"fragment":{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}}`))
	require.NoError(t, err)
	assert.Contains(t, string(response), `parameter /permissions-boundary/qa in eu-west-1 of account 999999999999 does not exist; `+
		`run \"pbm env add qa --region eu-west-1\" with credentials of account 999999999999 to add it`)
	assert.NotContains(t, string(response), "111122223333")
}

// A panic would show people only "Received malformed response from transform".
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	h := &handler{macro: transform.Macro{Store: panicking{}}, log: slog.New(slog.NewJSONHandler(&log, nil))}
	response, err := h.Invoke(context.Background(), []byte(`{"requestId":7,"accountId":"1","region":"r","params":{"Environment":"dev"},"templateParameterValues":{"Password":"canary-1","P":"canary-2"},"fragment":{"Description":"canary-3","Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"Path":"canary-4"}}}}}`))
	require.NoError(t, err)
	assert.Equal(t, `{"requestId":7,"status":"failure","errorMessage":"the macro failed by a mistake of its own; report it with the lines that the log of its function has for this request"}`, string(response))
	assert.Contains(t, log.String(), "a mistake")
	assert.Contains(t, log.String(), "handler_test.go")
	assert.NotContains(t, log.String(), "canary")
}
