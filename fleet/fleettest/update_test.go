package fleettest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/transform"
)

// An update sets the boundary of one role after the other, and nothing else.
func TestExecution(t *testing.T) {
	s := newStage(t, service)
	before := s.stack("orders")
	roles := map[string]fleettest.Role{}
	for _, name := range s.Roles() {
		roles[name], _ = s.Role(name)
	}
	out := s.create(s.input("orders"))
	require.NoError(t, s.execute(*out.ChangeSetId))
	assert.Equal(t, types.ExecutionStatusExecuteInProgress, s.describe(*out.ChangeSetId).ExecutionStatus)
	assert.Equal(t, map[string]string{"Api": newBoundary, "Named": devBoundary}, s.bound("orders"), "after the first step")
	assert.Equal(t, []string{"UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"}, s.updated("orders"))
	assert.Equal(t, types.ExecutionStatusExecuteComplete, s.describe(*out.ChangeSetId).ExecutionStatus)

	after := s.stack("orders")
	assert.True(t, after.LastUpdatedTime.After(*before.CreationTime))
	assert.Equal(t, *out.ChangeSetId, *after.ChangeSetId)
	assert.Equal(t, before.Parameters, after.Parameters)
	assert.Equal(t, before.Capabilities, after.Capabilities)
	stack, _ := s.Stack(region, "orders")
	assert.Equal(t, service, stack.Original)
	assert.NotContains(t, stack.Processed, `"`+devBoundary+`"`)
	for name, was := range roles {
		role, _ := s.Role(name)
		was.Boundary = newBoundary
		assert.Equal(t, was, role)
	}
	assert.Empty(t, s.ChangeSets(region), "one that was executed is not active")
	assert.Equal(t, []string{"UPDATE_COMPLETE"}, s.updated("orders"))
}

// Executing a change set deletes the others of the stack. The same token again is
// the same execution; another call is refused.
func TestExecuteOnce(t *testing.T) {
	ctx, s := context.Background(), newStage(t, service)
	in := s.input("orders")
	first := s.create(in)
	in.ChangeSetName = aws.String("foreign")
	foreign := s.create(in)
	execution := &cloudformation.ExecuteChangeSetInput{ChangeSetName: first.ChangeSetId, ClientRequestToken: aws.String("once")}
	for range 2 {
		_, err := s.client.ExecuteChangeSet(ctx, execution)
		require.NoError(t, err)
	}
	_, err := s.client.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: foreign.ChangeSetId})
	requireCode(t, "ChangeSetNotFound", err)
	assert.Equal(t, "An operation on this ChangeSet is currently in progress.  Please attempt this operation again later.",
		requireCode(t, "InvalidChangeSetStatus", s.delete(*first.ChangeSetId)).ErrorMessage())
	message := requireCode(t, "InvalidChangeSetStatus", s.execute(*first.ChangeSetId)).ErrorMessage()
	assert.Contains(t, message, "cannot be executed in its current execution status of [EXECUTE_IN_PROGRESS]")
	_, err = s.client.CreateChangeSet(ctx, in)
	assert.Contains(t, requireCode(t, "ValidationError", err).ErrorMessage(), "is in UPDATE_IN_PROGRESS state and can not be updated.")
	s.Settle()
	assert.Equal(t, newBoundary, s.bound("orders")["Api"])
	_, err = s.client.ExecuteChangeSet(ctx, execution)
	require.NoError(t, err, "the same token, later")

	// The name is free again, the token is not.
	s.Store(region).Set("/permissions-boundary/dev", devBoundary)
	in.ChangeSetName = aws.String("pbm-1")
	second := s.create(in)
	_, err = s.client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: second.ChangeSetId, ClientRequestToken: aws.String("once")})
	requireCode(t, "TokenAlreadyExistsException", err)
	require.NoError(t, s.delete(*first.ChangeSetId))
}

// What somebody else does to the stack makes a change set obsolete.
func TestObsolete(t *testing.T) {
	s := newStage(t, service)
	out := s.create(s.input("orders"))
	s.server.OnCall(func(c fleettest.Call) {
		if c.Operation == "ExecuteChangeSet" {
			assert.NoError(t, s.Deploy(region, "orders", strings.Replace(service, "Queue:", "Other:", 1), nil, installed(s.server)))
			s.server.OnCall(nil)
		}
	})
	message := requireCode(t, "InvalidChangeSetStatus", s.execute(*out.ChangeSetId)).ErrorMessage()
	assert.Equal(t, "ChangeSet ["+*out.ChangeSetId+"] cannot be executed in its current execution status of [OBSOLETE]", message)
	assert.Equal(t, types.ExecutionStatusObsolete, s.describe(*out.ChangeSetId).ExecutionStatus)
	require.NoError(t, s.delete(*out.ChangeSetId))
	assert.Empty(t, s.ChangeSets(region))
}

