package transform_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// seeds are those of the templates that a test makes at random: of the first one
// and how many there are. The variables SEED and GENERATED override them: make
// generate.
func seeds(t *testing.T, usual uint64) (first, count uint64) {
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
