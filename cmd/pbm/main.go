// Command pbm sets the permissions boundary of each environment.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"permissions-boundary-macro/deploy"
)

func main() {
	debug.SetGCPercent(50) // templates of strangers must not take more memory than they need
	os.Exit(deploy.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