// A stack that is busy when its change set is executed stays as it is.
func TestBusyStack(t *testing.T) {
	s := newStage(t, service)
	out := s.create(s.input("orders"))
	s.ChangeStack(region, "orders", func(s *fleettest.Stack) { s.Status = "UPDATE_ROLLBACK_FAILED" })
	message := requireCode(t, "ValidationError", s.execute(*out.ChangeSetId)).ErrorMessage()
	assert.Equal(t, "Stack:"+*out.StackId+" is in UPDATE_ROLLBACK_FAILED state and can not be updated.", message)
	assert.Equal(t, devBoundary, s.bound("orders")["Api"])
}

// An update that fails rolls back: everything is as before, and the events say
// why.
func TestRollback(t *testing.T) {
	ctx, s := context.Background(), newStage(t, service)
	before, _ := s.Stack(region, "orders")
	s.FailUpdates(region, "orders", fleettest.UpdateFailure{Reason: "Access denied for operation PutRolePermissionsBoundary"})
	out := s.create(s.input("orders"))
	_, err := s.client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: out.ChangeSetId, ClientRequestToken: aws.String("token")})
	require.NoError(t, err)
	assert.Equal(t, types.StackStatusUpdateInProgress, s.stack("orders").StackStatus)
	assert.Equal(t, newBoundary, s.bound("orders")["Api"], "in the middle")
	assert.Equal(t, []string{"UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"}, s.updated("orders"))
	assert.Equal(t, map[string]string{"Api": devBoundary, "Named": devBoundary}, s.bound("orders"))
	assert.Equal(t, "The following resource(s) failed to update: [Named]. ", *s.stack("orders").StackStatusReason)
	assert.Equal(t, types.ExecutionStatusExecuteFailed, s.describe(*out.ChangeSetId).ExecutionStatus)
	after, _ := s.Stack(region, "orders")
	assert.Equal(t, before.Processed, after.Processed)

	var failures, newest []string
	for size := range 3 {
		s.server.Page("DescribeStackEvents", fleettest.Paging{Size: size})
		failures, newest = nil, nil
		pages := cloudformation.NewDescribeStackEventsPaginator(s.client, &cloudformation.DescribeStackEventsInput{StackName: aws.String("orders")})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			require.NoError(t, err)
			for _, e := range page.StackEvents {
				newest = append(newest, string(e.ResourceStatus))
				assert.Equal(t, "token", *e.ClientRequestToken)
				if e.ResourceStatus == types.ResourceStatusUpdateFailed {
					failures = append(failures, fmt.Sprint(*e.LogicalResourceId, ": ", *e.ResourceStatusReason))
				}
			}
		}
	}
	assert.Equal(t, []string{"Named: Access denied for operation PutRolePermissionsBoundary"}, failures)
	assert.Equal(t, "UPDATE_ROLLBACK_COMPLETE", newest[0])
	assert.Equal(t, "UPDATE_IN_PROGRESS", newest[len(newest)-1])

	s.FailUpdates(region, "orders", fleettest.UpdateFailure{})
	again := s.input("orders")
	again.ChangeSetName = aws.String("again")
	require.NoError(t, s.execute(*s.create(again).ChangeSetId))
	s.Settle()
	assert.Equal(t, newBoundary, s.bound("orders")["Named"])
}

// A rollback can fail, too; the stack is stuck in the middle.
func TestStuckRollback(t *testing.T) {
	s := newStage(t, service)
	s.FailUpdates(region, "orders", fleettest.UpdateFailure{Reason: "no", Resource: "Named", Stuck: true})
	require.NoError(t, s.execute(*s.create(s.input("orders")).ChangeSetId))
	s.Settle()
	assert.Equal(t, types.StackStatusUpdateRollbackFailed, s.stack("orders").StackStatus)
	assert.Equal(t, map[string]string{"Api": newBoundary, "Named": devBoundary}, s.bound("orders"))
}

