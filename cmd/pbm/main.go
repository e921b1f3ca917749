// Command pbm sets the permissions boundary of each environment.
package main

import (
	"os"

	"permissions-boundary-macro/deploy"
)

func main() { os.Exit(deploy.Main()) }
