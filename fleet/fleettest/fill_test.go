package fleettest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/transform/template"
)

var boundaries = map[string]string{
	"dev":  "arn:aws:iam::111122223333:policy/dev",
	"prod": "arn:aws:iam::111122223333:policy/prod",
}

// A workload is consistent: roles are those of the stacks, with the boundary of
// the processed template, and the original calls the macro.
func TestFill(t *testing.T) {
	s := newServer(t)
	a := s.Account(hub)
	w := fleettest.Workload{Regions: []string{"eu-west-1", "us-east-1"}, Stacks: 8, Roles: 3, Boundaries: boundaries}
	a.Fill(w)
	assert.Len(t, a.Roles(), 24)
	kinds := map[string]int{} // by Region, environment and syntax
	for i := range 8 {
		stack, exists := a.Stack(w.Regions[i%2], fmt.Sprintf("app-%05d", i))
		require.True(t, exists)
		original, err := template.Parse([]byte(stack.Original))
		require.NoError(t, err)
		assert.Equal(t, []string{"PermissionsBoundaryMacro"}, original.Transforms())
		var processed struct {
			Resources map[string]struct {
				Properties struct{ PermissionsBoundary string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(stack.Processed), &processed))
		assert.Len(t, processed.Resources, 4)
		environment := stack.Parameters[0].Value
		kinds[fmt.Sprint(w.Regions[i%2], environment, original.Syntax())]++
		for _, r := range stack.Resources[1:] {
			role, exists := a.Role(r.PhysicalID)
			require.True(t, exists)
			assert.Equal(t, boundaries[environment], role.Boundary)
			assert.Equal(t, boundaries[environment], processed.Resources[r.LogicalID].Properties.PermissionsBoundary)
		}
	}
	assert.Len(t, kinds, 8, "every combination")

	again := newServer(t).Account(hub)
	again.Fill(w)
	assert.Equal(t, a.Roles(), again.Roles())
	before, _ := a.Stack("us-east-1", "app-00007")
	after, _ := again.Stack("us-east-1", "app-00007")
	assert.Equal(t, before, after)
}

// 2,000 stacks with 20,000 roles are read in seconds.
func TestLargeFleet(t *testing.T) {
	ctx, s := context.Background(), newServer(t)
	s.Account(hub).Fill(fleettest.Workload{Regions: []string{region}, Stacks: 2000, Roles: 10, Boundaries: boundaries})
	c := as(s, hub, region)
	start := time.Now()
	roles := 0
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(iam.NewFromConfig(c), &iam.GetAccountAuthorizationDetailsInput{
		Filter: []types.EntityType{types.EntityTypeRole}, MaxItems: aws.Int32(1000),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		roles += len(page.RoleDetailList)
	}
	assert.Equal(t, 20000, roles)
	client := cloudformation.NewFromConfig(c)
	var work errgroup.Group
	work.SetLimit(8)
	stacks := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{})
	for stacks.HasMorePages() {
		page, err := stacks.NextPage(ctx)
		require.NoError(t, err)
		for _, stack := range page.Stacks {
			work.Go(func() error {
				if _, err := client.ListStackResources(ctx, &cloudformation.ListStackResourcesInput{StackName: stack.StackId}); err != nil {
					return err
				}
				_, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: stack.StackId, TemplateStage: "Original"})
				return err
			})
		}
	}
	require.NoError(t, work.Wait())
	assert.Equal(t, 20+20+2000+2000, s.Count(fleettest.Call{}))
	assert.Zero(t, s.Writes())
	t.Logf("read in %v", time.Since(start))
}
