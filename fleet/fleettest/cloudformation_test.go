package fleettest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

// Pages of any size, and empty ones, have every stack and resource once.
func TestPagesOfStacks(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	a := s.Account(hub)
	for i := range 7 {
		stack := fleettest.Stack{Name: fmt.Sprintf("app-%d", i)}
		for n := range 7 {
			stack.Resources = append(stack.Resources, fleettest.Resource{LogicalID: fmt.Sprintf("Role%d", n), PhysicalID: fmt.Sprintf("role-%d-%d", i, n), Type: "AWS::IAM::Role"})
		}
		a.PutStack(region, stack)
	}
	a.PutStack("eu-west-2", fleettest.Stack{Name: "elsewhere"})
	client := cloudformation.NewFromConfig(as(s, hub, region))
	for size := range 9 {
		for _, empty := range []bool{false, true} {
			s.Page("DescribeStacks", fleettest.Paging{Size: size, Empty: empty})
			s.Page("ListStackResources", fleettest.Paging{Size: size, Empty: empty})
			var names, ids []string
			empties := 0
			stacks := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{})
			for stacks.HasMorePages() {
				page, err := stacks.NextPage(ctx)
				require.NoError(t, err)
				if len(page.Stacks) == 0 {
					empties++
				}
				for _, stack := range page.Stacks {
					names = append(names, *stack.StackName)
				}
				if size > 0 {
					require.LessOrEqual(t, len(page.Stacks), size)
				}
			}
			resources := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: aws.String("app-3")})
			for resources.HasMorePages() {
				page, err := resources.NextPage(ctx)
				require.NoError(t, err)
				for _, r := range page.StackResourceSummaries {
					ids = append(ids, *r.LogicalResourceId+" "+*r.PhysicalResourceId+" "+*r.ResourceType)
				}
			}
			assert.Equal(t, "app-0 app-1 app-2 app-3 app-4 app-5 app-6", strings.Join(names, " "))
			assert.Len(t, ids, 7)
			assert.Equal(t, "Role0 role-3-0 AWS::IAM::Role", ids[0])
			assert.Equal(t, empty, empties > 0)
		}
	}
	_, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{NextToken: aws.String("made up")})
	requireCode(t, "ValidationError", err)
}

// A stack that goes or comes between two pages moves no other one out of sight.
func TestPagesWhileStacksChange(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	a := s.Account(hub)
	for _, name := range []string{"a", "b", "c", "d"} {
		a.PutStack(region, fleettest.Stack{Name: name})
	}
	s.Page("DescribeStacks", fleettest.Paging{Size: 2})
	client := cloudformation.NewFromConfig(as(s, hub, region))
	first, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	require.NoError(t, err)
	a.DeleteStack(region, "a")
	a.DeleteStack(region, "b")
	a.PutStack(region, fleettest.Stack{Name: "e"})
	second, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{NextToken: first.NextToken})
	require.NoError(t, err)
	require.Len(t, second.Stacks, 2)
	assert.Equal(t, "c", *second.Stacks[0].StackName)
	assert.Equal(t, "d", *second.Stacks[1].StackName)
	assert.NotNil(t, second.NextToken)
}

