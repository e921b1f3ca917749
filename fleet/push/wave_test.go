package push_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/push"
)

func TestWaves(t *testing.T) {
	for _, tc := range []struct {
		text  string
		all   int
		sizes []int
		left  int
	}{
		{"1,5,25,rest", 300, []int{1, 5, 25, 269}, 0},
		{"1,5,25,rest", 31, []int{1, 5, 25}, 0},
		{"1,5,25,rest", 3, []int{1, 2}, 0},
		{"1,5,25,rest", 0, nil, 0},
		{"1", 3, []int{1}, 2},
		{"2,2", 3, []int{2, 1}, 0},
		{"rest", 3, []int{3}, 0},
	} {
		waves, err := push.ParseWaves(tc.text)
		require.NoError(t, err)
		assert.Equal(t, tc.text, waves.String())
		var sizes []int
		for _, wave := range waves.Split(make([]push.Stack, tc.all)) {
			sizes = append(sizes, len(wave))
		}
		assert.Equal(t, tc.sizes, sizes, tc.text)
		assert.Equal(t, tc.left, waves.Left(make([]push.Stack, tc.all)), tc.text)
	}
	for _, wrong := range []string{"", "0", "-1", "a", "rest,1", "1,rest,rest", "1,,2", "1, 2"} {
		_, err := push.ParseWaves(wrong)
		assert.Error(t, err, wrong)
	}
}
