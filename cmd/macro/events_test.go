package main_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/paramstore/ssmtest"
)

var update = flag.Bool("update", false, "rewrite events/expected")

// The events for sam local invoke are answered as events/expected says, with
// the boundaries of examples/environments.json in SSM.
func TestEvents(t *testing.T) {
	server := ssmtest.New()
	t.Cleanup(server.Close)
	examples := paramstore.NewFile("../../examples/environments.json")
	records, err := examples.List(context.Background())
	require.NoError(t, err)
	for _, r := range records {
		server.Set(paramstore.Name(paramstore.DefaultPrefix, r.Key), r.Text)
	}
	f := start(t, server.URL)
	events, err := filepath.Glob("../../events/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, events)
	for _, path := range events {
		t.Run(filepath.Base(path), func(t *testing.T) {
			event, err := os.ReadFile(path)
			require.NoError(t, err)
			got := append(f.invokeRaw(string(event)), '\n')
			require.True(t, json.Valid(got))
			golden := filepath.Join("../../events/expected", filepath.Base(path))
			if *update {
				require.NoError(t, os.WriteFile(golden, got, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got))
		})
	}
	expected, err := filepath.Glob("../../events/expected/*.json")
	require.NoError(t, err)
	assert.Len(t, expected, len(events), "files that no event has")
}