// A stack policy counts during the execution, not before.
func TestStackPolicy(t *testing.T) {
	for policy, reason := range map[string]string{
		`{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}`: "",
		`{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"},` +
			`{"Effect":"Deny","Action":["Update:Modify"],"Principal":"*","Resource":"LogicalResourceId/Na*"}]}`: "Action denied by stack policy: Statement [#2] does not allow [Update:Modify] for resource [LogicalResourceId/Named];",
		`{"Statement":[{"Effect":"Deny","NotAction":"Update:Delete","Principal":"*","Resource":"*",` +
			`"Condition":{"StringEquals":{"ResourceType":["AWS::IAM::Role"]}}}]}`: "Action denied by stack policy: Statement [#1] does not allow [Update:Modify] for resource [LogicalResourceId/Api];",
		`{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","NotResource":"LogicalResourceId/Api"}]}`: "Action not allowed by stack policy",
	} {
		s := newStage(t, service)
		s.ChangeStack(region, "orders", func(s *fleettest.Stack) { s.Policy = policy })
		out := s.create(s.input("orders"))
		assert.Equal(t, types.ChangeSetStatusCreateComplete, out.Status)
		require.NoError(t, s.execute(*out.ChangeSetId))
		statuses := s.updated("orders")
		if reason == "" {
			assert.Equal(t, "UPDATE_COMPLETE", statuses[len(statuses)-1])
			continue
		}
		assert.Equal(t, "UPDATE_ROLLBACK_COMPLETE", statuses[len(statuses)-1])
		assert.Equal(t, map[string]string{"Api": devBoundary, "Named": devBoundary}, s.bound("orders"))
		events, err := s.client.DescribeStackEvents(context.Background(), &cloudformation.DescribeStackEventsInput{StackName: aws.String("orders")})
		require.NoError(t, err)
		var reasons []string
		for _, e := range events.StackEvents {
			reasons = append(reasons, aws.ToString(e.ResourceStatusReason))
		}
		assert.Contains(t, reasons, reason, policy)
	}
}

// An update also replaces, creates and deletes roles.
func TestOtherChangesOfRoles(t *testing.T) {
	s := newStage(t, service)
	in := s.input("orders")
	in.Parameters[0] = types.Parameter{ParameterKey: aws.String("Environment"), ParameterValue: aws.String("prod")}
	s.Store(region).Set("/permissions-boundary/prod", prodBoundary)
	out := s.create(in)
	assert.Equal(t, []string{
		"Modify Api False DirectModification Static /Properties/PermissionsBoundary=" + prodBoundary,
		"Modify Named True DirectModification Static /Properties/PermissionsBoundary=" + prodBoundary +
			" ParameterReference Static /Properties/RoleName=orders-prod DirectModification Dynamic /Properties/RoleName=orders-prod",
		"Add OnlyInProd ",
	}, summary(out))
	assert.Equal(t, types.PolicyActionReplaceAndDelete, out.Changes[1].ResourceChange.PolicyAction)
	require.NoError(t, s.execute(*out.ChangeSetId))
	s.Settle()
	assert.Equal(t, map[string]string{"Api": prodBoundary, "Named": prodBoundary, "OnlyInProd": prodBoundary}, s.bound("orders"))
	assert.Len(t, s.Roles(), 3, "orders-dev is gone")

	// The way back fails, and leaves everything as it is.
	s.FailUpdates(region, "orders", fleettest.UpdateFailure{Reason: "no"})
	names := s.Roles()
	in = s.input("orders")
	in.Parameters[0] = types.Parameter{ParameterKey: aws.String("Environment"), ParameterValue: aws.String("dev")}
	out = s.create(in)
	assert.Equal(t, "Remove OnlyInProd ", summary(out)[2])
	require.NoError(t, s.execute(*out.ChangeSetId))
	s.Settle()
	assert.Equal(t, names, s.Roles())
	assert.Equal(t, map[string]string{"Api": prodBoundary, "Named": prodBoundary, "OnlyInProd": prodBoundary}, s.bound("orders"))
}

// Settings of a stack that a change set does not give stay, except for its tags.
func TestSettings(t *testing.T) {
	s := newStage(t, service)
	rollback := fleettest.RollbackConfiguration{Minutes: 5, Triggers: []fleettest.RollbackTrigger{{ARN: "arn:alarm", Type: "AWS::CloudWatch::Alarm"}}}
	s.ChangeStack(region, "orders", func(s *fleettest.Stack) {
		s.Tags, s.NotificationARNs = []fleettest.Tag{{Key: "team", Value: "a"}}, []string{"arn:topic"}
		s.RoleARN, s.Rollback = "arn:role", rollback
	})
	described := s.stack("orders")
	assert.Equal(t, "arn:role", *described.RoleARN)
	assert.Equal(t, []string{"arn:topic"}, described.NotificationARNs)
	assert.Equal(t, int32(5), *described.RollbackConfiguration.MonitoringTimeInMinutes)
	assert.Equal(t, "arn:alarm", *described.RollbackConfiguration.RollbackTriggers[0].Arn)

	in := s.input("orders")
	out := s.create(in)
	assert.Equal(t, described.Tags, out.Tags)
	assert.Equal(t, described.NotificationARNs, out.NotificationARNs)
	assert.Equal(t, described.RollbackConfiguration, out.RollbackConfiguration)
	assert.Equal(t, []types.ResourceAttribute{"Properties"}, out.Changes[0].ResourceChange.Scope)

	in.ChangeSetName, in.Tags = aws.String("no-tags"), nil
	in.NotificationARNs, in.RollbackConfiguration = []string{}, &types.RollbackConfiguration{RollbackTriggers: []types.RollbackTrigger{}}
	out = s.create(in)
	assert.Empty(t, out.Tags)
	assert.Equal(t, []types.ResourceAttribute{"Properties", "Tags"}, out.Changes[0].ResourceChange.Scope)
	assert.Equal(t, "Queue", *out.Changes[2].ResourceChange.LogicalResourceId, "its tags change")
	require.NoError(t, s.execute(*out.ChangeSetId))
	s.Settle()
	after, _ := s.Stack(region, "orders")
	assert.Empty(t, after.Tags)
	assert.Empty(t, after.NotificationARNs)
	assert.Zero(t, after.Rollback)
	assert.Equal(t, "arn:role", after.RoleARN)
}

