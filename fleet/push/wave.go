package push

import (
	"fmt"
	"strconv"
	"strings"
)

// Waves are how many stacks are deployed before the roles are read again: first
// Waves[0], then Waves[1] and so on. Rest is all that are left, and can only be the
// last.
type Waves []int

// Rest is the size of a wave that has all remaining stacks.
const Rest = 0

// DefaultWaves begin with one stack.
var DefaultWaves = Waves{1, 5, 25, Rest}

const restText = "rest"

// ParseWaves reads a list such as 1,5,25,rest.
func ParseWaves(text string) (Waves, error) {
	var waves Waves
	for part := range strings.SplitSeq(text, ",") {
		size, err := strconv.Atoi(part)
		switch {
		case len(waves) > 0 && waves[len(waves)-1] == Rest:
			return nil, fmt.Errorf("%q: nothing can follow %s", text, restText)
		case part == restText:
			size = Rest
		case err != nil || size < 1:
			return nil, fmt.Errorf("%q: %q is neither a number of stacks nor %s", text, part, restText)
		}
		waves = append(waves, size)
	}
	return waves, nil
}

func (w Waves) String() string {
	parts := make([]string, len(w))
	for i, size := range w {
		parts[i] = strconv.Itoa(size)
		if size == Rest {
			parts[i] = restText
		}
	}
	return strings.Join(parts, ",")
}

// at returns the wave that follows when a number of stacks have been deployed,
// counted from 1, and how many stacks it may still deploy; 0 when no wave is left.
func (w Waves) at(deployed, all int) (wave, left int) {
	before := 0
	for i, size := range w {
		if size == Rest {
			size = all - before
		}
		if deployed < before+size {
			return i + 1, before + size - deployed
		}
		before += size
	}
	return len(w), 0
}

// Split divides stacks as a run does in which all are deployed. Those behind the last
// wave are omitted.
func (w Waves) Split(stacks []Stack) [][]Stack {
	var waves [][]Stack
	for deployed := 0; deployed < len(stacks); {
		_, left := w.at(deployed, len(stacks))
		if left == 0 {
			break
		}
		end := min(deployed+left, len(stacks))
		waves = append(waves, stacks[deployed:end])
		deployed = end
	}
	return waves
}

// Left is how many of several stacks are in no wave.
func (w Waves) Left(stacks []Stack) int {
	left := len(stacks)
	for _, wave := range w.Split(stacks) {
		left -= len(wave)
	}
	return left
}
