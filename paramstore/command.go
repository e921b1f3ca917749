package paramstore

import (
	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// AddCommand returns the pbm command that adds a value.
func AddCommand(key boundary.Key) string {
	if key.IsOverride() {
		return UpdateCommand(key)
	}
	return "pbm env add " + arguments(key)
}

// UpdateCommand returns the pbm command that changes a value.
func UpdateCommand(key boundary.Key) string { return "pbm env update " + arguments(key) }

// RemoveCommand returns the pbm command that removes a value.
func RemoveCommand(key boundary.Key) string { return "pbm env remove " + arguments(key) }

// arguments name a value to a pbm command.
func arguments(key boundary.Key) string {
	if !key.IsOverride() {
		return printable.Shell(key.Environment)
	}
	return printable.Shell(key.Environment) + " --for-account " + key.Account
}
