//go:build linux

package paramstore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
)

// writeForever has the test binary write to a file store until it is killed.
const writeForever = "WRITE_FOREVER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writeForever); path != "" {
		forever(paramstore.NewFile(path))
	}
	os.Exit(m.Run())
}

// forever writes version after version, and tells when it has begun.
func forever(store *paramstore.File) {
	ctx := context.Background()
	for begun := false; ; begun = true {
		record, err := store.Get(ctx, key("dev"))
		if err == nil {
			_, err = store.Update(ctx, key("dev"), boundary.Value{}, record.Version)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if !begun {
			fmt.Println("writing")
		}
	}
}

// kill -9 at any moment leaves a file that can be read and written.
func TestFileKill(t *testing.T) {
	kills := 10
	if os.Getenv("FAULTS") != "" {
		kills = 200
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "environments.json")
	store := paramstore.NewFile(path)
	ctx := context.Background()
	_, err := store.Create(ctx, key("dev"), boundary.Value{})
	require.NoError(t, err)
	program, err := os.Executable()
	require.NoError(t, err)
	last := int64(1)
	for range kills {
		writer := exec.Command(program)
		writer.Env = append(os.Environ(), writeForever+"="+path)
		out, err := writer.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, writer.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "writing\n", line)
		time.Sleep(time.Duration(rand.IntN(10_000)) * time.Microsecond)
		require.NoError(t, writer.Process.Kill())
		require.ErrorContains(t, writer.Wait(), "killed")

		records, err := store.History(ctx, key("dev"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, int64(len(records)), last)
		for i, r := range records {
			require.Equal(t, int64(i+1), r.Version)
			require.Equal(t, "none", r.Text)
		}
		written, err := store.Update(ctx, key("dev"), boundary.Value{}, int64(len(records)))
		require.NoError(t, err)
		last = written.Version
	}
	t.Logf("%d versions written through %d kills", last, kills)
}

// A disk without room, or that cannot be written, is told, and what was stored
// stands.
func TestFileDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, 0)) })
	path := filepath.Join(dir, "environments.json")
	store := paramstore.NewFile(path)
	ctx := context.Background()
	_, err := store.Create(ctx, key("dev"), boundary.Value{})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "filler"), []byte(strings.Repeat("x", 12<<10)), 0o600))

	check := func(want string) {
		t.Helper()
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		_, err = store.Create(ctx, key("stage"), boundary.Value{})
		assert.EqualError(t, err, "the store of environments is not written: "+want)
		assert.Contains(t, boundary.Remedy(err), "what was stored before stands")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(before), string(after))
	}
	check("write " + path + ": no space left on device")
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	check("open " + path + ".lock: read-only file system")
}
