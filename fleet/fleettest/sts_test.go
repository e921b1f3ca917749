package fleettest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

const auditor = "arn:aws:iam::" + spoke + ":role/audit/pbm-auditor"

// assume assumes a role, and returns the configuration of its session.
func assume(ctx context.Context, s *fleettest.Server, c aws.Config, change func(*sts.AssumeRoleInput)) (aws.Config, error) {
	in := &sts.AssumeRoleInput{RoleArn: aws.String(auditor), RoleSessionName: aws.String("pbm")}
	if change != nil {
		change(in)
	}
	out, err := sts.NewFromConfig(c).AssumeRole(ctx, in)
	if err != nil {
		return aws.Config{}, err
	}
	return with(s, c.Region, aws.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey,
		SessionToken: *out.Credentials.SessionToken, Expires: *out.Credentials.Expiration, CanExpire: true,
	}), nil
}

// A role can be assumed by those whom it trusts, with the external ID.
func TestAssumeRole(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(spoke).Trust("audit/pbm-auditor", fleettest.Trust{ExternalID: "secret-id", Accounts: []string{hub}})
	withID := func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("secret-id") }

	session, err := assume(ctx, s, as(s, hub, region), withID)
	require.NoError(t, err)
	who, err := sts.NewFromConfig(session).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	assert.Equal(t, spoke, *who.Account)
	assert.Equal(t, "arn:aws:sts::"+spoke+":assumed-role/pbm-auditor/pbm", *who.Arn)
	s.Account(spoke).PutStack(region, fleettest.Stack{Name: "app"})
	out, err := cloudformation.NewFromConfig(session).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	require.NoError(t, err)
	assert.Len(t, out.Stacks, 1)

	for why, refused := range map[string]struct {
		account string
		change  func(*sts.AssumeRoleInput)
	}{
		"no external ID":    {hub, nil},
		"other external ID": {hub, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("wrong") }},
		"not trusted":       {other, withID},
		"no such role": {hub, func(in *sts.AssumeRoleInput) {
			withID(in)
			in.RoleArn = aws.String("arn:aws:iam::" + spoke + ":role/pbm-auditor")
		}},
	} {
		_, err := assume(ctx, s, as(s, refused.account, region), refused.change)
		assert.Regexp(t, "^User: arn:aws:iam::"+refused.account+":user/operator is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::"+spoke+":role/",
			requireCode(t, "AccessDenied", err).ErrorMessage(), why)
	}
}

// The input of AssumeRole has limits. A chained session lasts an hour.
func TestLimitsOfAssumeRole(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(spoke).Trust("audit/pbm-auditor", fleettest.Trust{MaxDuration: 2 * time.Hour})
	for why, change := range map[string]func(*sts.AssumeRoleInput){
		"ARN of another partition": func(in *sts.AssumeRoleInput) {
			in.RoleArn = aws.String("arn:aws-cn:iam::" + spoke + ":role/audit/pbm-auditor")
		},
		"short name":             func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("x") },
		"space in the name":      func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a b") },
		"short external ID":      func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("x") },
		"long external ID":       func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String(strings.Repeat("x", 1225)) },
		"long policy":            func(in *sts.AssumeRoleInput) { in.Policy = aws.String(strings.Repeat(" ", 2049)) },
		"too short":              func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) },
		"too long":               func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(43201) },
		"longer than the role's": func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7201) },
	} {
		_, err := assume(ctx, s, as(s, hub, region), change)
		require.Error(t, err, why)
		requireCode(t, "ValidationError", err)
	}
	_, err := assume(ctx, s, as(s, hub, region), func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{}") })
	requireCode(t, "MalformedPolicyDocument", err)

	twoHours := func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) }
	session, err := assume(ctx, s, as(s, hub, region), twoHours)
	require.NoError(t, err)
	c, err := session.Credentials.Retrieve(ctx)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(2*time.Hour), c.Expires, time.Minute)
	_, err = assume(ctx, s, session, twoHours)
	requireCode(t, "ValidationError", err)
	_, err = assume(ctx, s, session, nil)
	require.NoError(t, err)
}

