package boundary_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
)

func TestParseKey(t *testing.T) {
	for text, want := range map[string]boundary.Key{
		"dev":                       {Environment: "dev"},
		"dev/111122223333":          {Environment: "dev", Account: "111122223333"},
		"111122223333":              {Environment: "111122223333"},
		"111122223333/000000000000": {Environment: "111122223333", Account: "000000000000"},
	} {
		key, err := boundary.ParseKey(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, key)
		assert.Equal(t, text, key.String())
	}
	for _, text := range []string{"", "/", "dev/", "/111122223333", "dev/11112222333", "dev/1111222233334", "dev/prod", "dev/111122223333/", "dev/111122223333/x", "dev/111122223333\n", "a b"} {
		_, err := boundary.ParseKey(text)
		assert.Error(t, err, text)
	}
}

// What is not an account ID is not part of a name in the store.
func TestKeyIn(t *testing.T) {
	for _, id := range []string{"", "1", "../prod", "111122223333/x", "１１１１２２２２３３３３"} {
		assert.Equal(t, boundary.Key{Environment: "dev"}, boundary.KeyIn("dev", id), id)
	}
	assert.Equal(t, boundary.Key{Environment: "dev", Account: "111122223333"}, boundary.KeyIn("dev", "111122223333"))
}
