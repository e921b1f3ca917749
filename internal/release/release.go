// Package release says which release a program is, or which commit it was
// built from.
package release

import (
	_ "embed"
	"regexp"
	"runtime/debug"
	"strings"
)

// number is the release that this source becomes, such as 1.2.0. It is written
// nowhere else.
//
//go:embed VERSION
var number string

// Build is the source of a program.
type Build struct {
	// Version is the release, such as 1.2.0. Whatever is not exactly the release
	// has a prerelease of it: 1.2.0-dev+0123456789ab, with .dirty if the source
	// had changes, or 1.2.0-dev if the commit is unknown.
	Version string
	Commit  string // empty if unknown
}

// Current is the source of the running program.
func Current() Build {
	info, _ := debug.ReadBuildInfo()
	return read(info)
}

// read trusts nobody but the Go command: it notes the module's version v1.2.0
// only in a program built from that module version, or from an unchanged
// checkout of that tag.
func read(info *debug.BuildInfo) Build {
	next := strings.TrimSpace(number)
	if info == nil {
		return Build{Version: next + "-dev"}
	}
	b := Build{Version: next, Commit: commitOf(info)}
	if info.Main.Version != "v"+next {
		b.Version += "-dev" + metadata(b.Commit, setting(info, "vcs.modified") == "true")
	}
	return b
}

// abbreviated is the length of a commit in a pseudo-version.
const abbreviated = 12

func metadata(commit string, dirty bool) string {
	switch {
	case commit == "":
		return ""
	case dirty:
		return "+" + commit[:abbreviated] + ".dirty"
	}
	return "+" + commit[:abbreviated]
}

// pseudoVersion has the commit at its end. Source: Go modules reference,
// pseudo-versions.
var pseudoVersion = regexp.MustCompile(`^v.*[-.][0-9]{14}-([0-9a-f]{12})(\+dirty)?$`)

// commitOf is the commit that the Go command noted: in full from a checkout,
// abbreviated from a pseudo-version of the module.
func commitOf(info *debug.BuildInfo) string {
	if commit := setting(info, "vcs.revision"); len(commit) >= abbreviated {
		return commit
	}
	if match := pseudoVersion.FindStringSubmatch(info.Main.Version); match != nil {
		return match[1]
	}
	return ""
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
