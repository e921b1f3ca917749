package fleettest_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

// newDriftedStage has a stack that is up to date, and a role of which somebody
// has removed the boundary.
func newDriftedStage(t *testing.T) stage {
	s := newStage(t, service)
	s.Store(region).Set("/permissions-boundary/dev", devBoundary)
	s.SetBoundary("orders-dev", "")
	return s
}

// A change set does not see what somebody did by hand, unless it is
// drift-aware: then it shows both states, and sets the boundary back.
func TestRevertDrift(t *testing.T) {
	s := newDriftedStage(t)
	in := s.input("orders")
	out := s.create(in)
	assert.Equal(t, "No updates are to be performed.", *out.StatusReason)
	assert.Empty(t, out.DeploymentMode)

	in.ChangeSetName, in.DeploymentMode = aws.String("repair"), types.DeploymentModeRevertDrift
	out = s.create(in)
	assert.Equal(t, types.DeploymentModeRevertDrift, out.DeploymentMode)
	assert.Equal(t, types.StackDriftStatusDrifted, out.StackDriftStatus)
	require.Len(t, out.Changes, 1)
	change := out.Changes[0].ResourceChange
	assert.Equal(t, "Named", *change.LogicalResourceId)
	assert.Equal(t, types.ChangeActionModify, change.Action)
	assert.Equal(t, types.ReplacementFalse, change.Replacement)
	assert.Equal(t, types.StackResourceDriftStatusModified, change.ResourceDriftStatus)
	require.Len(t, change.Details, 1)
	target := *change.Details[0].Target
	assert.NotZero(t, target.Drift.DriftDetectionTimestamp)
	assert.Equal(t, types.ResourceTargetDefinition{
		Attribute: types.ResourceAttributeProperties, Name: aws.String("PermissionsBoundary"), RequiresRecreation: types.RequiresRecreationNever,
		Path: aws.String("/Properties/PermissionsBoundary"), AttributeChangeType: types.AttributeChangeTypeAdd,
		AfterValue: aws.String(devBoundary), BeforeValueFrom: types.BeforeValueFromActualState, AfterValueFrom: types.AfterValueFromTemplate,
		Drift: &types.LiveResourceDrift{PreviousValue: aws.String(devBoundary), DriftDetectionTimestamp: target.Drift.DriftDetectionTimestamp},
	}, target)
	for _, c := range []struct {
		text *string
		want any
	}{{change.BeforeContext, nil}, {change.AfterContext, devBoundary}, {change.PreviousDeploymentContext, devBoundary}} {
		var context struct{ Properties map[string]any }
		require.NoError(t, json.Unmarshal([]byte(*c.text), &context))
		assert.Equal(t, c.want, context.Properties["PermissionsBoundary"])
	}

	require.NoError(t, s.execute(*out.ChangeSetId))
	s.Settle()
	assert.Equal(t, map[string]string{"Api": devBoundary, "Named": devBoundary}, s.bound("orders"))
	in.ChangeSetName = aws.String("again")
	assert.Equal(t, types.ChangeSetStatusFailed, s.create(in).Status)
}

// A drift-aware change set also takes back all else that somebody did to the
// stack's roles, and says so.
func TestDriftOfMoreThanBoundaries(t *testing.T) {
	s := newDriftedStage(t)
	role, _ := s.Role("orders-dev")
	role.Inline = []fleettest.Policy{{Name: "emergency", Document: `{"Statement":[]}`}}
	s.PutRole(role)
	in := s.input("orders")
	in.DeploymentMode = types.DeploymentModeRevertDrift
	out := s.create(in)
	assert.Equal(t, []string{
		"Modify Named False DirectModification Static /Properties/PermissionsBoundary=" + devBoundary + " DirectModification Static /Properties/Policies=",
	}, summary(out))
	assert.Equal(t, types.AttributeChangeTypeRemove, out.Changes[0].ResourceChange.Details[1].Target.AttributeChangeType)

	require.NoError(t, s.delete(*out.ChangeSetId))
	s.DeleteRole("orders-dev")
	out = s.create(in)
	assert.Equal(t, types.StackResourceDriftStatusDeleted, out.Changes[0].ResourceChange.ResourceDriftStatus)
	assert.Equal(t, types.ChangeActionAdd, out.Changes[0].ResourceChange.Action)
}

// A role that already is what the new template says is not changed.
func TestSyncWithActual(t *testing.T) {
	s := newStage(t, service)
	s.SetBoundary("orders-dev", newBoundary)
	in := s.input("orders")
	in.DeploymentMode = types.DeploymentModeRevertDrift
	out := s.create(in)
	assert.Equal(t, []string{
		"Modify Api False DirectModification Static /Properties/PermissionsBoundary=" + newBoundary,
		"SyncWithActual Named  NoModification Static /Properties/PermissionsBoundary=" + newBoundary,
	}, summary(out))
	assert.Equal(t, types.StackResourceDriftStatusInSync, out.Changes[0].ResourceChange.ResourceDriftStatus)
	assert.Equal(t, types.AttributeChangeTypeSyncWithActual, out.Changes[1].ResourceChange.Details[0].Target.AttributeChangeType)
	require.NoError(t, s.execute(*out.ChangeSetId))
	s.Settle()
	assert.Equal(t, map[string]string{"Api": newBoundary, "Named": newBoundary}, s.bound("orders"))
}

// A rollback of a drift-aware update brings back the actual state.
func TestRollbackToActualState(t *testing.T) {
	s := newDriftedStage(t)
	s.FailUpdates(region, "orders", fleettest.UpdateFailure{Reason: "no", Resource: "Queue"})
	in := s.input("orders")
	in.TemplateBody = aws.String(replaceOnce(t, service, "Queue: {Type: AWS::SQS::Queue}", "Queue: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 1}}"))
	in.DeploymentMode = types.DeploymentModeRevertDrift
	require.NoError(t, s.execute(*s.create(in).ChangeSetId))
	assert.Equal(t, types.StackStatusUpdateInProgress, s.stack("orders").StackStatus)
	assert.Equal(t, devBoundary, s.bound("orders")["Named"], "in the middle")
	s.Settle()
	assert.Equal(t, map[string]string{"Api": devBoundary, "Named": ""}, s.bound("orders"))
}
