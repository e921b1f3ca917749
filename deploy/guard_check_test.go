package deploy_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
)

// The AWS CLI ends a text that it prints with one more line end, and on Windows lines
// end in CRLF. Neither is a difference.
func TestGuardCheckLineEnds(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store.json")
	require.NoError(t, os.WriteFile(store, []byte(`{"environments": {"dev": [{"value": "`+one+`"}]}}`), 0o600))
	for _, document := range []string{"hook", "config", "guard-rule"} {
		guard := func(stdin string, args ...string) (string, int) {
			var stdout, stderr bytes.Buffer
			args = append([]string{"guard", document, "--store", "file:" + store}, args...)
			code := deploy.Run(context.Background(), args, strings.NewReader(stdin), &stdout, &stderr)
			return stdout.String(), code
		}
		text, code := guard("")
		require.Zero(t, code)
		for what, installed := range map[string]string{
			"a line end more": text + "\n",
			"no line end":     strings.TrimSuffix(text, "\n"),
			"CRLF":            strings.ReplaceAll(text, "\n", "\r\n"),
		} {
			_, code := guard(installed, "--check", "-")
			assert.Zero(t, code, "%s: %s", document, what)
		}
		difference, code := guard(strings.Replace(text, "\n", "\n\n", 1), "--check", "-")
		assert.Equal(t, 1, code, document)
		assert.Contains(t, difference, "\n-\n", document)
	}
}
