package fleettest_test

import (
	"context"
	"os/exec"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/internal/awsclient"
)

// Accounts and the Region of most tests.
const (
	hub    = "111122223333"
	spoke  = "222233334444"
	other  = "333344445555"
	region = "eu-west-1"
)

func newServer(t *testing.T) *fleettest.Server {
	s := fleettest.New()
	t.Cleanup(s.Close)
	return s
}

// as is the configuration of the user of an account, without retries.
func as(s *fleettest.Server, account, region string) aws.Config {
	return with(s, region, aws.Credentials{AccessKeyID: "AKIA" + account, SecretAccessKey: "secret"})
}

func with(s *fleettest.Server, region string, c aws.Credentials) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(s.URL), APIOptions: []func(*middleware.Stack) error{awsclient.ReadLongAnswers},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return c, nil
		}),
	}
}

// requireCode requires that an error is one of AWS with a code.
func requireCode(t *testing.T, code string, err error) smithy.APIError {
	t.Helper()
	var failure smithy.APIError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, code, failure.ErrorCode(), "%v", err)
	return failure
}

// askAll asks each service something.
func askAll(ctx context.Context, c aws.Config) map[string]error {
	errs := map[string]error{}
	_, errs["account"] = account.NewFromConfig(c).ListRegions(ctx, &account.ListRegionsInput{})
	_, errs["cloudformation"] = cloudformation.NewFromConfig(c).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	_, errs["iam"] = iam.NewFromConfig(c).ListRoles(ctx, &iam.ListRolesInput{})
	_, errs["organizations"] = organizations.NewFromConfig(c).ListAccounts(ctx, &organizations.ListAccountsInput{})
	_, errs["ssm"] = ssm.NewFromConfig(c).GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/")})
	_, errs["sts"] = sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	return errs
}

// All services answer at one endpoint, and each call is counted with who made
// it and where.
func TestServices(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(hub).Organization()
	for service, err := range askAll(ctx, as(s, hub, region)) {
		assert.NoError(t, err, service)
		assert.Equal(t, 1, s.Count(fleettest.Call{
			Account: hub, Region: region, Service: service,
			Caller: "arn:aws:iam::" + hub + ":user/operator",
		}), service)
	}
	assert.Equal(t, 6, s.Count(fleettest.Call{}))
	assert.Zero(t, s.Count(fleettest.Call{Account: spoke}))
	assert.Zero(t, s.Writes())
	s.ForgetCalls()
	assert.Empty(t, s.Calls())
}

// Each service spells errors in its own way and shape.
func TestErrorShapes(t *testing.T) {
	for code, spelled := range map[string]map[string]string{
		"InternalFailure": {
			"account": "InternalFailure", "cloudformation": "InternalFailure", "iam": "InternalFailure",
			"organizations": "InternalFailure", "ssm": "InternalFailure", "sts": "InternalFailure",
		},
		"AccessDenied": {
			"account": "AccessDeniedException", "cloudformation": "AccessDenied", "iam": "AccessDenied",
			"organizations": "AccessDeniedException", "ssm": "AccessDeniedException", "sts": "AccessDenied",
		},
		"Throttling": {
			"account": "TooManyRequestsException", "cloudformation": "Throttling", "iam": "Throttling",
			"organizations": "TooManyRequestsException", "ssm": "ThrottlingException", "sts": "Throttling",
		},
		"ExpiredToken": {
			"account": "ExpiredTokenException", "cloudformation": "ExpiredToken", "iam": "ExpiredToken",
			"organizations": "ExpiredTokenException", "ssm": "ExpiredTokenException", "sts": "ExpiredToken",
		},
	} {
		ctx, s := context.Background(), newServer(t)
		s.Account(hub).Organization()
		s.Fail(fleettest.Fault{Code: code})
		for service, err := range askAll(ctx, as(s, hub, region)) {
			failure := requireCode(t, spelled[service], err)
			assert.NotEmpty(t, failure.ErrorMessage(), service)
			var response *awshttp.ResponseError
			require.ErrorAs(t, err, &response)
			assert.Equal(t, code == "InternalFailure", response.HTTPStatusCode() >= 500, service)
			assert.Equal(t, 1, s.Count(fleettest.Call{Service: service, Code: spelled[service]}))
		}
	}
}

// Keys of no account, and sessions that nobody has, are refused by all services.
func TestInvalidCredentials(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(hub).Organization()
	c := with(s, region, aws.Credentials{AccessKeyID: "ASIA" + hub, SecretAccessKey: "secret", SessionToken: "made up"})
	for service, err := range askAll(ctx, c) {
		want := "InvalidClientTokenId"
		if service == "account" || service == "organizations" || service == "ssm" {
			want = "UnrecognizedClientException"
		}
		requireCode(t, want, err)
	}
	_, err := iam.NewFromConfig(with(s, region, aws.Credentials{AccessKeyID: "unknown", SecretAccessKey: "secret"})).ListRoles(ctx, &iam.ListRolesInput{})
	assert.Error(t, err)
}

