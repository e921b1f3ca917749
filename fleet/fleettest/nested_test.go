package fleettest_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/transform"
)

const childURL = "https://templates.s3.eu-west-1.amazonaws.com/child.yaml"

const parentTemplate = `
Transform: PermissionsBoundaryMacro
Metadata: {PermissionsBoundaryMacro: {Environment: dev}}
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: "` + childURL + `", Parameters: {Environment: dev}}
  Outer: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
`

const childTemplate = `
Transform: PermissionsBoundaryMacro
Parameters: {Environment: {Type: String}}
Resources:
  Inner: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
`

// newNestedStage has a stack with a nested one. Both lag.
func newNestedStage(t *testing.T, parent, child string) stage {
	s := newStage(t, parent)
	s.CreateBucket(region, "templates")
	s.PutObject("templates", "child.yaml", child)
	s.Store(region).Set("/permissions-boundary/dev", devBoundary)
	require.NoError(t, s.Deploy(region, "orders-Child-1", child, map[string]string{"Environment": "dev"}, s.Macro(region, transform.Options{})))
	s.Nest(region, "orders", "Child", "orders-Child-1")
	s.Store(region).Set("/permissions-boundary/dev", newBoundary)
	return s
}

func (s stage) nestedInput() *cloudformation.CreateChangeSetInput {
	in := s.input("orders")
	in.IncludeNestedStacks = aws.Bool(true)
	return in
}

// With IncludeNestedStacks, the change set of the root has one of each nested
// stack, which are executed with it.
func TestNestedStacks(t *testing.T) {
	s := newNestedStage(t, parentTemplate, childTemplate)
	child := s.stack("orders-Child-1")
	assert.Equal(t, *s.stack("orders").StackId, *child.ParentId)
	assert.Equal(t, *child.ParentId, *child.RootId)
	root := s.create(s.nestedInput())
	assert.Equal(t, []string{
		"Modify Child False Automatic Dynamic =",
		"Modify Outer False DirectModification Static /Properties/PermissionsBoundary=" + newBoundary,
	}, summary(root))
	assert.True(t, *root.IncludeNestedStacks)
	assert.Equal(t, *child.StackId, *root.Changes[0].ResourceChange.PhysicalResourceId)
	nested := s.created(*root.Changes[0].ResourceChange.ChangeSetId)
	assert.Equal(t, []string{"Modify Inner False DirectModification Static /Properties/PermissionsBoundary=" + newBoundary}, summary(nested))
	assert.Equal(t, *root.ChangeSetId, *nested.ParentChangeSetId)
	assert.Equal(t, *root.ChangeSetId, *nested.RootChangeSetId)
	assert.Equal(t, *child.StackId, *nested.StackId)
	assert.Len(t, s.ChangeSets(region), 2)
	requireCode(t, "ValidationError", s.execute(*nested.ChangeSetId))
	requireCode(t, "ValidationError", s.delete(*nested.ChangeSetId))

	require.NoError(t, s.execute(*root.ChangeSetId))
	assert.Equal(t, types.StackStatusUpdateInProgress, s.stack("orders-Child-1").StackStatus)
	s.updated("orders")
	assert.Equal(t, []string{"UPDATE_COMPLETE"}, s.updated("orders-Child-1"))
	assert.Equal(t, map[string]string{"Outer": newBoundary}, s.bound("orders"))
	assert.Equal(t, map[string]string{"Inner": newBoundary}, s.bound("orders-Child-1"))
	assert.Empty(t, s.ChangeSets(region))
	assert.Equal(t, *nested.ChangeSetId, *s.stack("orders-Child-1").ChangeSetId)
	requireCode(t, "InvalidChangeSetStatus", s.delete(*root.ChangeSetId))
}

// Deleting the root's change set deletes those of nested stacks.
func TestDeleteNested(t *testing.T) {
	s := newNestedStage(t, parentTemplate, childTemplate)
	root := s.create(s.nestedInput())
	require.NoError(t, s.delete(*root.ChangeSetId))
	assert.Empty(t, s.ChangeSets(region))
}

// Without IncludeNestedStacks, a nested stack may change, and is not looked into.
func TestNestedNotIncluded(t *testing.T) {
	s := newNestedStage(t, parentTemplate, childTemplate)
	root := s.create(s.input("orders"))
	assert.Equal(t, "Modify Child False Automatic Dynamic =", summary(root)[0])
	assert.Nil(t, root.Changes[0].ResourceChange.ChangeSetId)
	require.NoError(t, s.execute(*root.ChangeSetId))
	s.Settle()
	assert.Equal(t, map[string]string{"Outer": newBoundary}, s.bound("orders"))
	assert.Equal(t, map[string]string{"Inner": devBoundary}, s.bound("orders-Child-1"))
}

