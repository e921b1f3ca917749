//go:build !race

package deploy_test

const isRace = false
