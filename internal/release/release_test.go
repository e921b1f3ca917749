package release

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sha = "0123456789abcdef0123456789abcdef01234567"

// Only a build of exactly the tag claims to be the release.
func TestRead(t *testing.T) {
	next := strings.TrimSpace(number)
	for name, tc := range map[string]struct {
		module string
		vcs    map[string]string
		want   Build
	}{
		"an unchanged checkout of the tag": {"v" + next, map[string]string{"vcs.revision": sha, "vcs.modified": "false"}, Build{next, sha}},
		"the module's version":             {"v" + next, nil, Build{next, ""}},
		"a changed checkout of the tag":    {"v" + next + "+dirty", map[string]string{"vcs.revision": sha, "vcs.modified": "true"}, Build{next + "-dev+0123456789ab.dirty", sha}},
		"a checkout of another commit":     {"v0.1.1-0.20261126204115-0123456789ab", map[string]string{"vcs.revision": sha, "vcs.modified": "false"}, Build{next + "-dev+0123456789ab", sha}},
		"a module's pseudo-version":        {"v0.0.0-20261126204115-0123456789ab", nil, Build{next + "-dev+0123456789ab", "0123456789ab"}},
		"another tag":                      {"v0.0.9", map[string]string{"vcs.revision": sha}, Build{next + "-dev+0123456789ab", sha}},
		"no version control":               {"(devel)", nil, Build{next + "-dev", ""}},
		"a prerelease":                     {"v" + next + "-rc.1", nil, Build{next + "-dev", ""}},
		"a revision that is not a commit":  {"(devel)", map[string]string{"vcs.revision": "17"}, Build{next + "-dev", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			info := &debug.BuildInfo{Main: debug.Module{Version: tc.module}}
			for key, value := range tc.vcs {
				info.Settings = append(info.Settings, debug.BuildSetting{Key: key, Value: value})
			}
			assert.Equal(t, tc.want, read(info))
		})
	}
	assert.Equal(t, Build{Version: next + "-dev"}, read(nil))
}

// VERSION is the one place of the number. template.yaml has the version that a
// stack shows, because CloudFormation reads no file; the release writes its own
// in its place.
func TestOnePlace(t *testing.T) {
	next := strings.TrimSpace(number)
	require.Regexp(t, `^[0-9]+\.[0-9]+\.[0-9]+$`, next)
	template, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)
	const output = "\n  Version:\n    Description: The release; -dev was built from source, and the log of the function has its commit\n    Value: "
	require.Equal(t, 1, strings.Count(string(template), output+next+"-dev\n"), "the output Version of template.yaml must be %s-dev", next)

	// A version of something else has a v or a @ before it, or is in a list of locked
	// dependencies.
	repeated := regexp.MustCompile(`(^|[^\w.@^~=])` + regexp.QuoteMeta(next) + `\b`)
	places := map[string]int{}
	require.NoError(t, filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if name == "node_modules" || name == "testdata" || name == "dist" || len(name) > 2 && name[0] == '.' && name != ".ci" && name != ".github" {
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(name) {
		case ".go", ".md", ".yaml", ".yml", "":
		default:
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if found := len(repeated.FindAllIndex(text, -1)); found > 0 && name != "CHANGELOG.md" {
			places[filepath.ToSlash(path)] = found
		}
		return nil
	}))
	assert.Equal(t, map[string]int{"../../internal/release/VERSION": 1, "../../template.yaml": 1}, places)
}