// A fault hits the calls that it is for, every nth of them, as often as it says.
func TestFaults(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Fail(fleettest.Fault{On: fleettest.Call{Account: hub, Operation: "ListRoles"}, Every: 3, Times: 2, Code: "AccessDenied"})
	client := iam.NewFromConfig(as(s, hub, region))
	var failed []int
	for i := 1; i <= 12; i++ {
		if _, err := client.ListRoles(ctx, &iam.ListRolesInput{}); err != nil {
			failure := requireCode(t, "AccessDenied", err)
			assert.Equal(t, "User: arn:aws:iam::111122223333:user/operator is not authorized to perform: iam:ListRoles on resource: * "+
				"because no identity-based policy allows the iam:ListRoles action", failure.ErrorMessage())
			failed = append(failed, i)
		}
	}
	assert.Equal(t, []int{3, 6}, failed)

	s.Fail(fleettest.Fault{On: fleettest.Call{Account: hub}, Code: "AccessDenied", Message: "no"})
	_, err := iam.NewFromConfig(as(s, spoke, region)).ListRoles(ctx, &iam.ListRolesInput{})
	require.NoError(t, err)
	_, err = client.ListRoles(ctx, &iam.ListRolesInput{})
	require.ErrorContains(t, err, "no")
	s.Heal()
	_, err = client.ListRoles(ctx, &iam.ListRolesInput{})
	require.NoError(t, err)
}

// An answer that is cut ends with an error in the client.
func TestCut(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(hub).Fill(fleettest.Workload{Regions: []string{region}, Stacks: 1, Roles: 2, Boundaries: boundaries})
	s.Fail(fleettest.Fault{Cut: true, Times: 1})
	client := iam.NewFromConfig(as(s, hub, region))
	_, err := client.ListRoles(ctx, &iam.ListRolesInput{})
	require.Error(t, err)
	out, err := client.ListRoles(ctx, &iam.ListRolesInput{})
	require.NoError(t, err)
	assert.Len(t, out.Roles, 2)
}

// Limits are for each account, Region and service, and the SDK's retries get
// past them.
func TestThrottle(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Throttle(0, 2)
	c := as(s, hub, region)
	for i := range 4 {
		_, err := cloudformation.NewFromConfig(c).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
		if i < 2 {
			require.NoError(t, err)
			continue
		}
		assert.Equal(t, "Rate exceeded", requireCode(t, "Throttling", err).ErrorMessage())
	}
	for _, elsewhere := range []aws.Config{as(s, hub, "eu-west-2"), as(s, spoke, region)} {
		_, err := cloudformation.NewFromConfig(elsewhere).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
		require.NoError(t, err)
	}
	_, err := iam.NewFromConfig(c).ListRoles(ctx, &iam.ListRolesInput{})
	require.NoError(t, err)

	c.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 10 })
	}
	s.Throttle(100, 1)
	s.ForgetCalls()
	for range 4 {
		_, err := cloudformation.NewFromConfig(c).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
		require.NoError(t, err)
	}
	assert.Equal(t, 4, s.Count(fleettest.Call{})-s.Count(fleettest.Call{Code: "Throttling"}))
}

// Every operation that does not only read is a write, whether it is refused or
// not.
func TestWrites(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	c := as(s, hub, region)
	_, err := cloudformation.NewFromConfig(c).UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: aws.String("app")})
	requireCode(t, "AccessDenied", err)
	assert.Equal(t, 1, s.Writes())
	_, err = organizations.NewFromConfig(c).LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{})
	requireCode(t, "AccessDeniedException", err)
	assert.Equal(t, 2, s.Writes())
	_, err = ssm.NewFromConfig(c).PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("b"), Type: "String"})
	require.NoError(t, err)
	assert.Equal(t, 3, s.Writes())
}

// A call can change what it is about to read.
func TestOnCall(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	a := s.Account(hub)
	id := a.PutStack(region, fleettest.Stack{Name: "app"})
	s.OnCall(func(c fleettest.Call) {
		if c.Operation == "ListStackResources" {
			assert.Equal(t, "app", c.Resource)
			a.DeleteStack(region, "app")
			s.OnCall(nil)
		}
	})
	client := cloudformation.NewFromConfig(as(s, hub, region))
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	require.NoError(t, err)
	require.Len(t, out.Stacks, 1)
	_, err = client.ListStackResources(ctx, &cloudformation.ListStackResourcesInput{StackName: aws.String("app")})
	assert.Equal(t, "Stack with id app does not exist", requireCode(t, "ValidationError", err).ErrorMessage())
	_, err = client.ListStackResources(ctx, &cloudformation.ListStackResourcesInput{StackName: &id})
	require.NoError(t, err)
	a.ForgetStack(region, id)
	_, err = client.ListStackResources(ctx, &cloudformation.ListStackResourcesInput{StackName: &id})
	requireCode(t, "ValidationError", err)
}

// Parameter Store is one for each account and Region.
func TestStore(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(hub).Store(region).Set("/a", "b")
	out, err := ssm.NewFromConfig(as(s, hub, region)).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/a")})
	require.NoError(t, err)
	assert.Equal(t, "b", *out.Parameter.Value)
	assert.Equal(t, 1, s.Count(fleettest.Call{Service: "ssm", Operation: "GetParameter", Resource: "/a"}))
	_, err = ssm.NewFromConfig(as(s, spoke, region)).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/a")})
	requireCode(t, "ParameterNotFound", err)
}

// The programs have no fake AWS in them.
func TestOnlyTestsImportThis(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "permissions-boundary-macro/cmd/...").Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "permissions-boundary-macro/deploy")
	assert.NotContains(t, string(out), "fleettest")
}
