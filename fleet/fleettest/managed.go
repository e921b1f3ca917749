package fleettest

import (
	"fmt"

	"permissions-boundary-macro/boundary"
)

// StackSetInstance returns the name of a stack that is an instance of a StackSet,
// which CloudFormation makes. Nothing else tells such a stack from others.
func StackSetInstance(set string) string { return "StackSet-" + set + "-" + uuid(set) }

// ProvisionedProduct returns the name and the tags of a stack of Service
// Catalog. Source: the Service Catalog administrator guide, AutoTags.
func ProvisionedProduct(account, region, product string) (name string, tags []Tag) {
	id := random(account+region+product, 13)
	arn := func(service, resource string) string {
		return fmt.Sprintf("arn:%s:%s:%s:%s:%s", boundary.PartitionOf(region), service, region, account, resource)
	}
	name = "SC-" + account + "-pp-" + id
	return name, []Tag{
		{"aws:servicecatalog:productArn", arn("catalog", "product/prod-"+id)},
		{"aws:servicecatalog:provisionedProductArn", arn("servicecatalog", "stack/"+product+"/pp-"+id)},
		{"aws:servicecatalog:provisioningArtifactIdentifier", "pa-" + id},
	}
}
