package paramstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/atomicfile"
	"permissions-boundary-macro/paramstore"
)

func value(t *testing.T, text string) boundary.Value {
	v, err := boundary.Parse(text)
	require.NoError(t, err)
	return v
}

func TestFileMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "environments.json")
	_, err := paramstore.NewFile(path).Get(context.Background(), key("dev"))
	require.ErrorIs(t, err, boundary.ErrUnknown)
	assert.EqualError(t, err, `environment "dev" is unknown: there is no file `+path)
}

// Writers that come at the same time wait for each other: none is lost.
func TestFileConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "environments.json")
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			_, err := paramstore.NewFile(path).Create(context.Background(), key(fmt.Sprintf("env%d", i)), boundary.Value{})
			assert.NoError(t, err)
		})
	}
	group.Wait()
	for i := range 20 {
		_, err := paramstore.NewFile(path).Get(context.Background(), key(fmt.Sprintf("env%d", i)))
		assert.NoError(t, err)
	}
}

// A file that is broken is neither read as empty nor overwritten.
func TestFileBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "environments.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"environments":`), 0o600))
	store := paramstore.NewFile(path)
	_, err := store.Get(context.Background(), key("dev"))
	assert.ErrorContains(t, err, "the store of environments is not readable: "+path)
	_, err = store.Create(context.Background(), key("dev"), boundary.Value{})
	assert.ErrorContains(t, err, "is not readable")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, `{"environments":`, string(text))
}

// Values may be written by hand, and the file keeps its mode.
func TestFileByHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "environments.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"environments":{"dev":[{"value":"a"},{"value":"b"}]}}`), 0o600))
	store := paramstore.NewFile(path)
	record, err := store.Get(context.Background(), key("dev"))
	require.NoError(t, err)
	assert.Equal(t, boundary.Record{Key: key("dev"), Text: "b", Version: 2}, record)

	_, err = store.Update(context.Background(), key("dev"), boundary.Value{}, 2)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
}

// Names and users of a file are what other people wrote: a name that no command
// takes is refused, and a user is one line.
func TestFileNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"environments": {"dev; curl x|sh\u001b": [{"value": "none"}]}}`), 0o600))
	_, err := paramstore.NewFile(path).List(context.Background())
	assert.EqualError(t, err, "the store of environments is not readable: "+path+`: dev; curl x|sh\x1b is not an environment name (1 to 64 characters of A-Z a-z 0-9 _ . -)`)
	require.NoError(t, os.WriteFile(path, []byte(`{"environments": {"dev": [{"value": "none", "modifiedBy": "a\u001b\nb"}]}}`), 0o600))
	records, err := paramstore.NewFile(path).History(context.Background(), key("dev"))
	require.NoError(t, err)
	assert.Equal(t, `a\x1b\nb`, records[0].ModifiedBy)
}

// A file of something else is refused and left alone, and nothing of it is
// repeated: it may hold secrets.
func TestFileOfSomethingElse(t *testing.T) {
	for _, text := range []string{
		`{"auths":{"registry":{"auth":"canary"}}}`,
		`{"environments":{},"canary":"canary"}`,
		`{"environments":{"dev":[{"value":"none","canary":"canary"}]}}`,
		`{"environments":{"dev":[{"value":"none","modified":"canary"}]}}`,
		`{"environments":{"../up":[{"value":"none"}]}}`,
		`{"environments":{}} {"canary":1}`,
		`{"environments":["canary"]}`,
		`canary`,
	} {
		path := filepath.Join(t.TempDir(), "environments.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		store := paramstore.NewFile(path)
		_, err := store.List(context.Background())
		require.ErrorContains(t, err, "is not readable", text)
		assert.NotContains(t, err.Error(), "canary")
		_, err = store.Create(context.Background(), key("new"), boundary.Value{})
		require.ErrorContains(t, err, "is not readable", text)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(after))
	}
}

// What is not a file, or is too large, is not read.
func TestFileNotRegular(t *testing.T) {
	dir := t.TempDir()
	_, err := paramstore.NewFile(dir).Get(context.Background(), key("dev"))
	require.ErrorIs(t, err, atomicfile.ErrNotRegular)
	path := filepath.Join(dir, "large")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, 1<<40))
	_, err = paramstore.NewFile(path).Get(context.Background(), key("dev"))
	require.ErrorIs(t, err, atomicfile.ErrTooLarge)
}

// A write that waits for another one ends with its context, and has written
// nothing.
func TestFileLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "environments.json")
	unlock, err := atomicfile.Lock(context.Background(), path, nil)
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err = paramstore.NewFile(path).Create(ctx, key("dev"), boundary.Value{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NoFileExists(t, path)
}
