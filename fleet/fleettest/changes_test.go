package fleettest_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

// With IncludePropertyValues, a change of a boundary has everything that a
// client can ask of it. Without, it has no values.
func TestShapeOfChange(t *testing.T) {
	ctx, s := context.Background(), newStage(t, service)
	out := s.create(s.input("orders"))
	change := out.Changes[0].ResourceChange
	assert.Equal(t, types.ChangeTypeResource, out.Changes[0].Type)
	physical, _ := s.Stack(region, "orders")
	assert.Equal(t, physical.Resources[0].PhysicalID, *change.PhysicalResourceId)
	want := types.ResourceChange{
		Action: types.ChangeActionModify, LogicalResourceId: aws.String("Api"), PhysicalResourceId: change.PhysicalResourceId,
		ResourceType: aws.String("AWS::IAM::Role"), Replacement: types.ReplacementFalse, Scope: []types.ResourceAttribute{"Properties"},
		BeforeContext: change.BeforeContext, AfterContext: change.AfterContext,
		Details: []types.ResourceChangeDetail{{
			ChangeSource: types.ChangeSourceDirectModification, Evaluation: types.EvaluationTypeStatic,
			Target: &types.ResourceTargetDefinition{
				Attribute: types.ResourceAttributeProperties, Name: aws.String("PermissionsBoundary"), RequiresRecreation: types.RequiresRecreationNever,
				Path: aws.String("/Properties/PermissionsBoundary"), AttributeChangeType: types.AttributeChangeTypeModify,
				BeforeValue: aws.String(devBoundary), AfterValue: aws.String(newBoundary),
			},
		}},
	}
	assert.Equal(t, want, *change)
	for _, c := range []struct{ text, boundary string }{{*change.BeforeContext, devBoundary}, {*change.AfterContext, newBoundary}} {
		var context struct {
			Properties struct{ PermissionsBoundary string }
		}
		require.NoError(t, json.Unmarshal([]byte(c.text), &context))
		assert.Equal(t, c.boundary, context.Properties.PermissionsBoundary)
	}

	plain, err := s.client.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: out.ChangeSetId})
	require.NoError(t, err)
	target := want.Details[0].Target
	want.BeforeContext, want.AfterContext = nil, nil
	target.Path, target.AttributeChangeType, target.BeforeValue, target.AfterValue = nil, "", nil, nil
	assert.Equal(t, want, *plain.Changes[0].ResourceChange)
}

// Pages of any size, and empty ones, have every change once.
func TestPagesOfChanges(t *testing.T) {
	ctx, s := context.Background(), newStage(t, service)
	s.Fill(fleettest.Workload{Regions: []string{region}, Stacks: 1, Roles: 7, Boundaries: map[string]string{"dev": devBoundary}})
	id := s.create(s.input("app-00000")).ChangeSetId
	for size := range 9 {
		for _, empty := range []bool{false, true} {
			s.server.Page("DescribeChangeSet", fleettest.Paging{Size: size, Empty: empty})
			var names []string
			pages := cloudformation.NewDescribeChangeSetPaginator(s.client, &cloudformation.DescribeChangeSetInput{ChangeSetName: id})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				require.NoError(t, err)
				for _, c := range page.Changes {
					names = append(names, *c.ResourceChange.LogicalResourceId)
				}
			}
			assert.Equal(t, []string{"Role0", "Role1", "Role2", "Role3", "Role4", "Role5", "Role6"}, names)
		}
	}
}

