package main

import (
	"fmt"
	"go/format"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each defect still fits the source, differs from it, and is Go. That it is
// caught takes minutes: make mutation.
func TestDefects(t *testing.T) {
	require.NoError(t, os.Chdir(".."))
	assert.GreaterOrEqual(t, len(defects), 30)
	reliability, err := os.ReadFile("docs/evidence/reliability.md")
	require.NoError(t, err)
	assert.Contains(t, string(reliability), fmt.Sprintf("%d planted defects", len(defects)))
	seen := map[string]bool{}
	for _, d := range defects {
		assert.False(t, seen[d.what], "%s: twice", d.what)
		seen[d.what] = true
		changed, err := d.apply()
		if assert.NoError(t, err, "%s: %s", d.file, d.what) {
			assert.NotEqual(t, d.old, d.new, d.what)
			_, err = format.Source(changed)
			assert.NoError(t, err, d.what)
		}
	}
}

func TestFirstFailure(t *testing.T) {
	assert.Equal(t, "TestCases/role", firstFailure([]byte("--- FAIL: TestCases (0.1s)\n    --- FAIL: TestCases/role (0.00s)\n        x.go:1: no\n--- FAIL: TestOther (0s)\n")))
	assert.Equal(t, "no answer", firstFailure([]byte("panic: test timed out after 3m0s\n")))
}
