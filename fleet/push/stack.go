package push

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/internal/awserror"
)

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

var (
	stackSetInstance = regexp.MustCompile(`^StackSet-.+-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	productName      = regexp.MustCompile(`^SC-[0-9]{12}-pp-[A-Za-z0-9]+$`)
)

// productTag begins the tags that Service Catalog sets.
const productTag = "aws:servicecatalog:"

// updatable are the statuses in which a stack takes an update, after which its
// template is what was deployed. ROLLBACK_COMPLETE is of a stack that was never
// created. Source: CloudFormation user guide, stack status codes.
var updatable = []types.StackStatus{
	types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete,
	types.StackStatusImportComplete, types.StackStatusImportRollbackComplete,
}

// holdOf says whether what DescribeStacks tells of a stack keeps it from being
// deployed.
func holdOf(s types.Stack) *Hold {
	isProduct := func(t types.Tag) bool { return strings.HasPrefix(aws.ToString(t.Key), productTag) }
	switch name := aws.ToString(s.StackName); {
	case stackSetInstance.MatchString(name):
		return held(StackSetInstance)
	case productName.MatchString(name), slices.ContainsFunc(s.Tags, isProduct):
		return held(ServiceCatalog)
	case !slices.Contains(updatable, s.StackStatus):
		return held(StackStatus, string(s.StackStatus))
	}
	return nil
}

// parametersApart are the names of parameters that the stack has and the template
// does not declare, or the other way round. Those cannot be kept by name.
func parametersApart(s types.Stack, declared []string) []string {
	var apart []string
	has := map[string]bool{}
	for _, p := range s.Parameters {
		name := aws.ToString(p.ParameterKey)
		has[name] = true
		if !slices.Contains(declared, name) {
			apart = append(apart, name)
		}
	}
	for _, name := range declared {
		if !has[name] {
			apart = append(apart, name)
		}
	}
	return apart
}

// templateOf is what a stack is deployed with again.
func templateOf(s types.Stack, original string, f Forecast) Template {
	t := Template{
		IsJSON: f.IsJSON, Size: len(original), Capabilities: s.Capabilities,
		NotificationARNs: s.NotificationARNs,
	}
	if r := s.RollbackConfiguration; r != nil && (len(r.RollbackTriggers) > 0 || r.MonitoringTimeInMinutes != nil) {
		t.Rollback = r
	}
	for _, p := range s.Parameters {
		t.Parameters = append(t.Parameters, aws.ToString(p.ParameterKey))
	}
	for _, tag := range s.Tags {
		// Those of AWS itself stay, and cannot be given.
		if !strings.HasPrefix(aws.ToString(tag.Key), "aws:") {
			t.Tags = append(t.Tags, tag)
		}
	}
	return t
}