// A session policy is noted with each call, and takes away what it does not
// allow.
func TestSessionPolicy(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	a := s.Account(spoke)
	a.Trust("audit/pbm-auditor", fleettest.Trust{})
	a.PutRole(fleettest.Role{Name: "role"})
	a.PutStack(region, fleettest.Stack{Name: "app-1"})
	a.PutStack(region, fleettest.Stack{Name: "web-1"})
	const policy = `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Action":"iam:Get*","Resource":"*"},` +
		`{"Effect":"Allow","Action":"cloudformation:GetTemplate","Resource":"arn:aws:cloudformation:*:*:stack/app-*/*"}]}`
	session, err := assume(ctx, s, as(s, hub, region), func(in *sts.AssumeRoleInput) { in.Policy = aws.String(policy) })
	require.NoError(t, err)

	_, err = iam.NewFromConfig(session).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("role")})
	require.NoError(t, err)
	_, err = iam.NewFromConfig(session).PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{
		RoleName: aws.String("role"), PermissionsBoundary: aws.String(devBoundary),
	})
	assert.Equal(t, "User: arn:aws:sts::222233334444:assumed-role/pbm-auditor/pbm is not authorized to perform: iam:PutRolePermissionsBoundary "+
		"on resource: arn:aws:iam::222233334444:role/role because no session policy allows the iam:PutRolePermissionsBoundary action",
		requireCode(t, "AccessDenied", err).ErrorMessage())
	unchanged, _ := a.Role("role")
	assert.Empty(t, unchanged.Boundary)
	stacks := cloudformation.NewFromConfig(session)
	_, err = stacks.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: aws.String("app-1")})
	require.NoError(t, err)
	_, err = stacks.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: aws.String("web-1")})
	requireCode(t, "AccessDenied", err)

	_, err = ssm.NewFromConfig(session).DescribeParameters(ctx, &ssm.DescribeParametersInput{})
	requireCode(t, "AccessDeniedException", err)

	assert.Equal(t, 5, s.Count(fleettest.Call{Account: spoke, SessionPolicy: policy}))
	assert.Equal(t, 1, s.Count(fleettest.Call{Account: hub}), "of which none has a session policy")
}

// All parameters of a call must be allowed.
func TestSessionPolicyOfParameters(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(spoke).Trust("audit/pbm-auditor", fleettest.Trust{})
	session, err := assume(ctx, s, as(s, hub, region), func(in *sts.AssumeRoleInput) {
		in.Policy = aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ssm:*","Resource":"arn:aws:ssm:eu-west-1:222233334444:parameter/pbm/*"}}`)
	})
	require.NoError(t, err)
	client := ssm.NewFromConfig(session)
	_, err = client.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/pbm/a", "/pbm/b"}})
	require.NoError(t, err)
	_, err = client.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/pbm/a", "/other"}})
	assert.Contains(t, requireCode(t, "AccessDeniedException", err).ErrorMessage(), "arn:aws:ssm:eu-west-1:222233334444:parameter/other")
}

// DescribeStacks of all stacks needs a second permission.
func TestSessionPolicyOfAllStacks(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(spoke).Trust("audit/pbm-auditor", fleettest.Trust{})
	s.Account(spoke).PutStack(region, fleettest.Stack{Name: "app"})
	stacks := func(actions string) *cloudformation.Client {
		session, err := assume(ctx, s, as(s, hub, region), func(in *sts.AssumeRoleInput) {
			in.Policy = aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[` + actions + `],"Resource":"*"}}`)
		})
		require.NoError(t, err)
		return cloudformation.NewFromConfig(session)
	}
	one := stacks(`"cloudformation:DescribeStacks"`)
	_, err := one.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("app")})
	require.NoError(t, err)
	_, err = one.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	assert.Contains(t, requireCode(t, "AccessDenied", err).ErrorMessage(), "not authorized to perform: cloudformation:ListStacks on resource: *")
	_, err = stacks(`"cloudformation:DescribeStacks","cloudformation:ListStacks"`).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	require.NoError(t, err)
}

// Sessions that expire while they are used are refused from then on; a new one
// works.
func TestExpiredSession(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(spoke).Trust("audit/pbm-auditor", fleettest.Trust{})
	s.ExpireSessionsAfter(2)
	for range 2 {
		session, err := assume(ctx, s, as(s, hub, region), nil)
		require.NoError(t, err)
		client := iam.NewFromConfig(session)
		for range 2 {
			_, err = client.ListRoles(ctx, &iam.ListRolesInput{})
			require.NoError(t, err)
		}
		_, err = client.ListRoles(ctx, &iam.ListRolesInput{})
		requireCode(t, "ExpiredToken", err)
	}
}