// A boundary where there was none is an addition, and its end a removal.
func TestFirstAndLastBoundary(t *testing.T) {
	s := newStage(t, service)
	s.Store(region).Set("/permissions-boundary/dev", "none")
	require.NoError(t, s.Deploy(region, "orders", strings.Replace(service, "Transform: PermissionsBoundaryMacro", "", 1), nil, nil))
	in := s.input("orders")
	in.TemplateBody = aws.String(service)
	assert.Equal(t, "No updates are to be performed.", *s.create(in).StatusReason)

	in.ChangeSetName = aws.String("first")
	s.Store(region).Set("/permissions-boundary/dev", newBoundary)
	out := s.create(in)
	target := out.Changes[0].ResourceChange.Details[0].Target
	assert.Equal(t, types.AttributeChangeTypeAdd, target.AttributeChangeType)
	assert.Nil(t, target.BeforeValue)
	require.NoError(t, s.execute(*out.ChangeSetId))
	s.Settle()
	assert.Equal(t, map[string]string{"Api": newBoundary, "Named": newBoundary}, s.bound("orders"))

	in.ChangeSetName, in.TemplateBody = aws.String("last"), aws.String(strings.Replace(service, "Transform: PermissionsBoundaryMacro", "", 1))
	out = s.create(in)
	target = out.Changes[0].ResourceChange.Details[0].Target
	assert.Equal(t, types.AttributeChangeTypeRemove, target.AttributeChangeType)
	assert.Equal(t, newBoundary, *target.BeforeValue)
	assert.Nil(t, target.AfterValue)
	require.NoError(t, s.execute(*out.ChangeSetId))
	s.Settle()
	assert.Equal(t, map[string]string{"Api": "", "Named": ""}, s.bound("orders"))
}

// Boundaries of users change, too, where the macro binds users.
func TestUpdateOfUser(t *testing.T) {
	const body = `
Transform: PermissionsBoundaryMacro
Metadata: {PermissionsBoundaryMacro: {Environment: dev}}
Resources: {User: {Type: AWS::IAM::User, Properties: {UserName: deployer}}}
`
	s := newStage(t, service)
	macro := s.Macro(region, transform.Options{BoundUsers: true})
	s.InstallMacro(region, "PermissionsBoundaryMacro", macro)
	s.Store(region).Set("/permissions-boundary/dev", devBoundary)
	require.NoError(t, s.Deploy(region, "users", body, nil, macro))
	s.PutUser(fleettest.User{Name: "deployer", Boundary: devBoundary})
	s.Store(region).Set("/permissions-boundary/dev", newBoundary)
	boundary := func() string {
		out, err := iam.NewFromConfig(as(s.server, hub, region)).GetAccountAuthorizationDetails(context.Background(), &iam.GetAccountAuthorizationDetailsInput{})
		require.NoError(t, err)
		return *out.UserDetailList[0].PermissionsBoundary.PermissionsBoundaryArn
	}
	out := s.create(s.input("users"))
	assert.Equal(t, []string{"Modify User False DirectModification Static /Properties/PermissionsBoundary=" + newBoundary}, summary(out))
	require.NoError(t, s.execute(*out.ChangeSetId))
	s.Settle()
	assert.Equal(t, newBoundary, boundary())

	s.FailUpdates(region, "users", fleettest.UpdateFailure{Reason: "no", Resource: "ZExtra"})
	s.Store(region).Set("/permissions-boundary/dev", devBoundary)
	in := s.input("users")
	in.TemplateBody = aws.String(replaceOnce(t, body, "Resources: {", "Resources: {ZExtra: {Type: AWS::SQS::Queue}, "))
	require.NoError(t, s.execute(*s.create(in).ChangeSetId))
	s.Settle()
	assert.Equal(t, newBoundary, boundary())
}
