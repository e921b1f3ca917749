package paramstore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
)

// A snapshot has the present values, in the same order whatever the order of the
// records, and is a file store.
func TestSnapshot(t *testing.T) {
	records := []boundary.Record{
		{Key: boundary.Key{Environment: "dev", Account: "111122223333"}, Text: "none", Version: 7, ModifiedBy: "x"},
		{Key: boundary.Key{Environment: "dev"}, Text: "a \"<\u2028", Version: 2},
	}
	text, err := paramstore.Snapshot(records)
	require.NoError(t, err)
	assert.Equal(t, `{
  "environments": {
    "dev": [
      {
        "version": 1,
        "value": "a \"\u003c\u2028"
      }
    ],
    "dev/111122223333": [
      {
        "version": 1,
        "value": "none"
      }
    ]
  }
}
`, string(text))

	want := []boundary.Record{
		{Key: boundary.Key{Environment: "dev"}, Text: "a \"<\u2028", Version: 1},
		{Key: boundary.Key{Environment: "dev", Account: "111122223333"}, Text: "none", Version: 1},
	}
	got, err := paramstore.ReadSnapshot(text)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	path := filepath.Join(t.TempDir(), "environments.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	got, err = paramstore.NewFile(path).List(context.Background())
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// What is not a file store's text is refused.
func TestReadSnapshotRefuses(t *testing.T) {
	for _, text := range []string{
		`{"canary": 1}`, `{"environments": {"dev": "canary"}}`, `{"environments": {"dev/canary": []}} `, `{} canary`, ``,
		`{"environments": {"dev": [{"value": "strict"}], "dev": [{"value": "none"}]}}`,
	} {
		_, err := paramstore.ReadSnapshot([]byte(text))
		require.Error(t, err, text)
	}
	records, err := paramstore.ReadSnapshot([]byte(`{"environments": {"dev": []}}`))
	require.NoError(t, err)
	assert.Empty(t, records)
}