// Whatever else the new template or new values change is among the changes, for
// resources of any type.
func TestOtherChanges(t *testing.T) {
	const before = `
Parameters:
  Size: {Type: Number, Default: 1}
  Image: {Type: "AWS::SSM::Parameter::Value<String>", Default: /image}
  Unused: {Type: String, Default: a}
Conditions: {IsLarge: !Equals [!Ref Size, 2]}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs, DelaySeconds: !Ref Size}}
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !GetAtt Queue.QueueName}, Metadata: {Version: 1}}
  Server: {Type: AWS::EC2::Instance, Properties: {ImageId: !Ref Image}}
  Table: {Type: AWS::DynamoDB::Table, DeletionPolicy: Retain, Properties: {Keys: [a, !If [IsLarge, b, !Ref AWS::NoValue]]}}
  Role: {Type: AWS::IAM::Role}
  Text: {Type: AWS::SSM::Parameter, Properties: {Value: !Sub ["${AWS::Region} ${Size} ${Own} ${Queue.Arn} ${!Size}", {Own: !Ref Size}]}}
Outputs: {Size: {Value: !Ref Size}}
`
	replace := func(text, by string) func(*cloudformation.CreateChangeSetInput) {
		return func(in *cloudformation.CreateChangeSetInput) {
			in.TemplateBody = aws.String(replaceOnce(t, before, text, by))
		}
	}
	for name, c := range map[string]struct {
		change func(*cloudformation.CreateChangeSetInput)
		image  string
		want   []string
		failed string
	}{
		"nothing":   {func(*cloudformation.CreateChangeSetInput) {}, "", nil, "The submitted information didn't contain changes. Submit different information to create a change set."},
		"a comment": {replace("Parameters:", "# new\nParameters:"), "", nil, "The submitted information didn't contain changes. Submit different information to create a change set."},
		"another value of SSM": {func(*cloudformation.CreateChangeSetInput) {}, "ami-2", []string{
			"Modify Server True ParameterReference Static /Properties/ImageId=ami-2 DirectModification Dynamic /Properties/ImageId=ami-2",
		}, ""},
		"a property": {replace("DelaySeconds: !Ref Size", "DelaySeconds: 5"), "", []string{"Modify Queue False DirectModification Static /Properties/DelaySeconds=5"}, ""},
		"a replacement and what refers to it": {replace("QueueName: jobs", "QueueName: tasks"), "", []string{
			"Modify Queue True DirectModification Static /Properties/QueueName=tasks",
			"Modify Text False ResourceAttribute Static /Properties/Value={{changeSet:KNOWN_AFTER_APPLY}} DirectModification Dynamic /Properties/Value={{changeSet:KNOWN_AFTER_APPLY}}",
			"Modify Topic False ResourceAttribute Static /Properties/DisplayName={{changeSet:KNOWN_AFTER_APPLY}} DirectModification Dynamic /Properties/DisplayName={{changeSet:KNOWN_AFTER_APPLY}}",
		}, ""},
		"metadata":     {replace("Version: 1", "Version: 2"), "", []string{`Modify Topic False DirectModification Static /Metadata={"Version":2}`}, ""},
		"a new one":    {replace("  Role:", "  Bucket: {Type: AWS::S3::Bucket}\n  Role:"), "", []string{"Add Bucket "}, ""},
		"one less":     {replace("  Table: {Type: AWS::DynamoDB::Table, DeletionPolicy: Retain, Properties: {Keys: [a, !If [IsLarge, b, !Ref AWS::NoValue]]}}", ""), "", []string{"Remove Table "}, ""},
		"another type": {replace("Type: AWS::SNS::Topic", "Type: AWS::SQS::Queue"), "", nil, "Update of resource type is not permitted. The new template modifies resource type of the following resources: [Topic]"},
		"an output":    {replace("Value: !Ref Size", "Value: 7"), "", nil, ""},
		"a property less": {replace(", DelaySeconds: !Ref Size", ""), "", []string{
			"Modify Queue False DirectModification Static /Properties/DelaySeconds=",
		}, ""},
		"no value": {replace("Keys: [a,", "Keys: [!Ref AWS::NoValue, c,"), "", []string{
			`Modify Table False DirectModification Static /Properties/Keys=["c"]`,
		}, ""},
		"a parameter": {func(in *cloudformation.CreateChangeSetInput) {
			in.Parameters = []types.Parameter{{ParameterKey: aws.String("Size"), ParameterValue: aws.String("2")}}
		}, "", []string{
			"Modify Queue False ParameterReference Static /Properties/DelaySeconds=2 DirectModification Dynamic /Properties/DelaySeconds=2",
			`Modify Table False DirectModification Static /Properties/Keys=["a","b"]`,
			"Modify Text False ParameterReference Static /Properties/Value=eu-west-1 2 2 app-Queue-VM6RUIVABX3B.Arn ${Size} DirectModification Dynamic /Properties/Value=eu-west-1 2 2 app-Queue-VM6RUIVABX3B.Arn ${Size}",
		}, ""},
		"an unused parameter": {func(in *cloudformation.CreateChangeSetInput) {
			in.Parameters = []types.Parameter{{ParameterKey: aws.String("Unused"), ParameterValue: aws.String("b")}}
		}, "", nil, "The submitted information didn't contain changes. Submit different information to create a change set."},
	} {
		s := newStage(t, `{"Resources":{}}`)
		s.Store(region).Set("/image", "ami-1")
		require.NoError(t, s.Deploy(region, "app", before, nil, nil))
		if c.image != "" {
			s.Store(region).Set("/image", c.image)
		}
		in := s.input("app")
		c.change(in)
		out := s.create(in)
		assert.Equal(t, c.want, summary(out), name)
		assert.Equal(t, c.failed, aws.ToString(out.StatusReason), name)
		if c.failed != "" {
			continue
		}
		require.NoError(t, s.execute(*out.ChangeSetId), name)
		s.Settle()
		in.ChangeSetName = aws.String("again")
		assert.Equal(t, types.ChangeSetStatusFailed, s.create(in).Status, "%s: nothing is left to do", name)
	}
}

// Tags of a stack are a change, even where no resource gets them.
func TestTagsOnly(t *testing.T) {
	s := newStage(t, service)
	require.NoError(t, s.Deploy(region, "app", `{"Resources":{"Thing":{"Type":"Custom::Thing"}}}`, nil, nil))
	in := s.input("app")
	in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
	out := s.create(in)
	assert.Equal(t, types.ChangeSetStatusCreateComplete, out.Status)
	assert.Empty(t, out.Changes)
}
