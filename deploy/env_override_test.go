package deploy_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"permissions-boundary-macro/deploy"
)

// Two operators set an override at once: the second overwrites nothing, whether
// the first has created it or changed it.
func TestOverrideMeetsAnother(t *testing.T) {
	const name = "/permissions-boundary/dev/111122223333"
	server := asDev(t)
	server.Set("/permissions-boundary/dev", one)
	update := func() string {
		t.Helper()
		server.BeforeNextWrite(func() { server.Set(name, two) })
		var stdout, stderr bytes.Buffer
		args := []string{"env", "update", "dev", "--for-account", "111122223333", "--permissions-boundary", "none", "--yes"}
		assert.Equal(t, 1, deploy.Run(context.Background(), args, nil, &stdout, &stderr))
		assert.Empty(t, stdout.String())
		return stderr.String()
	}
	said := update()
	assert.Contains(t, said, `pbm: error: the override of environment "dev" for account 111122223333 exists already: parameter `+name+` in eu-west-1 of account 111122223333`)
	assert.Contains(t, said, "pbm: hint: change it: pbm env update dev --for-account 111122223333 --region eu-west-1\n")
	values, _ := server.Values(name)
	assert.Equal(t, []string{two}, values)

	said = update()
	assert.Contains(t, said, `pbm: error: the override of environment "dev" for account 111122223333 was changed meanwhile: parameter `+name+` in eu-west-1 of account 111122223333 got version 2 by `)
	assert.Contains(t, said, "see pbm env history dev --for-account 111122223333, and agree on one\n")
}

// Without a value, update asks for that of the override: a new one has nothing to
// keep, and a present one is kept by Enter.
func TestPromptOverride(t *testing.T) {
	const question = "permissions boundary of environment dev in account 111122223333 (ARN, policy name, or none"
	dir := projectWith(t, one)
	args := []string{"env", "update", "--for-account", "111122223333"}

	x := onTerminal(t, dir, nil, args...)
	x.expect(question + "): ")
	x.press("\r")
	x.expect("no value was typed; type none for no boundary")
	x.press(two + "\r")
	assert.Zero(t, x.end(), x.text())
	assert.Contains(t, x.text(), "created")

	x = onTerminal(t, dir, nil, args...)
	x.expect(question + "; Enter keeps " + two + "): ")
	x.press("\r")
	assert.Zero(t, x.end(), x.text())
	assert.Contains(t, x.text(), "unchanged")
	assert.Equal(t, []string{one}, stored(t, dir, "dev"))
}

// To remove an override, the name of its environment is typed.
func TestPromptRemoveOverride(t *testing.T) {
	dir := projectWith(t, one)
	set := []string{"env", "update", "--for-account", "111122223333", "--permissions-boundary", two}
	assert.Zero(t, onTerminal(t, dir, nil, set...).end())

	x := onTerminal(t, dir, nil, "env", "remove", "dev", "--for-account", "111122223333")
	x.expect("type the name of the environment to remove its override: ")
	x.press("prod\r")
	assert.Equal(t, 1, x.end(), x.text())

	x = onTerminal(t, dir, nil, "env", "remove", "dev", "--for-account", "111122223333")
	x.expect("type the name of the environment to remove its override: ")
	x.press("dev\r")
	assert.Zero(t, x.end(), x.text())
	assert.Contains(t, x.text(), "removed")
}
