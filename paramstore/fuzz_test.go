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
// environment that it is for.
func FuzzFile(f *testing.F) {
	for _, text := range []string{
		`{"environments":{"dev":[{"version":1,"value":"none"}]}}`,
		`{"environments":{"dev":[{"value":"a"},{"version":9,"value":"b","modified":"2026-01-02T03:04:05Z","modifiedBy":"x"}],"prod":[]}}`,
		`{"environments":{"":[{}]}}`, `{"environments":null}`, `{"environments":[]}`, `{"environments":{"dev":null}}`, `{}`, `null`, `[]`, ``,
	} {
		f.Add([]byte(text), "dev")
		f.Add([]byte(text), "new")
	}
	path := filepath.Join(f.TempDir(), "environments.json")
	f.Fuzz(func(t *testing.T, text []byte, environment string) {
		if boundary.CheckEnvironment(environment) != nil {
			return // who calls has checked it
		}
		ctx := context.Background()
		require.NoError(t, os.WriteFile(path, text, 0o600))
		store := paramstore.NewFile(path)
		before, err := store.List(ctx)
		if err != nil {
			_, err = store.Create(ctx, environment, boundary.Value{})
			require.Error(t, err)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, text, after, "a file that cannot be read was written")
			return
		}
		written := write(t, store, environment)
		require.Equal(t, "none", written.Text)
		got, err := store.Get(ctx, environment)
		require.NoError(t, err)
		require.Equal(t, written, got)
		after, err := store.List(ctx)
		require.NoError(t, err)
		require.Equal(t, without(before, environment), without(after, environment))
		history, err := store.History(ctx, environment)
		require.NoError(t, err)
		require.Len(t, history, int(written.Version))
		require.NoError(t, store.Remove(ctx, environment))
		_, err = store.Get(ctx, environment)
		require.ErrorIs(t, err, boundary.ErrUnknown)
	})
}

// write updates an environment, or creates it where there is none.
func write(t *testing.T, store *paramstore.File, environment string) boundary.Record {
	ctx := context.Background()
	present, err := store.Get(ctx, environment)
	if err != nil {
		require.ErrorIs(t, err, boundary.ErrUnknown)
		written, err := store.Create(ctx, environment, boundary.Value{})
		require.NoError(t, err)
		return written
	}
	_, err = store.Create(ctx, environment, boundary.Value{})
	require.ErrorIs(t, err, boundary.ErrExists)
	written, err := store.Update(ctx, environment, boundary.Value{}, present.Version)
	require.NoError(t, err)
	require.Equal(t, present.Version+1, written.Version)
	return written
}

func without(records []boundary.Record, environment string) []boundary.Record {
	var others []boundary.Record
	for _, r := range records {
		if r.Environment != environment {
			others = append(others, r)
		}
	}
	return others
}
