// Package generated says which random cases tests make.
package generated

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Seeds returns the seed of the first random case of a test, and how many cases
// there are: usual, unless the variables SEED and GENERATED say otherwise, as in
// make generate.
func Seeds(t *testing.T, usual uint64) (first, count uint64) {
	t.Helper()
	first, count = 1, usual
	for variable, number := range map[string]*uint64{"SEED": &first, "GENERATED": &count} {
		text, given := os.LookupEnv(variable)
		if !given {
			continue
		}
		var err error
		*number, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, variable)
	}
	return first, count
}
