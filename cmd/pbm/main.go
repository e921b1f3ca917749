// Command pbm sets the permissions boundary of each environment.
package main

import (
	"context"
	"os"

	"permissions-boundary-macro/deploy"
)

func main() { os.Exit(deploy.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
