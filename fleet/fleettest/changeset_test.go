package fleettest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/transform"
)

// stage is an account with a stack that lags behind its environment's boundary,
// and a client for it.
type stage struct {
	*fleettest.Account
	server *fleettest.Server
	client *cloudformation.Client
	t      *testing.T
}

// newStage deploys a template as the stack orders, with the boundary of dev, and
// then changes the boundary.
func newStage(t *testing.T, body string) stage {
	t.Helper()
	s := newServer(t)
	a := s.Account(hub)
	a.InstallMacro(region, "PermissionsBoundaryMacro", a.Macro(region, transform.Options{}))
	a.Store(region).Set("/permissions-boundary/dev", devBoundary)
	require.NoError(t, a.Deploy(region, "orders", body, nil, a.Macro(region, transform.Options{})))
	a.Store(region).Set("/permissions-boundary/dev", newBoundary)
	return stage{a, s, cloudformation.NewFromConfig(as(s, hub, region)), t}
}

const newBoundary = devBoundary + "-2"

// input is what creates a change set of a stack from its own template, as it is.
func (s stage) input(stack string) *cloudformation.CreateChangeSetInput {
	ctx := context.Background()
	out, err := s.client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &stack, TemplateStage: types.TemplateStageOriginal})
	require.NoError(s.t, err)
	described := s.stack(stack)
	in := &cloudformation.CreateChangeSetInput{
		StackName: &stack, ChangeSetName: aws.String("pbm-1"), TemplateBody: out.TemplateBody,
		Capabilities: described.Capabilities, Tags: described.Tags,
	}
	for _, p := range described.Parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: p.ParameterKey, UsePreviousValue: aws.Bool(true)})
	}
	return in
}

func (s stage) stack(name string) types.Stack {
	out, err := s.client.DescribeStacks(context.Background(), &cloudformation.DescribeStacksInput{StackName: &name})
	require.NoError(s.t, err)
	return out.Stacks[0]
}

// create creates a change set, and waits until it is created or has failed.
func (s stage) create(in *cloudformation.CreateChangeSetInput) *cloudformation.DescribeChangeSetOutput {
	s.t.Helper()
	out, err := s.client.CreateChangeSet(context.Background(), in)
	require.NoError(s.t, err)
	return s.created(*out.Id)
}

func (s stage) created(id string) *cloudformation.DescribeChangeSetOutput {
	s.t.Helper()
	for {
		out := s.describe(id)
		if !strings.HasPrefix(string(out.Status), "CREATE_P") && !strings.HasPrefix(string(out.Status), "CREATE_I") {
			return out
		}
	}
}

func (s stage) describe(id string) *cloudformation.DescribeChangeSetOutput {
	s.t.Helper()
	out, err := s.client.DescribeChangeSet(context.Background(), &cloudformation.DescribeChangeSetInput{ChangeSetName: &id, IncludePropertyValues: aws.Bool(true)})
	require.NoError(s.t, err)
	return out
}

func (s stage) execute(id string) error {
	_, err := s.client.ExecuteChangeSet(context.Background(), &cloudformation.ExecuteChangeSetInput{ChangeSetName: &id})
	return err
}

func (s stage) delete(id string) error {
	_, err := s.client.DeleteChangeSet(context.Background(), &cloudformation.DeleteChangeSetInput{ChangeSetName: &id})
	return err
}

// updated polls a stack until it is not in progress, and returns the statuses it
// went through.
func (s stage) updated(stack string) (statuses []string) {
	for {
		status := string(s.stack(stack).StackStatus)
		if len(statuses) == 0 || statuses[len(statuses)-1] != status {
			statuses = append(statuses, status)
		}
		if !strings.HasSuffix(status, "_IN_PROGRESS") {
			return statuses
		}
	}
}

// bound are the boundaries of the roles of a stack, by logical ID.
func (s stage) bound(stack string) map[string]string {
	bound := map[string]string{}
	got, exists := s.Stack(region, stack)
	require.True(s.t, exists)
	for _, r := range got.Resources {
		if role, exists := s.Role(r.PhysicalID); exists && r.Type == "AWS::IAM::Role" {
			bound[r.LogicalID] = role.Boundary
		}
	}
	return bound
}

