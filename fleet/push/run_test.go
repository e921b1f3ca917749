package push_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/push"
)

// resting is CloudFormation with a stack that does not change, whatever its change set
// says.
type resting struct {
	push.CloudFormation // which nothing else is called of

	set types.ExecutionStatus
}

var created = time.Date(2026, 11, 27, 4, 0, 0, 0, time.UTC)

func (r resting) DescribeStacks(_ context.Context, in *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{{StackId: in.StackName, StackStatus: types.StackStatusCreateComplete, CreationTime: &created}}}, nil
}

func (r resting) DescribeChangeSet(context.Context, *cloudformation.DescribeChangeSetInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeChangeSetOutput, error) {
	return &cloudformation.DescribeChangeSetOutput{Status: types.ChangeSetStatusCreateComplete, ExecutionStatus: r.set, StatusReason: aws.String("no such role")}, nil
}

// A change set whose execution ended before the stack began to change is not waited for
// without an end.
func TestRunWithoutBegin(t *testing.T) {
	for status, want := range map[types.ExecutionStatus]struct {
		state push.State
		said  string
	}{
		types.ExecutionStatusExecuteFailed:   {push.RolledBack, "EXECUTE_FAILED: no such role"},
		types.ExecutionStatusExecuteComplete: {push.Live, ""},
	} {
		_, j := create(t)
		require.NoError(t, j.Note(push.Entry{Stack: "arn:a", State: push.Executing, ChangeSet: "arn:set", Changed: created}))
		require.NoError(t, j.Note(push.Entry{Stack: "arn:b", State: push.Live}))
		run := push.Run{
			Journal: j, Concurrency: 1, Every: time.Millisecond,
			Client: func(string, string) push.CloudFormation { return resting{set: status} },
			Boundaries: func(context.Context, string) (map[string]string, error) {
				return map[string]string{"a-Api": "arn:two"}, nil
			},
			Expected: func(context.Context, string, string) (string, error) { return "arn:two", nil },
		}
		outcomes, err := run.Execute(context.Background())
		require.NoError(t, err)
		assert.Equal(t, want.state, outcomes[0].State)
		assert.Equal(t, want.said, outcomes[0].Said)
		j.Close()
	}
}
