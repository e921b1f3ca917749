package main

import (
	"cmp"
	"slices"
	"syscall"
	"time"
)

// contestant is one of those that do the same job.
type contestant struct {
	name string
	// run does the job n times and returns the CPU time of its process.
	run func(n int) (time.Duration, error)
}

// cpuTime is what do costs this process, on all of its threads: garbage
// collection counts, and what else runs on the machine does not.
func cpuTime(do func()) time.Duration {
	before := ownCPUTime()
	do()
	return ownCPUTime() - before
}

func ownCPUTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // the arguments are constants
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// compare measures contestants in turns, so that whatever happens to the
// machine happens to all of them. It returns each one's times for one job.
func compare(rounds int, atLeast time.Duration, contestants []contestant) ([][]time.Duration, error) {
	times := make([][]time.Duration, len(contestants))
	repeats := make([]int, len(contestants))
	for i, c := range contestants {
		n, err := repeatsFor(atLeast, c)
		if err != nil {
			return nil, err
		}
		repeats[i] = n
	}
	for range rounds {
		for i, c := range contestants {
			took, err := c.run(repeats[i])
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], took/time.Duration(repeats[i]))
		}
	}
	return times, nil
}

// repeatsFor is how often a job is to be done to take long enough to measure.
func repeatsFor(atLeast time.Duration, c contestant) (int, error) {
	for n := 1; ; n *= 2 {
		took, err := c.run(n)
		if err != nil || took >= atLeast {
			return n, err
		}
	}
}

// median is the middle one, without changing the order of all.
func median[T cmp.Ordered](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// ratio is the median of how many times longer a takes than b, pair by pair.
func ratio(a, b []time.Duration) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = float64(a[i]) / float64(b[i])
	}
	return median(ratios)
}
