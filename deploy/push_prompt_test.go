package deploy_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

// A push is confirmed by the name of the environment. Anything else deploys nothing.
func TestPromptPush(t *testing.T) {
	fake, dev := lagging(t, 3, 1)
	dir, err := os.Getwd()
	require.NoError(t, err)
	push := func(stacks, keys string) *terminal {
		x := onTerminalWith(t, dir, nil, "push", "dev", "--execute", "--rate", "0", "--poll", "1ms")
		x.expect("type dev to deploy " + stacks + " in account 111122223333: ")
		x.press(keys)
		return x
	}
	for keys, code := range map[string]int{"\r": 2, "yes\r": 2, "Dev\r": 2, "\x04": 2, "\x03": 130} {
		x := push("3 stacks", keys)
		assert.Equal(t, code, x.end(), x.text())
	}
	x := onTerminalWith(t, dir, nil, "push", "dev", "--execute", "--rate", "0", "--waves", "1,1")
	x.expect("type dev to deploy 2 stacks in account 111122223333 (2 waves; 1 more not included in --waves): ")
	x.press("\x03")
	assert.Equal(t, 130, x.end(), x.text())
	assert.Zero(t, fake.Writes())
	assert.NoDirExists(t, ".pbm")

	dev.FailUpdates(pushRegion, stackName(0), fleettest.UpdateFailure{Reason: "Access denied"})
	x = push("3 stacks", "dev\r")
	assert.Equal(t, 1, x.end(), x.text())
	dev.FailUpdates(pushRegion, stackName(0), fleettest.UpdateFailure{})

	// One that is unfinished is named. Neither a new one nor that one deploys without an answer.
	fake.ForgetCalls()
	x = push("3 stacks", "\x04")
	assert.Equal(t, 2, x.end())
	assert.Contains(t, x.text(), " of dev is unfinished\n")
	resume := func(keys string) *terminal {
		x := onTerminalWith(t, dir, nil, "push", "dev", "--resume", "--rate", "0", "--poll", "1ms")
		x.expect("type dev to deploy 2 stacks in account 111122223333 that run ")
		x.press(keys)
		return x
	}
	assert.Equal(t, 2, resume("\x04").end())
	assert.Zero(t, fake.Writes())
	x = resume("dev\r")
	assert.Equal(t, 1, x.end(), "one was rolled back")
	x.expect("dev: 2 stacks live, 1 rolled-back")

	x = push("1 stack", "dev\r")
	assert.Zero(t, x.end(), x.text())
	x.expect("dev: 1 stack live")
	assert.True(t, isLive(dev, stackName(0)) && isLive(dev, stackName(1)) && isLive(dev, stackName(2)))
}
