package guard_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/internal/cases"
)

// cfnGuard is the path of cfn-guard, which make guard installs, and names so that
// nothing is skipped there.
func cfnGuard(t *testing.T) string {
	t.Helper()
	if path, named := os.LookupEnv("CFN_GUARD"); named {
		require.FileExists(t, path)
		return path
	}
	path, err := filepath.Abs("../.cargo/bin/cfn-guard")
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Skip("cfn-guard is not installed: make guard installs it with cargo")
	}
	return path
}

// validate returns the status of each file of a directory: PASS, FAIL, or SKIP if a
// rule is about none of what is in it.
func validate(t *testing.T, rule, dir string) map[string]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "boundary.guard")
	require.NoError(t, os.WriteFile(path, []byte(rule), 0o600))
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(cfnGuard(t), "validate", "--rules", path, "--data", dir, "--structured", "--output-format", "json", "--show-summary", "none")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	const failed = 19 // some file does not pass
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != failed {
		require.NoError(t, err, stderr.String())
	}
	var reports []struct{ Name, Status string }
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &reports))
	statuses := map[string]string{}
	for _, r := range reports {
		statuses[filepath.Base(r.Name)] = r.Status
	}
	return statuses
}

// Each file in testdata/rules has data for the rule of templates and hooks, or of
// AWS Config, in files named after what becomes of them, such as fail-null.json. Its
// first line says why it is there.
func TestRules(t *testing.T) {
	rule, err := platform(t).Rule()
	require.NoError(t, err)
	rules := map[string]string{"template": rule, "hook": rule, "config": policyText(t, platform(t))}
	all := cases.Read(t, "testdata/rules")
	require.Len(t, all, len(rules))
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			dir := t.TempDir()
			for _, data := range c.Files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, data.Name), data.Data, 0o600))
			}
			got := validate(t, rules[c.Name], dir)
			require.Len(t, got, len(c.Files))
			for data, status := range got {
				want, _, _ := strings.Cut(data, "-")
				assert.Equal(t, strings.ToUpper(want), status, data)
			}
		})
	}
}

// policyText is the rule in the template of AWS Config.
func policyText(t *testing.T, s scope) string {
	t.Helper()
	text, err := s.ConfigRule()
	require.NoError(t, err)
	var template struct {
		Resources map[string]struct {
			Properties struct {
				Source struct {
					CustomPolicyDetails struct {
						PolicyText string `yaml:"PolicyText"`
					} `yaml:"CustomPolicyDetails"`
				} `yaml:"Source"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &template))
	require.Len(t, template.Resources, 1)
	for _, r := range template.Resources {
		return r.Properties.Source.CustomPolicyDetails.PolicyText
	}
	return ""
}
