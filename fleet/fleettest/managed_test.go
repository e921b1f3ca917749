package fleettest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"permissions-boundary-macro/fleet/fleettest"
)

// Stacks that others manage are known by their names; those of Service Catalog
// have tags, too, which nobody else may give.
func TestManagedStacks(t *testing.T) {
	assert.Regexp(t, "^StackSet-base-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", fleettest.StackSetInstance("base"))
	name, tags := fleettest.ProvisionedProduct(hub, region, "vpc")
	assert.Regexp(t, "^SC-"+hub+"-pp-[A-Z2-7]{13}$", name)
	s := newStage(t, service)
	s.PutStack(region, fleettest.Stack{Name: name, Tags: tags, Original: `{"Resources":{}}`})
	assert.Equal(t, "aws:servicecatalog:productArn", *s.stack(name).Tags[0].Key)
	_, err := s.client.CreateChangeSet(context.Background(), s.input(name))
	requireCode(t, "ValidationError", err)
}
