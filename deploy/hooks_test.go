package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"
)

// readYAML reads a file of the repository.
func readYAML(t *testing.T, path string, into any) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into))
}

// What the action's shell makes of paths: none is a pattern, a flag or two.
func TestActionPaths(t *testing.T) {
	var action struct {
		Runs struct{ Steps []struct{ Run, Uses string } }
	}
	readYAML(t, "../action.yml", &action)
	steps := action.Runs.Steps
	assert.Regexp(t, `^[a-z/-]+@[0-9a-f]{40}$`, steps[0].Uses, "a tag can be moved")
	script := steps[len(steps)-1].Run
	pbm, err := exec.LookPath("pbm")
	require.NoError(t, err)

	for _, tc := range []struct{ paths, args, want string }{
		{paths: ".", want: "file=with space.yaml,line=2"},
		{paths: "*", want: "pbm: error: read the template: open *: no such file or directory"},
		{paths: "--help", want: "file=--help,line=2"},
		{paths: "-h", want: "file=-h,line=2"},
		{paths: "--macro-name=AWS::Serverless-2016-10-31", want: "file=--macro-name=AWS%3A%3AServerless-2016-10-31,line=2"},
		{paths: "with space.yaml", want: "file=with space.yaml,line=2"},
		{paths: "-h\r\nwith space.yaml\n\n", want: "file=with space.yaml,line=2"},
		{paths: "$(touch made)", want: "open $(touch made): no such file or directory"},
		{paths: "-h", args: "--bound-users --macro-name *", want: "list * last in Transform"},
		{paths: "", want: "name at least one template or directory: pbm check PATH..."},
		{paths: "-", want: "the template cannot be read: it is empty"},
	} {
		temp, dir := t.TempDir(), t.TempDir()
		require.NoError(t, os.Symlink(pbm, filepath.Join(temp, "pbm")))
		for _, name := range []string{"--macro-name=AWS::Serverless-2016-10-31", "-h", "--help", "with space.yaml"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(unboundRole), 0o600))
		}
		bash := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script) // as the runner does
		bash.Dir = dir
		bash.Env = append(os.Environ(), "RUNNER_TEMP="+temp, "PATHS="+tc.paths, "ARGS="+tc.args, "SARIF=")
		out, err := bash.CombinedOutput()
		assert.Error(t, err, tc.paths)
		assert.Contains(t, string(out), tc.want, tc.paths)
		assert.NoFileExists(t, filepath.Join(dir, "made"))
	}
}

// A log for code scanning is written when roles are unbound, and the job fails
// for them, or for a wrong call.
func TestActionSARIF(t *testing.T) {
	var action struct {
		Runs struct{ Steps []struct{ Run string } }
	}
	readYAML(t, "../action.yml", &action)
	script := action.Runs.Steps[len(action.Runs.Steps)-1].Run
	pbm, err := exec.LookPath("pbm")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(pbm, filepath.Join(dir, "pbm")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "t.yaml"), []byte(unboundRole), 0o600))
	run := func(args string) int {
		bash := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
		bash.Dir = dir
		bash.Env = append(os.Environ(), "RUNNER_TEMP="+dir, "PATHS=t.yaml", "ARGS="+args, "SARIF=a log.sarif")
		_ = bash.Run() // the code tells
		return bash.ProcessState.ExitCode()
	}
	assert.Equal(t, 1, run(""))
	text, err := os.ReadFile(filepath.Join(dir, "a log.sarif"))
	require.NoError(t, err)
	assert.Contains(t, string(text), `"unbound-role"`)
	assert.NotZero(t, run("--nonsense"))
}

// What pre-commit calls: the entry, the arguments, and the names of files that
// have changed, in one process.
func TestPreCommitHook(t *testing.T) {
	var hooks []struct {
		Entry         string
		Args          []string
		RequireSerial bool `yaml:"require_serial"`
	}
	readYAML(t, "../.pre-commit-hooks.yaml", &hooks)
	assert.True(t, hooks[0].RequireSerial)
	assert.Equal(t, "pbm check", hooks[0].Entry)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "--help.yaml"), []byte(unboundRole), 0o600))
	check := exec.Command("pbm", append(append([]string{"check"}, hooks[0].Args...), "--help.yaml")...)
	check.Dir = dir
	out, err := check.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "--help.yaml  (no macro)\n    2  Role  unbound  no boundary\n")
}
