package push_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/push"
)

// answers are what CloudFormation says of change sets: those of testdata/gate, a change
// a page.
type answers struct {
	push.CloudFormation // which nothing else is called of

	gate     map[string]gateCase // by ID of the change set
	pending  map[string]int      // how often one is not complete yet
	reasons  map[string]string   // why one has failed
	resolved map[string]string   // of the parameter Size: before, and after
}

func (a answers) DescribeChangeSet(_ context.Context, in *cloudformation.DescribeChangeSetInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeChangeSetOutput, error) {
	id := *in.ChangeSetName
	out := &cloudformation.DescribeChangeSetOutput{
		ChangeSetId: &id, StackId: aws.String("stack of " + id), StackName: aws.String("stack"), Status: types.ChangeSetStatusCreateComplete,
		Parameters: []types.Parameter{{ParameterKey: aws.String("Size"), ResolvedValue: aws.String(a.resolved["after"])}},
	}
	if reason := a.reasons[id]; reason != "" {
		out.Status, out.StatusReason = types.ChangeSetStatusFailed, &reason
		return out, nil
	}
	if a.pending[id] > 0 {
		a.pending[id]--
		out.Status = types.ChangeSetStatusCreateInProgress
		return out, nil
	}
	c, exists := a.gate[id]
	if !exists {
		return nil, &types.ChangeSetNotFoundException{}
	}
	changes := c.listed
	if aws.ToBool(in.IncludePropertyValues) {
		changes = c.valued
	}
	at := len(aws.ToString(in.NextToken))
	if at < len(changes) {
		out.Changes = changes[at : at+1]
		out.NextToken = aws.String(string(make([]byte, at+1)))
	}
	return out, nil
}

func (a answers) DescribeStacks(_ context.Context, in *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{{
		StackId: in.StackName, StackStatus: types.StackStatusUpdateComplete,
		Parameters: []types.Parameter{{ParameterKey: aws.String("Size"), ResolvedValue: aws.String(a.resolved["before"])}},
	}}}, nil
}

// GetTemplate answers who is asked for: rules compare that.
func (a answers) GetTemplate(_ context.Context, in *cloudformation.GetTemplateInput, _ ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error) {
	if in.TemplateStage != types.TemplateStageProcessed || in.StackName != nil && in.ChangeSetName != nil {
		return nil, errors.New("not the template after all transforms")
	}
	return &cloudformation.GetTemplateOutput{TemplateBody: aws.String(aws.ToString(in.StackName) + aws.ToString(in.ChangeSetName))}, nil
}

// differences are the paths where the template of a change set differs from that of its
// stack, by the ID of the change set.
type differences map[string][]string

func (d differences) Others(before, after string) ([]string, error) {
	if before != "stack of "+after {
		return nil, errors.New("the template of another stack")
	}
	return d[after], nil
}

// Reads finds the case that is about dynamic references.
func (d differences) Reads(_ string, changed []string) ([]string, error) {
	if d["reads"] == nil {
		return nil, nil
	}
	return changed[:1], nil
}

func (differences) Foresee(string, fleet.Stack, string) (push.Forecast, error) {
	return push.Forecast{}, errors.New("not asked for")
}

