package deploy_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/fleet/fleettest"
)

// inAWS is the environment of a process in an AWS of its own.
func inAWS(t *testing.T) (*fleettest.Server, []string) {
	fake, home := startAWS(t)
	return fake, []string{
		"PBM_STORE=ssm", "AWS_ENDPOINT_URL=" + fake.URL, "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(home, "credentials"),
		"AWS_PROFILE=dev", "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true",
	}
}

// Two operators at once meet in one target; the others are updated.
func TestUpdateOfTargetsMeetsAnother(t *testing.T) {
	fake, env := inAWS(t)
	for _, assignment := range env {
		name, value, _ := bytes.Cut([]byte(assignment), []byte("="))
		t.Setenv(string(name), string(value))
	}
	t.Chdir(t.TempDir())
	ireland, virginia := fake.Account(accounts["dev"]).Store("eu-west-1"), fake.Account(accounts["prod"]).Store("us-east-1")
	ireland.Set("/permissions-boundary/dev", one)
	virginia.Set("/permissions-boundary/dev", one)
	ireland.BeforeNextWrite(func() { ireland.Set("/permissions-boundary/dev", two) })

	var stdout, stderr bytes.Buffer
	code := deploy.Run(context.Background(), []string{
		"env", "update", "dev", "--permissions-boundary", "none", "--yes",
		"--target", "profile=dev,region=eu-west-1", "--target", "profile=prod,region=us-east-1",
	}, nil, &stdout, &stderr)
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout.String(), "111122223333  eu-west-1  failed ")
	assert.Contains(t, stdout.String(), "222233334444  us-east-1  updated ")
	assert.Contains(t, stderr.String(), `pbm: error: 111122223333 eu-west-1: environment "dev" was changed meanwhile: parameter /permissions-boundary/dev in eu-west-1 of account 111122223333 got version 2 by `)
	values, _ := virginia.Values("/permissions-boundary/dev")
	assert.Equal(t, []string{one, "none"}, values)
}

const (
	toTwo       = "--region=eu-west-1,us-east-1"
	toUnknown   = "--target=profile=nobody,region=eu-west-1"
	toDev       = "--target=profile=dev,region=eu-west-1"
	managed     = "--permissions-boundary=arn:aws:iam::aws:policy/PowerUserAccess"
	unreachable = "pbm: error: profile nobody, Region eu-west-1: cannot read the AWS configuration"
)

// On a terminal, a change of several targets is confirmed once, after all of
// them are shown.
func TestPromptTargets(t *testing.T) {
	_, env := inAWS(t)
	dir := t.TempDir()
	x := onTerminalWith(t, dir, env, "env", "add", "dev", toTwo, managed)
	x.expect("pbm: 111122223333 eu-west-1: create\npbm: 111122223333 us-east-1: create\n")
	x.expect("type yes to write to 2 targets: ")
	x.press("no\r")
	assert.Equal(t, 1, x.end())
	assert.Contains(t, x.text(), `pbm: error: "no" is not "yes"; nothing was written`)

	x = onTerminalWith(t, dir, env, "env", "add", "dev", toTwo, managed)
	x.expect("type yes to write to 2 targets: ")
	x.press("yes\r")
	assert.Zero(t, x.end(), x.text())

	// Nothing is asked where nothing is to be written, and the name is asked once.
	x = onTerminalWith(t, dir, env, "env", "update", "dev", toTwo, managed)
	assert.Zero(t, x.end(), x.text())
	assert.NotContains(t, x.text(), "type ")
	x = onTerminalWith(t, dir, env, "env", "update", "dev", toTwo, "--permissions-boundary=")
	x.expect("pbm: 111122223333 us-east-1: update (now arn:aws:iam::aws:policy/PowerUserAccess)\n")
	x.expect("type the name of the environment to remove its boundary: ")
	x.press("dev\r")
	assert.Zero(t, x.end(), x.text())
}

// If a target is unreachable, the user may write to the others.
func TestPromptUnreachable(t *testing.T) {
	_, env := inAWS(t)
	dir := t.TempDir()
	x := onTerminalWith(t, dir, env, "env", "add", "dev", toUnknown, toDev, managed)
	x.expect(unreachable)
	x.expect("type the name of the environment to write to the other 1 target: ")
	x.press("yes\r")
	assert.Equal(t, 1, x.end())
	assert.NotContains(t, x.text(), "created")

	x = onTerminalWith(t, dir, env, "env", "add", "dev", toUnknown, toDev, managed)
	x.expect("to write to the other 1 target: ")
	x.press("dev\r")
	assert.Equal(t, 1, x.end())
	assert.Contains(t, x.text(), "created")
}

// Adding an environment that the project has elsewhere has its name typed.
func TestPromptElsewhere(t *testing.T) {
	_, env := inAWS(t)
	dir := t.TempDir()
	x := onTerminalWith(t, dir, env, "init", "dev", "--profile=prod", "--region=eu-west-1", managed)
	assert.Zero(t, x.end(), x.text())
	x = onTerminalWith(t, dir, env, "env", "add", "dev", "--profile=dev", managed)
	x.expect("the project has environment dev elsewhere (account 222233334444, region eu-west-1, profile prod); type its name to add it here as well: ")
	x.press("\r")
	assert.Equal(t, 1, x.end())
	assert.NotContains(t, x.text(), "created")

	x = onTerminalWith(t, dir, env, "env", "add", "dev", "--profile=dev", managed)
	x.expect("add it here as well: ")
	x.press("dev\r")
	assert.Zero(t, x.end(), x.text())
}
