package fleettest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"permissions-boundary-macro/fleet/fleettest"
)

// 300 stacks are redeployed in seconds, with the real macro, and what the
// updates have changed can be told.
func TestRedeployAll(t *testing.T) {
	s := newServer(t)
	st := stage{s.Account(hub), s, cloudformation.NewFromConfig(as(s, hub, region)), t}
	values := map[string]string{"dev": boundaries["dev"] + "-2", "prod": boundaries["prod"] + "-2"}
	st.FillLagging(fleettest.Workload{Regions: []string{region}, Stacks: 300, Roles: 2, Boundaries: boundaries}, values)
	start := time.Now()
	var work errgroup.Group
	work.SetLimit(8)
	for i := range 300 {
		work.Go(func() error {
			in := st.input(fmt.Sprintf("app-%05d", i))
			return st.execute(*st.create(in).ChangeSetId)
		})
	}
	require.NoError(t, work.Wait())
	for inProgress := true; inProgress; {
		inProgress = false
		pages := cloudformation.NewDescribeStacksPaginator(st.client, &cloudformation.DescribeStacksInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			for _, stack := range page.Stacks {
				inProgress = inProgress || strings.HasSuffix(string(stack.StackStatus), "_IN_PROGRESS")
			}
		}
	}
	t.Logf("redeployed in %v", time.Since(start))
	changed := map[fleettest.Applied]int{}
	for _, a := range st.Applied() {
		assert.Equal(t, "/Properties/PermissionsBoundary", a.Path)
		changed[a]++
	}
	assert.Len(t, changed, 600, "each role once")
	assert.Len(t, st.Applied(), 600)
	assert.Empty(t, st.ChangeSets(region))
	for i := range 300 {
		name := fmt.Sprintf("app-%05d", i)
		stack, _ := st.Stack(region, name)
		for _, bound := range st.bound(name) {
			assert.Equal(t, values[stack.Parameters[0].Value], bound)
		}
	}
	assert.Equal(t, 600, s.Writes())
}

// What is rolled back was changed, too.
func TestApplied(t *testing.T) {
	s := newStage(t, service)
	s.FailUpdates(region, "orders", fleettest.UpdateFailure{Reason: "no"})
	in := s.input("orders")
	in.TemplateBody = aws.String(replaceOnce(t, service, "  Queue: {Type: AWS::SQS::Queue}\n", "  Bucket: {Type: AWS::S3::Bucket}\n"))
	require.NoError(t, s.execute(*s.create(in).ChangeSetId))
	s.Settle()
	one := fleettest.Applied{Region: region, Stack: "orders", Type: "AWS::IAM::Role", Action: "Modify", Path: "/Properties/PermissionsBoundary", Value: newBoundary}
	api, named := one, one
	api.LogicalID, named.LogicalID = "Api", "Named"
	bucket := fleettest.Applied{Region: region, Stack: "orders", LogicalID: "Bucket", Type: "AWS::S3::Bucket", Action: "Add"}
	assert.Equal(t, []fleettest.Applied{api, bucket, named}, s.Applied(), "the queue is what failed")
}
