package push

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
)

// CloudFormation is the part of CloudFormation that a run needs.
type CloudFormation interface {
	Reader
	DescribeStackEvents(context.Context, *cloudformation.DescribeStackEventsInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStackEventsOutput, error)
	CreateChangeSet(context.Context, *cloudformation.CreateChangeSetInput, ...func(*cloudformation.Options)) (*cloudformation.CreateChangeSetOutput, error)
	DescribeChangeSet(context.Context, *cloudformation.DescribeChangeSetInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeChangeSetOutput, error)
	ExecuteChangeSet(context.Context, *cloudformation.ExecuteChangeSetInput, ...func(*cloudformation.Options)) (*cloudformation.ExecuteChangeSetOutput, error)
	DeleteChangeSet(context.Context, *cloudformation.DeleteChangeSetInput, ...func(*cloudformation.Options)) (*cloudformation.DeleteChangeSetOutput, error)
}

// deployment is the deployment of a stack by a run, and what it calls.
type deployment struct {
	Stack
	client  CloudFormation
	name    string // of its change sets
	run     string
	attempt int
	pause   func() // waits until it is time to ask again
}

// token is a client token: CloudFormation takes a second call with it for the first
// one. It is the same for a run that is resumed. Source: CloudFormation API,
// CreateChangeSet, ClientToken.
func (d deployment) token(call string) *string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d", d.run, d.ID, call, d.attempt))
	return aws.String(fmt.Sprintf("%s%x", changeSetPrefix, sum[:16]))
}

// input is the change set that keeps all of the stack as it is: only the macro makes
// something else of the template.
func (d deployment) input(t Template) *cloudformation.CreateChangeSetInput {
	in := &cloudformation.CreateChangeSetInput{
		StackName: &d.ID, ChangeSetName: &d.name, ChangeSetType: types.ChangeSetTypeUpdate, ClientToken: d.token("create"),
		Description:  aws.String("pbm push of a permissions boundary"),
		Capabilities: t.Capabilities, Tags: t.Tags, NotificationARNs: t.NotificationARNs,
		RollbackConfiguration: t.Rollback,
	}
	for _, name := range t.Parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: aws.String(name), UsePreviousValue: aws.Bool(true)})
	}
	if d.HasNested {
		in.IncludeNestedStacks = aws.Bool(true)
	}
	if d.HasDrifted() {
		in.DeploymentMode = types.DeploymentModeRevertDrift
	}
	return in
}

// create asks for a change set. One that is there already was asked for by this run.
func (d deployment) create(ctx context.Context, in *cloudformation.CreateChangeSetInput) error {
	_, err := d.client.CreateChangeSet(ctx, in)
	if _, exists := errors.AsType[*types.AlreadyExistsException](err); exists {
		return nil
	}
	return err
}

// refusal is what CloudFormation says against a change set, empty if err is about
// something else than the template and the stack.
func refusal(err error) string {
	api, refused := errors.AsType[smithy.APIError](err)
	if !refused || !slices.Contains([]string{"ValidationError", "InsufficientCapabilitiesException", "LimitExceededException"}, api.ErrorCode()) {
		return ""
	}
	return api.ErrorMessage()
}

func isGone(err error) bool { return errors.Is(fleet.StackFailure("", "", "", err), fleet.ErrGone) }

// changeSet is a change set without its changes. Its Status is empty if there is none.
type changeSet = cloudformation.DescribeChangeSetOutput

// find returns the change set of the run as it is now.
func (d deployment) find(ctx context.Context) (*changeSet, error) {
	return d.read(ctx, &cloudformation.DescribeChangeSetInput{StackName: &d.ID, ChangeSetName: &d.name})
}

func (d deployment) read(ctx context.Context, in *cloudformation.DescribeChangeSetInput) (*changeSet, error) {
	out, err := d.client.DescribeChangeSet(ctx, in)
	if isNoChangeSet(err) {
		return &changeSet{}, nil
	}
	if err != nil {
		return nil, d.failure("read", "cloudformation:DescribeChangeSet", err)
	}
	return out, nil
}