// summary is what a change set does, as text.
func summary(out *cloudformation.DescribeChangeSetOutput) []string {
	var lines []string
	for _, c := range out.Changes {
		r := c.ResourceChange
		line := fmt.Sprint(r.Action, " ", *r.LogicalResourceId, " ", r.Replacement)
		for _, d := range r.Details {
			line += fmt.Sprint(" ", d.ChangeSource, " ", d.Evaluation, " ", aws.ToString(d.Target.Path), "=", aws.ToString(d.Target.AfterValue))
		}
		lines = append(lines, line)
	}
	return lines
}

// A change set is made in the background, and is in nobody's way: the roles are
// as they were.
func TestCreation(t *testing.T) {
	s := newStage(t, service)
	ctx := context.Background()
	out, err := s.client.CreateChangeSet(ctx, s.input("orders"))
	require.NoError(t, err)
	assert.Regexp(t, "^arn:aws:cloudformation:eu-west-1:"+hub+":changeSet/pbm-1/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", *out.Id)
	assert.Equal(t, *s.stack("orders").StackId, *out.StackId)
	var statuses []string
	for range 4 {
		got := s.describe(*out.Id)
		statuses = append(statuses, fmt.Sprint(got.Status, " ", got.ExecutionStatus, " ", len(got.Changes)))
	}
	assert.Equal(t, []string{
		"CREATE_PENDING UNAVAILABLE 0", "CREATE_IN_PROGRESS UNAVAILABLE 0", "CREATE_COMPLETE AVAILABLE 2", "CREATE_COMPLETE AVAILABLE 2",
	}, statuses)
	assert.Equal(t, map[string]string{"Api": devBoundary, "Named": devBoundary}, s.bound("orders"))
	assert.Equal(t, types.StackStatusCreateComplete, s.stack("orders").StackStatus)

	list, err := s.client.ListChangeSets(ctx, &cloudformation.ListChangeSetsInput{StackName: aws.String("orders")})
	require.NoError(t, err)
	require.Len(t, list.Summaries, 1)
	assert.Equal(t, *out.Id, *list.Summaries[0].ChangeSetId)
	assert.Equal(t, types.ExecutionStatusAvailable, list.Summaries[0].ExecutionStatus)
	want := fleettest.ChangeSet{
		Name: "pbm-1", ID: *out.Id, StackName: "orders", StackID: *out.StackId, Status: "CREATE_COMPLETE", ExecutionStatus: "AVAILABLE",
	}
	assert.Equal(t, []fleettest.ChangeSet{want}, s.ChangeSets(region))
	require.NoError(t, s.delete(*out.Id))
	assert.Empty(t, s.ChangeSets(region))
	assert.Equal(t, 2, s.server.Writes(), "CreateChangeSet and DeleteChangeSet")
}

// The template as it was given runs the macro again; the previous one does not.
// A change set without changes has AWS's texts.
func TestEmptyChangeSets(t *testing.T) {
	s := newStage(t, service)
	in := s.input("orders")
	in.TemplateBody, in.UsePreviousTemplate = nil, aws.Bool(true)
	out := s.create(in)
	assert.Equal(t, types.ChangeSetStatusFailed, out.Status)
	assert.Equal(t, types.ExecutionStatusUnavailable, out.ExecutionStatus)
	assert.Equal(t, "The submitted information didn't contain changes. Submit different information to create a change set.", *out.StatusReason)

	in = s.input("orders")
	in.ChangeSetName = aws.String("again")
	assert.Equal(t, []string{
		"Modify Api False DirectModification Static /Properties/PermissionsBoundary=" + newBoundary,
		"Modify Named False DirectModification Static /Properties/PermissionsBoundary=" + newBoundary,
	}, summary(s.create(in)))

	s.Store(region).Set("/permissions-boundary/dev", devBoundary)
	in.ChangeSetName = aws.String("same")
	out = s.create(in)
	assert.Equal(t, "No updates are to be performed.", *out.StatusReason)
	assert.Empty(t, out.Changes)
	message := requireCode(t, "InvalidChangeSetStatus", s.execute(*out.ChangeSetId)).ErrorMessage()
	assert.Equal(t, "ChangeSet ["+*out.ChangeSetId+"] cannot be executed in its current status of [FAILED]", message)

	const plain = `{"Resources":{"Queue":{"Type":"AWS::SQS::Queue"}}}`
	require.NoError(t, s.Deploy(region, "plain", plain, nil, nil))
	out = s.create(s.input("plain"))
	assert.Contains(t, *out.StatusReason, "The submitted information didn't contain changes.")
	assert.Len(t, s.ChangeSets(region), 4, "those that failed stay")
}

