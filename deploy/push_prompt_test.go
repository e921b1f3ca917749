package deploy_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A push is confirmed by the name of the environment. Anything else deploys nothing.
func TestPromptPush(t *testing.T) {
	fake, dev := lagging(t, 2, 1)
	dir, err := os.Getwd()
	require.NoError(t, err)
	push := func(keys string) *terminal {
		x := onTerminalWith(t, dir, nil, "push", "dev", "--execute", "--rate", "0", "--poll", "1ms")
		x.expect("type dev to deploy 2 stacks in account 111122223333: ")
		x.press(keys)
		return x
	}
	for _, keys := range []string{"\r", "yes\r", "Dev\r", "\x04", "\x03"} {
		x := push(keys)
		assert.NotZero(t, x.end(), x.text())
	}
	assert.Zero(t, fake.Writes())
	assert.NoDirExists(t, ".pbm")

	x := push("dev\r")
	assert.Zero(t, x.end(), x.text())
	x.expect("dev: 2 stacks live")
	assert.True(t, isLive(dev, stackName(0)) && isLive(dev, stackName(1)))
}