// await waits until a change set is complete or has failed. Until then it has no
// changes, and cannot be deleted. Source: CloudFormation API, DeleteChangeSet,
// InvalidChangeSetStatus.
func (d deployment) await(ctx context.Context, in *cloudformation.DescribeChangeSetInput) (*changeSet, error) {
	for {
		set, err := d.read(ctx, in)
		if err != nil || set.Status != types.ChangeSetStatusCreatePending && set.Status != types.ChangeSetStatusCreateInProgress {
			return set, err
		}
		d.pause()
	}
}

func isNoChangeSet(err error) bool {
	_, missing := errors.AsType[*types.ChangeSetNotFoundException](err)
	return missing
}

func (d deployment) failure(verb, permission string, err error) error {
	return fleet.StackFailure(verb, "change set "+d.name+" of "+d.describe(), permission, err)
}

// changes reads all changes of a change set, by its ARN.
func (d deployment) changes(ctx context.Context, id string, withValues bool) ([]types.Change, error) {
	in := &cloudformation.DescribeChangeSetInput{ChangeSetName: &id, IncludePropertyValues: aws.Bool(withValues)}
	var all []types.Change
	for {
		out, err := d.client.DescribeChangeSet(ctx, in)
		if err != nil {
			return nil, d.failure("read", "cloudformation:DescribeChangeSet", err)
		}
		all = append(all, out.Changes...)
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

// delete deletes the change set of the run when it is complete, and waits until it is
// gone. There may be none.
func (d deployment) delete(ctx context.Context) error {
	set, err := d.await(ctx, &cloudformation.DescribeChangeSetInput{StackName: &d.ID, ChangeSetName: &d.name})
	if errors.Is(err, fleet.ErrGone) || err == nil && set.Status == "" {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = d.client.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{StackName: &d.ID, ChangeSetName: &d.name})
	if isNoChangeSet(err) || isGone(err) {
		return nil
	}
	if err != nil {
		return d.failure("delete", "cloudformation:DeleteChangeSet", err)
	}
	for range maxDeletePolls {
		c, err := d.find(ctx)
		if err != nil && !errors.Is(err, fleet.ErrGone) {
			return err
		}
		if err != nil || c.Status == "" || c.Status == types.ChangeSetStatusDeleteComplete {
			return nil
		}
		if c.Status == types.ChangeSetStatusDeleteFailed {
			break
		}
		d.pause()
	}
	return boundary.Problem{
		What:   "change set " + d.name + " of " + d.describe() + " is not deleted",
		Remedy: "delete it: " + d.AWSCommand("delete-change-set") + " --change-set-name " + d.name,
	}
}

// maxDeletePolls is how often a change set that is being deleted is asked for.
const maxDeletePolls = 60

// judge has the gate judge a change set and those of nested stacks. It also compares
// the templates, whose outputs and conditions are in no list of changes, and the values
// that CloudFormation reads from Parameter Store. Others are all changes apart from
// boundaries; bound is the number of roles and users whose boundary is set.
func (d deployment) judge(ctx context.Context, rules Rules, id string) (others []string, bound int, err error) {
	set, err := d.await(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: &id})
	switch {
	case err != nil:
		return nil, 0, err
	case isUnchanged(set): // of a nested stack
		return nil, 0, nil
	case set.Status != types.ChangeSetStatusCreateComplete:
		return []string{"change set " + id + ": " + cmp.Or(string(set.Status), "it does not exist")}, 0, nil
	}
	listed, err := d.changes(ctx, id, false)
	if err != nil {
		return nil, 0, err
	}
	valued, err := d.changes(ctx, id, true)
	if err != nil {
		return nil, 0, err
	}
	verdict := Judge(listed, valued, d.Boundary)
	others, bound = append(verdict.Others, d.unplanned(verdict.Bound, set, listed)...), len(verdict.Bound)
	apart, read, err := d.apart(ctx, rules, set, changedIn(listed, valued))
	if err != nil {
		return nil, 0, err
	}
	others = append(append(others, withoutKnown(apart, len(others) > 0)...), read...)
	others = d.located(others, aws.ToString(set.StackName))
	for _, nested := range verdict.Nested {
		more, n, err := d.judge(ctx, rules, nested)
		if err != nil {
			return nil, 0, err
		}
		others, bound = append(others, more...), bound+n
	}
	return others, bound, nil
}

// unplanned are the roles that a change set binds, and the plan does not know: those of
// another environment, or of a nested stack that was not planned for. Nobody would read
// them afterwards.
func (d deployment) unplanned(bound []string, set *changeSet, listed []types.Change) []string {
	var others []string
	for _, c := range listed {
		r := c.ResourceChange
		if r == nil || aws.ToString(r.ResourceType) != "AWS::IAM::Role" {
			continue
		}
		id := aws.ToString(r.LogicalResourceId)
		if slices.Contains(bound, id) && !d.isPlanned(aws.ToString(set.StackName), id) {
			others = append(others, id+" (AWS::IAM::Role): PermissionsBoundary of a role that is not in the plan")
		}
	}
	return others
}

// located are changes of a stack, with its name in front if it is a nested one.
func (d deployment) located(changes []string, stack string) []string {
	if stack == d.Name {
		return changes
	}
	for i, text := range changes {
		changes[i] = "nested stack " + stack + ": " + text
	}
	return changes
}

// withoutKnown omits differences of resources from paths if the list of changes
// has told of them.
func withoutKnown(paths []string, isTold bool) []string {
	return slices.DeleteFunc(paths, func(path string) bool { return isTold && strings.HasPrefix(path, "/Resources/") })
}

// changedIn are the logical IDs of what changes are about.
func changedIn(lists ...[]types.Change) (ids []string) {
	for _, c := range slices.Concat(lists...) {
		if r := c.ResourceChange; r != nil && !slices.Contains(ids, aws.ToString(r.LogicalResourceId)) {
			ids = append(ids, aws.ToString(r.LogicalResourceId))
		}
	}
	return ids
}

// apart says where the template of a change set, and the values of its parameters,
// differ from those of its stack by more than boundaries; and which values
// CloudFormation reads anew for the resources that change, which no change set shows.
func (d deployment) apart(ctx context.Context, rules Rules, c *changeSet, changed []string) (paths, read []string, err error) {
	stack := d.Stack
	stack.ID, stack.Name = aws.ToString(c.StackId), aws.ToString(c.StackName) // of a nested one
	now, err := describe(ctx, d.client, stack)
	if err != nil {
		return nil, nil, err
	}
	before, err := template(ctx, d.client, stack, types.TemplateStageProcessed, nil)
	if err != nil {
		return nil, nil, err
	}
	after, err := template(ctx, d.client, stack, types.TemplateStageProcessed, c.ChangeSetId)
	if err != nil {
		return nil, nil, err
	}
	if paths, err = rules.Others(before, after); err != nil {
		return nil, nil, err
	}
	read, err = rules.Reads(after, changed)
	return append(paths, movedParameters(now.Parameters, c.Parameters)...), read, err
}

// movedParameters are the parameters whose values in Parameter Store have changed
// since they were read.
func movedParameters(before, after []types.Parameter) []string {
	resolved := map[string]string{}
	for _, p := range before {
		if p.ResolvedValue != nil {
			resolved[aws.ToString(p.ParameterKey)] = *p.ResolvedValue
		}
	}
	var moved []string
	for _, p := range after {
		name := aws.ToString(p.ParameterKey)
		if was, known := resolved[name]; known && p.ResolvedValue != nil && was != *p.ResolvedValue {
			moved = append(moved, "parameter "+name+": its value in Parameter Store")
		}
	}
	return moved
}
