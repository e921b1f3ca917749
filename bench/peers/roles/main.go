// Command roles is the usual way to look for boundaries: it lists the roles of an
// account, and asks for each, because listings omit boundaries. It knows neither
// the stacks of roles nor what they should carry.
package main

import (
	"context"
	"fmt"
	"log"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"golang.org/x/sync/errgroup"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := iam.NewFromConfig(cfg)
	var bound atomic.Int64
	var group errgroup.Group
	group.SetLimit(8) // as many stacks as pbm audit reads at once
	listed := iam.NewListRolesPaginator(client, &iam.ListRolesInput{MaxItems: aws.Int32(1000)})
	for listed.HasMorePages() {
		page, err := listed.NextPage(ctx)
		if err != nil {
			log.Fatal(err)
		}
		for _, role := range page.Roles {
			group.Go(func() error {
				out, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: role.RoleName})
				if err == nil && out.Role.PermissionsBoundary != nil {
					bound.Add(1)
				}
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(bound.Load(), "roles with a boundary")
}
