//go:build race

package deploy_test

// isRace reports whether the tests run with the race detector, which takes several
// times the time and memory.
const isRace = true