// Everything that a stack has comes out, by name and by ID, in its partition.
func TestDescribeStack(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	created := time.Date(2025, 3, 4, 5, 6, 7, 89e6, time.UTC)
	stack := fleettest.Stack{
		Name: "app", Status: "UPDATE_ROLLBACK_COMPLETE", Created: created, Updated: created.Add(time.Hour),
		Parameters: []fleettest.Parameter{
			{Key: "Environment", Value: "dev"},
			{Key: "Ami", Value: "/ami", Resolved: "ami-1"},
			{Key: "Password", Value: "swordfish", NoEcho: true},
			{Key: "Empty"},
		},
		Tags: []fleettest.Tag{{Key: "team", Value: `<"a&b">`}}, Capabilities: []string{"CAPABILITY_IAM"},
		ParentID: "arn:parent", RootID: "arn:root",
	}
	for region, partition := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		id := s.Account(hub).PutStack(region, stack)
		assert.Regexp(t, "^arn:"+partition+":cloudformation:"+region+":"+hub+":stack/app/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id)
		client := cloudformation.NewFromConfig(as(s, hub, region))
		for _, name := range []string{"app", id} {
			out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
			require.NoError(t, err)
			require.Len(t, out.Stacks, 1)
			got := out.Stacks[0]
			assert.Equal(t, id, *got.StackId)
			assert.Equal(t, types.StackStatusUpdateRollbackComplete, got.StackStatus)
			assert.Equal(t, created, *got.CreationTime)
			assert.Equal(t, created.Add(time.Hour), *got.LastUpdatedTime)
			assert.Equal(t, "arn:parent", *got.ParentId)
			assert.Equal(t, "arn:root", *got.RootId)
			assert.Equal(t, `<"a&b">`, *got.Tags[0].Value)
			assert.Equal(t, []types.Capability{"CAPABILITY_IAM"}, got.Capabilities)
			assert.Equal(t, "dev", *got.Parameters[0].ParameterValue)
			assert.Nil(t, got.Parameters[0].ResolvedValue)
			assert.Equal(t, "/ami", *got.Parameters[1].ParameterValue)
			assert.Equal(t, "ami-1", *got.Parameters[1].ResolvedValue)
			assert.Equal(t, "****", *got.Parameters[2].ParameterValue)
			assert.Equal(t, "", *got.Parameters[3].ParameterValue)
		}
	}
	plain := s.Account(spoke)
	plain.PutStack(region, fleettest.Stack{Name: "app"})
	out, err := cloudformation.NewFromConfig(as(s, spoke, region)).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	require.NoError(t, err)
	assert.Nil(t, out.Stacks[0].LastUpdatedTime)
	assert.Equal(t, types.StackStatusCreateComplete, out.Stacks[0].StackStatus)
	plain.ChangeStack(region, "app", func(s *fleettest.Stack) { s.Status = "UPDATE_IN_PROGRESS" })
	out, err = cloudformation.NewFromConfig(as(s, spoke, region)).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	require.NoError(t, err)
	assert.True(t, out.Stacks[0].LastUpdatedTime.After(*out.Stacks[0].CreationTime))
	assert.Equal(t, types.StackStatusUpdateInProgress, out.Stacks[0].StackStatus)
}

// GetTemplate answers the processed template unless the original is asked for,
// and YAML as text.
func TestGetTemplate(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	yaml := "# <comment>\nTransform: PermissionsBoundaryMacro\nResources:\n\tR: \"&\"\n"
	s.Account(hub).PutStack(region, fleettest.Stack{Name: "app", Original: yaml, Processed: `{"Resources":{}}`})
	s.Account(hub).PutStack(region, fleettest.Stack{Name: "plain", Original: yaml})
	client := cloudformation.NewFromConfig(as(s, hub, region))
	for _, c := range []struct {
		stack string
		stage types.TemplateStage
		want  string
	}{
		{"app", "", `{"Resources":{}}`},
		{"app", types.TemplateStageProcessed, `{"Resources":{}}`},
		{"app", types.TemplateStageOriginal, yaml},
		{"plain", types.TemplateStageOriginal, yaml},
		{"plain", types.TemplateStageProcessed, yaml},
	} {
		out, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &c.stack, TemplateStage: c.stage})
		require.NoError(t, err)
		assert.Equal(t, c.want, *out.TemplateBody)
		assert.Len(t, out.StagesAvailable, 2)
	}
	_, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: aws.String("missing")})
	assert.Equal(t, "Stack with id missing does not exist", requireCode(t, "ValidationError", err).ErrorMessage())
	_, err = client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: aws.String("app"), TemplateStage: "Other"})
	requireCode(t, "ValidationError", err)
}