// A nested stack without changes fails the whole change set if its template has
// transforms; otherwise its failed change set stays behind.
func TestNestedWithoutChanges(t *testing.T) {
	s := newNestedStage(t, parentTemplate, childTemplate)
	require.NoError(t, s.Deploy(region, "orders-Child-1", childTemplate, map[string]string{"Environment": "dev"}, installed(s.server)))
	root := s.create(s.nestedInput())
	assert.Regexp(t, `^Nested change set arn:aws:cloudformation:.*:changeSet/pbm-1-Child/.* was not successfully created: Currently in FAILED\.$`, *root.StatusReason)
	assert.Equal(t, "No updates are to be performed.", s.reasonOf("orders-Child-1"))

	plain := "Parameters: {Environment: {Type: String}}\nResources: {Queue: {Type: AWS::SQS::Queue}}"
	s = newNestedStage(t, parentTemplate, plain)
	root = s.create(s.nestedInput())
	assert.Equal(t, []string{"Modify Outer False DirectModification Static /Properties/PermissionsBoundary=" + newBoundary}, summary(root))
	require.NoError(t, s.execute(*root.ChangeSetId))
	s.Settle()
	assert.Equal(t, map[string]string{"Outer": newBoundary}, s.bound("orders"))
	assert.Contains(t, s.reasonOf("orders-Child-1"), "The submitted information didn't contain changes.")
	assert.Equal(t, types.StackStatusCreateComplete, s.stack("orders-Child-1").StackStatus)
}

// reasonOf is the reason of the only change set of a stack.
func (s stage) reasonOf(stack string) string {
	s.t.Helper()
	out, err := s.client.ListChangeSets(context.Background(), &cloudformation.ListChangeSetsInput{StackName: &stack})
	require.NoError(s.t, err)
	require.Len(s.t, out.Summaries, 1)
	return aws.ToString(s.created(*out.Summaries[0].ChangeSetId).StatusReason)
}

// Change sets that failed in a nested stack count for its limit, and then fail
// those of the root.
func TestLimitOfNested(t *testing.T) {
	s := newNestedStage(t, parentTemplate, childTemplate)
	s.server.LimitChangeSets(1)
	in := s.input("orders-Child-1")
	s.create(in)
	root := s.create(s.nestedInput())
	assert.Regexp(t, "^ChangeSet limit exceeded for stack arn:.*/orders-Child-1/.*: Resource creation cancelled$", *root.StatusReason)
}

// A nested stack that fails rolls all of them back.
func TestNestedRollback(t *testing.T) {
	s := newNestedStage(t, parentTemplate, childTemplate)
	s.FailUpdates(region, "orders", fleettest.UpdateFailure{Reason: "no"})
	before, _ := s.Stack(region, "orders-Child-1")
	root := s.create(s.nestedInput())
	require.NoError(t, s.execute(*root.ChangeSetId))
	statuses := s.updated("orders")
	assert.Equal(t, "UPDATE_ROLLBACK_COMPLETE", statuses[len(statuses)-1])
	assert.Equal(t, []string{"UPDATE_ROLLBACK_COMPLETE"}, s.updated("orders-Child-1"))
	assert.Equal(t, map[string]string{"Outer": devBoundary}, s.bound("orders"))
	assert.Equal(t, map[string]string{"Inner": devBoundary}, s.bound("orders-Child-1"))
	after, _ := s.Stack(region, "orders-Child-1")
	assert.Equal(t, before.Processed, after.Processed)

	s = newNestedStage(t, parentTemplate, childTemplate)
	s.FailUpdates(region, "orders-Child-1", fleettest.UpdateFailure{Reason: "no"})
	require.NoError(t, s.execute(*s.create(s.nestedInput()).ChangeSetId))
	s.Settle()
	assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.stack("orders").StackStatus)
	assert.Equal(t, "The following resource(s) failed to update: [Child]. ", *s.stack("orders").StackStatusReason)
	assert.Equal(t, map[string]string{"Outer": devBoundary}, s.bound("orders"))
	assert.Equal(t, map[string]string{"Inner": devBoundary}, s.bound("orders-Child-1"))
}