// A refusal of the macro fails the change set, not the call.
func TestRefusedChangeSet(t *testing.T) {
	s := newStage(t, service)
	in := s.input("orders")
	in.Parameters[0] = types.Parameter{ParameterKey: aws.String("Environment"), ParameterValue: aws.String("unheard-of")}
	out := s.create(in)
	assert.Equal(t, types.ChangeSetStatusFailed, out.Status)
	assert.Contains(t, *out.StatusReason, "Transform 111122223333::PermissionsBoundaryMacro failed with: ")

	in.ChangeSetName, in.TemplateBody = aws.String("other"), aws.String(strings.Replace(service, "PermissionsBoundaryMacro", "Missing", 1))
	assert.Equal(t, "No transform named 111122223333::Missing found.", *s.create(in).StatusReason)
}

// What is wrong with an input is said at once, and creates nothing.
func TestCreationErrors(t *testing.T) {
	s := newStage(t, service)
	s.PutStack(region, fleettest.Stack{Name: "busy", Status: "UPDATE_IN_PROGRESS", Original: "{}"})
	s.PutStack(region, fleettest.Stack{Name: "stuck", Status: "ROLLBACK_COMPLETE", Original: "{}"})
	_, err := s.client.CreateChangeSet(context.Background(), s.input("orders"))
	require.NoError(t, err)
	taken := s.ChangeSets(region)
	for name, c := range map[string]struct {
		change  func(*cloudformation.CreateChangeSetInput)
		code    string
		message string
	}{
		"missing stack": {func(in *cloudformation.CreateChangeSetInput) { in.StackName = aws.String("missing") }, "ValidationError", "Stack [missing] does not exist"},
		"busy stack":    {func(in *cloudformation.CreateChangeSetInput) { in.StackName = aws.String("busy") }, "ValidationError", "is in UPDATE_IN_PROGRESS state and can not be updated."},
		"stuck stack":   {func(in *cloudformation.CreateChangeSetInput) { in.StackName = aws.String("stuck") }, "ValidationError", "is in ROLLBACK_COMPLETE state and can not be updated."},
		"name":          {func(in *cloudformation.CreateChangeSetInput) { in.ChangeSetName = aws.String("1_") }, "ValidationError", "at 'changeSetName' failed"},
		"no template":   {func(in *cloudformation.CreateChangeSetInput) { in.TemplateBody = nil }, "ValidationError", "Either Template URL or Template Body must be specified."},
		"two templates": {func(in *cloudformation.CreateChangeSetInput) { in.UsePreviousTemplate = aws.Bool(true) }, "ValidationError", "only one of"},
		"long template": {func(in *cloudformation.CreateChangeSetInput) {
			in.TemplateBody = aws.String(service + "#" + strings.Repeat("x", 51200-len(service)))
		}, "ValidationError", "Member must have length less than or equal to 51200"},
		"no YAML":            {func(in *cloudformation.CreateChangeSetInput) { in.TemplateBody = aws.String("[") }, "ValidationError", "Template format error"},
		"no capabilities":    {func(in *cloudformation.CreateChangeSetInput) { in.Capabilities = nil }, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		"not enough of them": {func(in *cloudformation.CreateChangeSetInput) { in.Capabilities = []types.Capability{"CAPABILITY_IAM"} }, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		"one without effect": {func(in *cloudformation.CreateChangeSetInput) {
			in.Capabilities = []types.Capability{"CAPABILITY_AUTO_EXPAND"}
		}, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		"unknown parameter": {func(in *cloudformation.CreateChangeSetInput) { in.Parameters[0].ParameterKey = aws.String("Other") }, "ValidationError", "Cannot specify usePreviousValue as true for a parameter key not in the previous template"},
		"tag of AWS": {func(in *cloudformation.CreateChangeSetInput) {
			in.Tags = []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("y")}}
		}, "ValidationError", "aws: prefixed tag key names are not allowed for external use."},
		"name in use": {func(in *cloudformation.CreateChangeSetInput) { in.ChangeSetName = aws.String("pbm-1") }, "AlreadyExistsException", "ChangeSet pbm-1 already exists"},
		"name of another body": {func(in *cloudformation.CreateChangeSetInput) {
			in.ChangeSetName, in.TemplateBody = aws.String("pbm-1"), aws.String(service+" ")
		}, "AlreadyExistsException", "ChangeSet pbm-1 cannot be created due to a mismatch with existing attribute Template"},
	} {
		in := s.input("orders")
		in.ChangeSetName = aws.String("fresh")
		c.change(in)
		_, err := s.client.CreateChangeSet(context.Background(), in)
		assert.Contains(t, requireCode(t, c.code, err).ErrorMessage(), c.message, name)
	}
	assert.Equal(t, taken, s.ChangeSets(region))
}

// A parameter without a previous value needs one.
func TestParametersOfChangeSet(t *testing.T) {
	s := newStage(t, service)
	in := s.input("orders")
	in.TemplateBody = aws.String(strings.Replace(service, "Parameters:", "Parameters:\n  New: {Type: String}", 1))
	_, err := s.client.CreateChangeSet(context.Background(), in)
	assert.Equal(t, "Parameters: [New] must have values", requireCode(t, "ValidationError", err).ErrorMessage())
	in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: aws.String("New"), ParameterValue: aws.String("n")})
	out := s.create(in)
	got := map[string]string{}
	for _, p := range out.Parameters {
		got[*p.ParameterKey] = *p.ParameterValue
	}
	assert.Equal(t, map[string]string{"Environment": "dev", "New": "n", "Secret": "****"}, got)
}

