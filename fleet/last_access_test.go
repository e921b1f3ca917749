package fleet_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/fleettest"
)

const apiRole = "arn:aws:iam::111122223333:role/api"

// accessReader reads from an endpoint as an operator of an account.
func accessReader(url string) fleet.AccessReader {
	return fleet.NewAccessReader(aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(url),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA111122223333", SecretAccessKey: "secret"}, nil
		}),
	}, 0)
}

// Pages of any size have each service once, with times as IAM tells them, and no time
// for what was not used.
func TestLastAccess(t *testing.T) {
	aws := fleettest.New()
	defer aws.Close()
	account := aws.Account("111122223333")
	account.PutRole(fleettest.Role{Name: "api"})
	at := time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC)
	account.AddAccess("api", fleettest.Access{Service: "s3", Last: at, Actions: map[string]time.Time{"CreateBucket": at, "DeleteBucket": {}}})
	account.AddAccess("api", fleettest.Access{Service: "sqs"})
	account.AddAccess("api", fleettest.Access{Service: "ec2", Last: at})
	for size := range 4 {
		for _, empty := range []bool{false, true} {
			aws.Page("GetServiceLastAccessedDetails", fleettest.Paging{Size: size, Empty: empty})
			access, err := accessReader(aws.URL).Of(context.Background(), apiRole)
			require.NoError(t, err)
			assert.Equal(t, map[string]time.Time{"ec2": at, "s3": at, "sqs": {}}, access.Services)
			assert.Equal(t, map[string]time.Time{"s3:createbucket": at, "s3:deletebucket": {}}, access.Actions)
		}
	}
	aws.Page("GetServiceLastAccessedDetails", fleettest.Paging{Size: 1, LoseMarker: true})
	_, err := accessReader(aws.URL).Of(context.Background(), apiRole)
	assert.EqualError(t, err, "the answer of IAM about the last use of role "+apiRole+" cannot be read")
	_, err = accessReader(aws.URL).Of(context.Background(), apiRole+"-2")
	assert.ErrorContains(t, err, "NoSuchEntity")
	assert.Zero(t, aws.Writes())
}

// A report that IAM cannot make is an error that says so.
func TestFailedReport(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, r.ParseForm())
		if r.Form.Get("Action") == "GenerateServiceLastAccessedDetails" {
			_, _ = w.Write([]byte(`<R><GenerateServiceLastAccessedDetailsResult><JobId>1</JobId></GenerateServiceLastAccessedDetailsResult></R>`))
			return
		}
		_, _ = w.Write([]byte(`<R><GetServiceLastAccessedDetailsResult><JobStatus>FAILED</JobStatus></GetServiceLastAccessedDetailsResult></R>`))
	}))
	defer server.Close()
	_, err := accessReader(server.URL).Of(context.Background(), apiRole)
	assert.EqualError(t, err, "IAM failed to report the last use of the role")
	_, isProblem := errors.AsType[boundary.Problem](err)
	assert.True(t, isProblem)
}

// Who waits for a report can stop waiting.
func TestLastAccessCanceled(t *testing.T) {
	aws := fleettest.New()
	defer aws.Close()
	aws.Account("111122223333").PutRole(fleettest.Role{Name: "api"})
	ctx, cancel := context.WithCancel(context.Background())
	aws.OnCall(func(c fleettest.Call) {
		if c.Operation == "GetServiceLastAccessedDetails" {
			cancel()
		}
	})
	_, err := accessReader(aws.URL).Of(ctx, apiRole)
	assert.ErrorIs(t, err, context.Canceled)
}
