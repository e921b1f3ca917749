package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/atomicfile"
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

// Whoever waits for another one's lock is told so, and can stop waiting.
func TestAddWaits(t *testing.T) {
	dir := t.TempDir()
	unlock, err := atomicfile.Lock(context.Background(), filepath.Join(dir, "environments.json"), nil)
	require.NoError(t, err)
	defer unlock()
	add := exec.Command("pbm", "env", "add", "dev", "--store", "file:environments.json", "--permissions-boundary", "none")
	add.Dir = dir
	out, err := add.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, add.Start())
	watchdog := time.AfterFunc(20*time.Second, func() { _ = add.Process.Kill() })
	defer watchdog.Stop()
	var told bytes.Buffer
	buffer := make([]byte, 1024)
	for !strings.Contains(told.String(), "pbm: waiting for another process to release environments.json.lock\n") {
		n, err := out.Read(buffer)
		told.Write(buffer[:n])
		require.NoError(t, err, told.String())
	}
	require.NoError(t, add.Process.Signal(os.Interrupt))
	_, _ = told.ReadFrom(out)
	require.Error(t, add.Wait())
	assert.True(t, watchdog.Stop(), "only a kill ended it")
	assert.Contains(t, told.String(), "pbm: error: interrupted\n")
	assert.NoFileExists(t, filepath.Join(dir, "environments.json"))
}