// Roles that a macro adds need a capability, too. It is missed when the macro
// has run.
func TestCapabilitiesOfProcessed(t *testing.T) {
	s := newStage(t, service)
	s.InstallMacro(region, "Adds", echo(`{"Resources":{"Role":{"Type":"AWS::IAM::Role"}}}`))
	require.NoError(t, s.Deploy(region, "app", `{"Transform":"Adds","Resources":{}}`, nil, echo(`{"Resources":{"Queue":{"Type":"AWS::SQS::Queue"}}}`)))
	in := s.input("app")
	in.Capabilities = []types.Capability{"CAPABILITY_AUTO_EXPAND"}
	out := s.create(in)
	assert.Equal(t, types.ChangeSetStatusFailed, out.Status)
	assert.Equal(t, "Requires capabilities : [CAPABILITY_IAM]", *out.StatusReason)
	in.ChangeSetName, in.Capabilities = aws.String("again"), []types.Capability{"CAPABILITY_IAM"}
	assert.Equal(t, []string{"Remove Queue ", "Add Role "}, summary(s.create(in)))
}

// A stack that is updated while the macro runs has an obsolete change set.
func TestUpdateDuringCreation(t *testing.T) {
	s := newStage(t, service)
	macro := s.Macro(region, transform.Options{})
	s.InstallMacro(region, "PermissionsBoundaryMacro", func(event []byte) []byte {
		assert.NoError(t, s.Deploy(region, "orders", service, nil, macro))
		return macro(event)
	})
	out := s.create(s.input("orders"))
	assert.Equal(t, types.ExecutionStatusObsolete, out.ExecutionStatus)
	requireCode(t, "InvalidChangeSetStatus", s.execute(*out.ChangeSetId))
}

// A change set of somebody else is listed, and is in the way of its name only.
func TestForeignChangeSet(t *testing.T) {
	s := newStage(t, service)
	id := s.PutChangeSet(region, "orders", "foreign")
	out := s.describe(id)
	assert.Equal(t, types.ExecutionStatusAvailable, out.ExecutionStatus)
	assert.Empty(t, out.Changes)
	list, err := s.client.ListChangeSets(context.Background(), &cloudformation.ListChangeSetsInput{StackName: aws.String("orders")})
	require.NoError(t, err)
	assert.Equal(t, "foreign", *list.Summaries[0].ChangeSetName)
	in := s.input("orders")
	in.ChangeSetName = aws.String("foreign")
	_, err = s.client.CreateChangeSet(context.Background(), in)
	requireCode(t, "AlreadyExistsException", err)
	require.NoError(t, s.execute(*s.create(s.input("orders")).ChangeSetId))
	assert.Empty(t, s.ChangeSets(region), "executing the other one has deleted it")
}

