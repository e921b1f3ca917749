package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"permissions-boundary-macro/internal/awserror"
)

// stackReader is the part of CloudFormation that an audit needs.
type stackReader interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error)
	GetTemplate(context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error)
}

// ErrGone is the error about a stack that was deleted since it was listed.
var ErrGone = errors.New("the stack is gone")

// StackFailure says what the error of a call about stacks means: ErrGone, or a
// boundary.Problem.
func StackFailure(verb, object, permission string, err error) error {
	api, refused := errors.AsType[smithy.APIError](err)
	if refused && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "does not exist") {
		return ErrGone
	}
	return awserror.Explain(awserror.Call{
		Service: "CloudFormation", Verb: verb, Verbs: "requests to " + verb, Object: object, Allow: "allow " + permission,
	}, err)
}

// readStacks reads what CloudFormation says about all stacks of a Region. Stacks
// that are gone, and those that were never deployed, have no resources.
//
// A call that names no stack also needs cloudformation:ListStacks. Source:
// CloudFormation API, DescribeStacks, StackName.
func readStacks(ctx context.Context, client stackReader, account, region string) ([]Stack, error) {
	described, err := pages(func(token *string) ([]types.Stack, *string, error) {
		out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{NextToken: token})
		if err != nil {
			return nil, nil, StackFailure("list", "the stacks in "+region, "cloudformation:DescribeStacks and cloudformation:ListStacks", err)
		}
		return out.Stacks, out.NextToken, nil
	})
	var all []Stack
	for _, s := range described {
		if s.StackStatus != types.StackStatusReviewInProgress && s.StackStatus != types.StackStatusDeleteComplete {
			all = append(all, StackOf(s, account, region))
		}
	}
	return all, err
}

// StackOf is a stack of an account and Region as DescribeStacks tells it.
func StackOf(s types.Stack, account, region string) Stack {
	stack := Stack{
		Account: account, Region: region,
		ID: aws.ToString(s.StackId), Name: aws.ToString(s.StackName), Status: string(s.StackStatus),
		Parent: aws.ToString(s.ParentId), Changed: aws.ToTime(s.CreationTime),
	}
	if s.LastUpdatedTime != nil {
		stack.Changed = *s.LastUpdatedTime
	}
	for _, p := range s.Parameters {
		stack.Parameters = append(stack.Parameters, parameterOf(p))
	}
	return stack
}

// parameterOf reads a parameter. CloudFormation writes asterisks in place of values
// with NoEcho. Source: CloudFormation user guide, parameters, NoEcho.
func parameterOf(p types.Parameter) Parameter {
	value := aws.ToString(p.ParameterValue)
	if p.ResolvedValue != nil {
		value = *p.ResolvedValue
	}
	return Parameter{Name: aws.ToString(p.ParameterKey), Value: value, Hidden: value != "" && strings.Trim(value, "*") == ""}
}

const roleType = "AWS::IAM::Role"

// readStackRoles reads the names of a stack's roles, with their logical IDs.
func readStackRoles(ctx context.Context, client stackReader, s Stack) (map[string]string, error) {
	resources, err := pages(func(token *string) ([]types.StackResourceSummary, *string, error) {
		out, err := client.ListStackResources(ctx, &cloudformation.ListStackResourcesInput{StackName: &s.ID, NextToken: token})
		if err != nil {
			return nil, nil, StackFailure("list", "the resources of stack "+s.Name+" in "+s.Region, "cloudformation:ListStackResources", err)
		}
		return out.StackResourceSummaries, out.NextToken, nil
	})
	roles := map[string]string{}
	for _, r := range resources {
		name := aws.ToString(r.PhysicalResourceId)
		if aws.ToString(r.ResourceType) == roleType && name != "" && !hasLeft(r.ResourceStatus) {
			roles[name] = aws.ToString(r.LogicalResourceId)
		}
	}
	return roles, err
}

// hasLeft reports whether a resource is not part of its stack, but may exist: it was
// retained, or belonged to somebody else when the stack wanted to create it.
func hasLeft(status types.ResourceStatus) bool {
	return slices.Contains([]types.ResourceStatus{
		types.ResourceStatusDeleteComplete, types.ResourceStatusDeleteSkipped, types.ResourceStatusCreateFailed,
	}, status)
}

// readTemplate reads the template of a stack, before or after all transforms.
func readTemplate(ctx context.Context, client stackReader, s Stack, stage types.TemplateStage) (string, error) {
	out, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &s.ID, TemplateStage: stage})
	if err == nil && out.TemplateBody == nil {
		err = awserror.ErrAnswer
	}
	if err != nil {
		return "", StackFailure("read", "the template of stack "+s.Name+" in "+s.Region, "cloudformation:GetTemplate", err)
	}
	return *out.TemplateBody, nil
}