// What is judged of a change set before it is executed: all pages of both lists, those
// of nested stacks when they are complete, templates, and parameters.
func TestJudgeChangeSet(t *testing.T) {
	const nested = "arn:aws:cloudformation:eu-west-1:111122223333:changeSet/pbm-1-Data/x"
	c := func(name string) gateCase { return gateCaseOf(t, name) }
	withQueue := c("sets")
	withQueue.listed = append(withQueue.listed, c("others").listed[1])
	for name, tc := range map[string]struct {
		answers
		differences
		without string // a role that the plan does not know
		others  []string
		bound   int
	}{
		"boundaries": {answers: answers{gate: map[string]gateCase{"root": c("sets")}}, bound: 3},
		"a role that is not planned": {
			answers: answers{gate: map[string]gateCase{"root": c("sets")}}, without: "Api",
			bound: 3, others: []string{"Api (AWS::IAM::Role): PermissionsBoundary of a role that is not in the plan"},
		},
		"listed without values": {answers: answers{gate: map[string]gateCase{"root": withQueue}}, bound: 3, others: []string{"Queue (AWS::SQS::Queue): Modify VisibilityTimeout"}},
		"an output": {
			answers: answers{gate: map[string]gateCase{"root": c("sets")}}, differences: differences{"root": {"/Outputs/Url/Value"}},
			bound: 3, others: []string{"/Outputs/Url/Value"},
		},
		"a value that is read anew": {
			answers: answers{gate: map[string]gateCase{"root": c("sets")}}, differences: differences{"reads": {}},
			bound: 3, others: []string{"Api"},
		},
		"each change once": {
			answers: answers{gate: map[string]gateCase{"root": withQueue}}, differences: differences{"root": {"/Resources/Queue/Properties/VisibilityTimeout", "/Outputs/Url/Value"}},
			bound: 3, others: []string{"Queue (AWS::SQS::Queue): Modify VisibilityTimeout", "/Outputs/Url/Value"},
		},
		"a parameter": {
			answers: answers{gate: map[string]gateCase{"root": c("sets")}, resolved: map[string]string{"before": "swordfish", "after": "swordfish-2"}},
			bound:   3, others: []string{"parameter Size: its value in Parameter Store"},
		},
		"a nested stack": {answers: answers{gate: map[string]gateCase{"root": c("nested"), nested: c("sets")}, pending: map[string]int{nested: 2}}, bound: 4},
		"others in a nested stack": {
			answers: answers{gate: map[string]gateCase{"root": c("nested"), nested: c("others")}, pending: map[string]int{nested: 2}},
			bound:   2, others: []string{"Bucket (AWS::S3::Bucket): Remove", "Queue (AWS::SQS::Queue): Modify VisibilityTimeout", "Topic (AWS::SNS::Topic): Add"},
		},
		"a nested stack without changes": {
			answers: answers{gate: map[string]gateCase{"root": c("nested")}, reasons: map[string]string{nested: "The submitted information didn't contain changes."}},
			bound:   1,
		},
		"a nested stack that failed": {
			answers: answers{gate: map[string]gateCase{"root": c("nested")}, reasons: map[string]string{nested: "Transform failed"}},
			bound:   1, others: []string{"change set " + nested + ": FAILED"},
		},
		"a nested stack's is gone": {
			answers: answers{gate: map[string]gateCase{"root": c("nested")}},
			bound:   1, others: []string{"change set " + nested + ": it does not exist"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := push.Stack{ID: "stack", Name: "stack", Region: "eu-west-1", Boundary: c("sets").boundary}
			s.Roles, s.Kept = []push.Role{{Stack: "stack", LogicalID: "Api"}}, []push.Role{{Stack: "stack", LogicalID: "Worker"}}
			if tc.without != "" {
				s.Roles = []push.Role{{Stack: "other", LogicalID: tc.without}}
			}
			others, bound, err := push.JudgeChangeSet(context.Background(), tc.answers, tc.differences, s, "root")
			require.NoError(t, err)
			assert.Equal(t, tc.others, others)
			assert.Equal(t, tc.bound, bound)
		})
	}
}

// CloudFormation takes a call with a token that it has seen for the same call again, so
// only a run that is resumed has the tokens of another one.
func TestTokens(t *testing.T) {
	const run, stack = "20261127-040000-00000001", "arn:aws:cloudformation:eu-west-1:111122223333:stack/app/1"
	token := push.Token(run, stack, "create", 0)
	assert.Equal(t, token, push.Token(run, stack, "create", 0))
	for _, other := range []string{
		push.Token("20261127-040000-00000002", stack, "create", 0), push.Token(run, stack+"1", "create", 0),
		push.Token(run, stack, "execute", 0), push.Token(run, stack, "create", 1),
	} {
		assert.NotEqual(t, token, other)
	}
	assert.Regexp(t, `^[A-Za-z0-9][-A-Za-z0-9]{0,127}$`, token)
}