// The same input with the same token is the same change set; with another
// token, it is a conflict.
func TestClientToken(t *testing.T) {
	ctx, s := context.Background(), newStage(t, service)
	in := s.input("orders")
	in.ClientToken = aws.String("once")
	first, err := s.client.CreateChangeSet(ctx, in)
	require.NoError(t, err)
	second, err := s.client.CreateChangeSet(ctx, in)
	require.NoError(t, err)
	assert.Equal(t, *first.Id, *second.Id)
	assert.Len(t, s.ChangeSets(region), 1)
	in.ClientToken = aws.String("twice")
	_, err = s.client.CreateChangeSet(ctx, in)
	assert.Contains(t, requireCode(t, "AlreadyExistsException", err).ErrorMessage(), "mismatch with existing attribute ClientToken")
}

// Failed change sets count for the limit of their stack.
func TestLimitOfChangeSets(t *testing.T) {
	ctx, s := context.Background(), newStage(t, service)
	s.server.LimitChangeSets(2)
	in := s.input("orders")
	s.Store(region).Set("/permissions-boundary/dev", devBoundary)
	for _, name := range []string{"a", "b"} {
		in.ChangeSetName = aws.String(name)
		assert.Equal(t, types.ChangeSetStatusFailed, s.create(in).Status)
	}
	in.ChangeSetName = aws.String("c")
	_, err := s.client.CreateChangeSet(ctx, in)
	assert.Contains(t, requireCode(t, "LimitExceededException", err).ErrorMessage(), "ChangeSet limit exceeded for stack arn:")
	_, err = s.client.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{StackName: aws.String("orders"), ChangeSetName: aws.String("a")})
	require.NoError(t, err)
	_, err = s.client.CreateChangeSet(ctx, in)
	require.NoError(t, err)
}

// What does not exist can be deleted, as long as its stack exists; what is being
// created cannot.
func TestDeleteChangeSet(t *testing.T) {
	ctx, s := context.Background(), newStage(t, service)
	deleteNamed := func(stack, name string) error {
		in := &cloudformation.DeleteChangeSetInput{ChangeSetName: &name}
		if stack != "" {
			in.StackName = &stack
		}
		_, err := s.client.DeleteChangeSet(ctx, in)
		return err
	}
	require.NoError(t, deleteNamed("orders", "missing"))
	assert.Equal(t, "Stack [missing] does not exist", requireCode(t, "ValidationError", deleteNamed("missing", "any")).ErrorMessage())
	assert.Contains(t, requireCode(t, "ValidationError", deleteNamed("", "any")).ErrorMessage(), "StackName must be specified")

	_, err := s.client.CreateChangeSet(ctx, s.input("orders"))
	require.NoError(t, err)
	_, err = s.client.ListChangeSets(ctx, &cloudformation.ListChangeSetsInput{StackName: aws.String("orders")})
	require.NoError(t, err)
	assert.Equal(t, "Cannot delete ChangeSet in status CREATE_IN_PROGRESS", requireCode(t, "InvalidChangeSetStatus", deleteNamed("orders", "pbm-1")).ErrorMessage())
	_, err = s.client.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{StackName: aws.String("orders"), ChangeSetName: aws.String("pbm-1")})
	require.NoError(t, err)
	require.NoError(t, deleteNamed("orders", "pbm-1"))
	_, err = s.client.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{StackName: aws.String("orders"), ChangeSetName: aws.String("pbm-1")})
	assert.Equal(t, "ChangeSet [pbm-1] does not exist", requireCode(t, "ChangeSetNotFound", err).ErrorMessage())
}

// replaceOnce replaces text that is there once.
func replaceOnce(t *testing.T, in, text, by string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(in, text), text)
	return strings.Replace(in, text, by, 1)
}
