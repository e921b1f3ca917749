package paramstore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
)

// FuzzFile: a file that may hold anything is read or refused. One that is
// refused is not written, and a write to the other changes nothing but the
// key that it is for.
func FuzzFile(f *testing.F) {
	for _, text := range []string{
		`{"environments":{"dev":[{"version":1,"value":"none"}]}}`,
		`{"environments":{"dev":[{"value":"a"},{"version":9,"value":"b","modified":"2026-01-02T03:04:05Z","modifiedBy":"x"}],"prod":[]}}`,
		`{"environments":{"dev":[{"value":"none"}],"dev/111122223333":[{"value":"a"}],"dev.x":[{"value":"b"}]}}`, `{"environments":{"dev/1":[{}]}}`,
		`{"environments":{"":[{}]}}`, `{"environments":null}`, `{"environments":[]}`, `{"environments":{"dev":null}}`, `{}`, `null`, `[]`, ``,
	} {
		f.Add([]byte(text), "dev")
		f.Add([]byte(text), "new")
		f.Add([]byte(text), "dev/111122223333")
	}
	path := filepath.Join(f.TempDir(), "environments.json")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		key, err := boundary.ParseKey(name)
		if err != nil {
			return // the caller checks it
		}
		ctx := context.Background()
		require.NoError(t, os.WriteFile(path, text, 0o600))
		store := paramstore.NewFile(path)
		before, err := store.List(ctx)
		if err != nil {
			_, err = store.Create(ctx, key, boundary.Value{})
			require.Error(t, err)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, text, after, "a file that cannot be read was written")
			return
		}
		written := write(t, store, key)
		require.Equal(t, "none", written.Text)
		got, err := store.Get(ctx, key)
		require.NoError(t, err)
		require.Equal(t, written, got)
		effective, err := store.Effective(ctx, key)
		require.NoError(t, err)
		require.Equal(t, written, effective)
		after, err := store.List(ctx)
		require.NoError(t, err)
		require.Equal(t, without(before, key), without(after, key))
		history, err := store.History(ctx, key)
		require.NoError(t, err)
		require.Len(t, history, int(written.Version))
		require.NoError(t, store.Remove(ctx, key))
		_, err = store.Get(ctx, key)
		require.ErrorIs(t, err, boundary.ErrUnknown)
	})
}

// write updates a key, or creates it where there is none.
func write(t *testing.T, store *paramstore.File, key boundary.Key) boundary.Record {
	ctx := context.Background()
	present, err := store.Get(ctx, key)
	if err != nil {
		require.ErrorIs(t, err, boundary.ErrUnknown)
		written, err := store.Create(ctx, key, boundary.Value{})
		require.NoError(t, err)
		return written
	}
	_, err = store.Create(ctx, key, boundary.Value{})
	require.ErrorIs(t, err, boundary.ErrExists)
	written, err := store.Update(ctx, key, boundary.Value{}, present.Version)
	require.NoError(t, err)
	require.Equal(t, present.Version+1, written.Version)
	return written
}

func without(records []boundary.Record, key boundary.Key) []boundary.Record {
	var others []boundary.Record
	for _, r := range records {
		if r.Key != key {
			others = append(others, r)
		}
	}
	return others
}
