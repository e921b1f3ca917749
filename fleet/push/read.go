package push

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/internal/awserror"
)

// Reader is the part of CloudFormation that a plan needs.
type Reader interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	GetTemplate(context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error)
	ListChangeSets(context.Context, *cloudformation.ListChangeSetsInput, ...func(*cloudformation.Options)) (*cloudformation.ListChangeSetsOutput, error)
}

// allStacks reads all stacks of a Region.
func allStacks(ctx context.Context, client Reader, region string) ([]types.Stack, error) {
	var all []types.Stack
	pages := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fleet.StackFailure("list", "the stacks in "+region, "cloudformation:DescribeStacks and cloudformation:ListStacks", err)
		}
		all = append(all, page.Stacks...)
	}
	return all, nil
}

// describe reads a stack as it is now.
func describe(ctx context.Context, client Reader, s Stack) (types.Stack, error) {
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &s.ID})
	if err == nil && len(out.Stacks) != 1 {
		err = awserror.ErrAnswer
	}
	if err != nil {
		return types.Stack{}, fleet.StackFailure("read", s.describe(), "cloudformation:DescribeStacks", err)
	}
	if out.Stacks[0].StackStatus == types.StackStatusDeleteComplete {
		return types.Stack{}, fleet.ErrGone
	}
	return out.Stacks[0], nil
}

// template reads a template of a stack, or of one of its change sets.
func template(ctx context.Context, client Reader, s Stack, stage types.TemplateStage, changeSet *string) (string, error) {
	in := &cloudformation.GetTemplateInput{StackName: &s.ID, TemplateStage: stage, ChangeSetName: changeSet}
	if changeSet != nil {
		in.StackName = nil // the change set is given by its ARN
	}
	out, err := client.GetTemplate(ctx, in)
	if err == nil && out.TemplateBody == nil {
		err = awserror.ErrAnswer
	}
	if err != nil {
		return "", fleet.StackFailure("read", "the template of "+s.describe(), "cloudformation:GetTemplate", err)
	}
	return *out.TemplateBody, nil
}

// foreignChangeSets are the names of change sets of a stack that can still be
// executed, apart from one. To execute that would delete them. Source:
// CloudFormation API, ExecuteChangeSet.
func foreignChangeSets(ctx context.Context, client Reader, s Stack, own string) ([]string, error) {
	var names []string
	pages := cloudformation.NewListChangeSetsPaginator(client, &cloudformation.ListChangeSetsInput{StackName: &s.ID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fleet.StackFailure("list", "the change sets of "+s.describe(), "cloudformation:ListChangeSets", err)
		}
		for _, c := range page.Summaries {
			if name := aws.ToString(c.ChangeSetName); name != own && !isSpent(c) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// isSpent reports whether a change set can no longer be executed.
func isSpent(c types.ChangeSetSummary) bool {
	return slices.Contains([]types.ChangeSetStatus{
		types.ChangeSetStatusFailed, types.ChangeSetStatusDeletePending, types.ChangeSetStatusDeleteInProgress,
		types.ChangeSetStatusDeleteComplete, types.ChangeSetStatusDeleteFailed,
	}, c.Status) || slices.Contains([]types.ExecutionStatus{
		types.ExecutionStatusExecuteComplete, types.ExecutionStatusExecuteFailed, types.ExecutionStatusObsolete,
	}, c.ExecutionStatus)
}

// describe names the stack in messages.
func (s Stack) describe() string { return fmt.Sprintf("stack %s in %s", s.Name, s.Region) }
