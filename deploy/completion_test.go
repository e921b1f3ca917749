package deploy_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
)

// inCompletedDirectory is a directory with a project, profiles and files.
func inCompletedDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		".pbm.json":           `{"environments": {"dev": {}, "prod": {}}}`,
		"config":              "[default]\nregion = eu-west-1\n[profile admin] # [x]\n  [profile  spaced ]\n[sso-session sso]\n[services s]\n# [profile no]\n[profile open\n",
		"credentials":         "[legacy]\naws_access_key_id = canary\n[admin]\n",
		"environments.json":   `{}`,
		"environments.yaml":   ``,
		"below/stored.json":   `{}`,
		".hidden/stored.json": `{}`,
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	here, err := os.Getwd()
	require.NoError(t, err)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(here, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(here, "credentials"))
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1") // nobody is asked
}

// Flags and arguments are completed, without a network.
func TestCompletion(t *testing.T) {
	inCompletedDirectory(t)
	const files, noFiles, noSpace = "0", "4", "6"
	for _, tc := range []struct {
		words     string // the last one is begun
		want      string
		directive string
	}{
		{"env get --profile |", "admin default legacy spaced", noFiles},
		{"transform --profile |", "admin default legacy spaced", noFiles},
		{"--profile=|", "admin default legacy spaced", noFiles},
		{"env get --target |", "profile= region= role= account=", noSpace},
		{"env get --target profile=|", "profile=admin profile=default profile=legacy profile=spaced", noSpace},
		{"env get --target region=eu-west-1,profile=|", "region=eu-west-1,profile=admin region=eu-west-1,profile=default region=eu-west-1,profile=legacy region=eu-west-1,profile=spaced", noSpace},
		{"env get --target role=|", "", noSpace},
		{"env get --store |", "ssm file:", noSpace},
		{"env get --store file:|", "file:below/ file:environments.json", noSpace},
		{"env get --store file:below/|", "file:below/stored.json", noSpace},
		{"env get --store file:nowhere/|", "", noFiles},
		{"env list --output |", "text json", noFiles},
		{"check --output |", "text json sarif github", noFiles},
		{"transform --output-format |", "json yaml", noFiles},
		{"transform --existing-boundary |", "replace keep reject", noFiles},
		{"check --blind-spots |", "warn reject", noFiles},
		{"check --macro-name |", "", noFiles},
		{"env update --for-account |", "", noFiles},
		{"env add x --permissions-boundary |", "", noFiles},
		{"transform -e |", "dev prod", noFiles},
		{"check --default-environment |", "dev prod", noFiles},
		{"env get --name |", "dev prod", noFiles},
		{"env get |", "dev prod", noFiles},
		{"env get dev |", "", noFiles},
		{"env remove |", "dev prod", noFiles},
		{"env add |", "", noFiles},
		{"env list |", "", noFiles},
		{"init |", "", noFiles},
		{"env import |", "", files},
		{"guard scp --exempt |", "", noFiles},
		{"guard scp --environment |", "dev prod", noFiles},
		{"guard scp --check |", "", files},
		{"env export --out |", "", files},
		{"transform |", "", files},
		{"check a.yaml |", "", files},
	} {
		got, directive := complete(t, tc.words)
		assert.Equal(t, tc.want, strings.Join(got, " "), tc.words)
		assert.Equal(t, tc.directive, directive, tc.words)
	}

	got, _ := complete(t, "env get --region |")
	assert.Contains(t, got, "eu-west-1")
	assert.Contains(t, got, "us-gov-east-1")
	got, _ = complete(t, "env get --region eu-west-1,|")
	assert.Contains(t, got, "eu-west-1,us-east-1")

	// Files that cannot be read complete nothing, and nothing is waited for.
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "missing")
	got, _ = complete(t, "env get --profile |")
	assert.Empty(t, got)
}

// complete returns what pbm completes words with, and its directive to the shell.
func complete(t *testing.T, words string) ([]string, string) {
	args := strings.Split(strings.TrimSuffix(words, "|"), " ")
	var stdout, stderr bytes.Buffer
	require.Zero(t, deploy.Run(context.Background(), append([]string{"__complete"}, args...), nil, &stdout, &stderr), words)
	answer := "\n" + stdout.String()
	end := strings.LastIndex(answer, "\n:")
	require.GreaterOrEqual(t, end, 0, answer)
	assert.NotContains(t, stdout.String(), "canary")
	return strings.Fields(answer[:end]), strings.TrimSpace(answer[end+len("\n:"):])
}

// The line of setup that docs/operating.md has for each shell works in that shell,
// where it is installed.
func TestCompletionInShells(t *testing.T) {
	page, err := os.ReadFile("../docs/operating.md")
	require.NoError(t, err)
	inCompletedDirectory(t)
	for _, tc := range []struct {
		shell  []string
		before string // what a user's own setup has
		setup  string
	}{
		{[]string{"bash", "--norc", "-i"}, "source /usr/share/bash-completion/bash_completion", "source <(pbm completion bash)"},
		{[]string{"zsh", "-f", "-i"}, "autoload -Uz compinit && compinit -u -D", "source <(pbm completion zsh)"},
		{[]string{"fish", "--no-config", "-i"}, "true", "pbm completion fish | source"},
	} {
		t.Run(tc.shell[0], func(t *testing.T) {
			assert.Contains(t, string(page), "`"+strings.ReplaceAll(tc.setup, "|", `\|`)+"`")
			if _, err := exec.LookPath(tc.shell[0]); err != nil {
				t.Skip(err)
			}
			if _, err := os.Stat("/usr/share/bash-completion/bash_completion"); tc.shell[0] == "bash" && err != nil {
				t.Skip(err)
			}
			x := &terminal{t: t, cmd: exec.Command(tc.shell[0], tc.shell[1:]...), done: make(chan struct{})}
			x.cmd.Env = append(os.Environ(), "PS1=> ", "TERM=dumb", "HOME="+t.TempDir())
			x.start(&pty.Winsize{Rows: 24, Cols: 120})
			x.press(tc.before + "; " + tc.setup + "; echo rea''dy\n")
			x.expect("\nready")
			for begun, whole := range map[string]string{
				"pbm env get d":                  "pbm env get dev ",
				"pbm env get --profile leg":      "--profile legacy ",
				"pbm env get --region=us-gov-e":  "--region=us-gov-east-1 ",
				"pbm env list --store file:envi": "--store file:environments.json",
				"pbm transform --blind-spots re": "--blind-spots reject ",
			} {
				x.press(begun + "\t")
				x.expect(whole)
				x.press("\x15") // deletes the line
			}
			x.press("exit\n")
			x.end()
		})
	}
}
