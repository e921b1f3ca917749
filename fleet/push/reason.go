package push

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// nestedChangeSet is how CloudFormation names a change set of a nested stack.
var nestedChangeSet = regexp.MustCompile(`arn:[a-z-]+:cloudformation:[a-z0-9-]+:[0-9]{12}:changeSet/[^\s,\]]+[A-Za-z0-9]`)

// failureOf is why a change set failed: what it says, and what that of a nested stack
// says which it names.
func (d deployment) failureOf(ctx context.Context, set *changeSet) string {
	reason := aws.ToString(set.StatusReason)
	id := nestedChangeSet.FindString(reason)
	if id == "" || id == aws.ToString(set.ChangeSetId) {
		return reason
	}
	nested, err := d.await(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: &id})
	if err != nil || nested.StatusReason == nil {
		return reason // it helps people, and nothing depends on it
	}
	return reason + ": " + aws.ToString(nested.StackName) + ": " + *nested.StatusReason
}

// isUnchanged reports whether CloudFormation could not create a change set because
// nothing would change. It has no code for that. Source: recorded on AWS, with and
// without a transform.
func isUnchanged(c *changeSet) bool {
	reason := aws.ToString(c.StatusReason)
	return strings.Contains(reason, "No updates are to be performed") || strings.Contains(reason, "didn't contain changes")
}

// reason is why a deployment failed, as far as CloudFormation tells.
func (d deployment) reason(ctx context.Context, began time.Time) string {
	first := "see the events of the stack"
	pages := cloudformation.NewDescribeStackEventsPaginator(d.client, &cloudformation.DescribeStackEventsInput{StackName: &d.ID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return first // the reason helps people, and nothing depends on it
		}
		for _, e := range page.StackEvents { // the latest first
			if aws.ToTime(e.Timestamp).Before(began) {
				return first
			}
			if strings.HasSuffix(string(e.ResourceStatus), "_FAILED") && e.ResourceStatusReason != nil {
				first = aws.ToString(e.LogicalResourceId) + ": " + *e.ResourceStatusReason
			}
		}
	}
	return first
}
