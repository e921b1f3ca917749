package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Commands that run at the same time keep each other's entries in the project,
// which stays confirmed, and leave no locks behind.
func TestAddsAtOnce(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	pbm := func(args ...string) {
		add := exec.Command("pbm", args...)
		add.Dir = dir
		add.Env = append(os.Environ(), "CI=1", "HOME="+home, "XDG_CONFIG_HOME=")
		out, err := add.CombinedOutput()
		assert.NoError(t, err, string(out))
	}
	pbm("init", "env0", "--store", "file:environments.json", "--permissions-boundary", "none")
	const count = 50
	var group sync.WaitGroup
	for i := range count {
		group.Go(func() { pbm("env", "add", fmt.Sprintf("env%d", i+1), "--permissions-boundary", "none") })
	}
	group.Wait()
	text, err := os.ReadFile(filepath.Join(dir, ".pbm.json"))
	require.NoError(t, err)
	var project struct{ Environments map[string]any }
	require.NoError(t, json.Unmarshal(text, &project))
	assert.Len(t, project.Environments, count+1)
	for i := range count {
		assert.Equal(t, []string{"none"}, stored(t, dir, fmt.Sprintf("env%d", i+1)))
	}
	pbm("env", "update", "env7", "--permissions-boundary", one)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2, entries)
}
