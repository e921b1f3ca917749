package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
)

// sarifRun is what code scanning reads of a log.
type sarifRun struct {
	Tool struct {
		Driver struct {
			Name, Version, InformationURI string
			Rules                         []struct {
				ID, HelpURI      string
				ShortDescription struct{ Text string }
			}
		}
	}
	Results []struct {
		RuleID, Level string
		Message       struct{ Text string }
		Locations     []struct {
			PhysicalLocation struct {
				ArtifactLocation struct{ URI string }
				Region           struct{ StartLine, StartColumn int }
			}
		}
		PartialFingerprints map[string]string
	}
}

var fingerprintForm = regexp.MustCompile(`^[0-9a-f]{16}:[0-9]+$`)

// requireSARIF reads a log, and requires of it what SARIF 2.1.0 does.
func requireSARIF(t *testing.T, text string) sarifRun {
	var log struct {
		Version string
		Runs    []sarifRun
	}
	require.NoError(t, json.Unmarshal([]byte(text), &log))
	require.Equal(t, "2.1.0", log.Version)
	require.Len(t, log.Runs, 1)
	run := log.Runs[0]
	require.NotNil(t, run.Results, "null means that nothing was run")
	var rules []string
	for _, rule := range run.Tool.Driver.Rules {
		rules = append(rules, rule.ID)
	}
	_, err := url.ParseRequestURI(run.Tool.Driver.InformationURI)
	require.NoError(t, err)
	require.NotContains(t, text, ": -1")
	prints := map[string]bool{}
	for _, r := range run.Results {
		require.Contains(t, rules, r.RuleID)
		require.Contains(t, []string{"error", "warning", "note"}, r.Level)
		require.Len(t, r.Locations, 1)
		where := r.Locations[0].PhysicalLocation
		_, err := url.Parse(where.ArtifactLocation.URI)
		require.NoError(t, err)
		require.Positive(t, where.Region.StartLine)
		fingerprint := r.PartialFingerprints["primaryLocationLineHash"]
		require.Regexp(t, fingerprintForm, fingerprint)
		require.False(t, prints[fingerprint], "two results with the same fingerprint would be one alert")
		prints[fingerprint] = true
	}
	return run
}

func TestCheckSARIF(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("t.yaml", []byte("Resources:\n  Role:\n    Type: AWS::IAM::Role\n  Nested: {Type: AWS::CloudFormation::Stack}\n"), 0o600))
	text, code := checked(t, "sarif", ".")
	assert.Equal(t, 1, code)
	results := requireSARIF(t, text).Results
	require.Len(t, results, 2)
	assert.Equal(t, "unbound-role", results[0].RuleID)
	assert.Equal(t, "error", results[0].Level)
	where := results[0].Locations[0].PhysicalLocation
	assert.Equal(t, "t.yaml", where.ArtifactLocation.URI)
	assert.Equal(t, 2, where.Region.StartLine)
	assert.Equal(t, "nested-stack", results[1].RuleID)

	// Alerts stay the same ones when lines are added above.
	require.NoError(t, os.WriteFile("t.yaml", []byte("# one\n# two\nResources:\n  Role:\n    Type: AWS::IAM::Role\n"), 0o600))
	text, _ = checked(t, "sarif", ".")
	moved := requireSARIF(t, text).Results
	assert.Equal(t, 4, moved[0].Locations[0].PhysicalLocation.Region.StartLine)
	assert.Equal(t, results[0].PartialFingerprints, moved[0].PartialFingerprints)

	require.NoError(t, os.WriteFile("t.yaml", []byte("Resources: {Topic: {Type: AWS::SNS::Topic}}\n"), 0o600))
	text, code = checked(t, "sarif", ".")
	assert.Zero(t, code)
	assert.Empty(t, requireSARIF(t, text).Results)
}

// Roles on one line are told apart by their columns, and those in the template of a
// StackSet by their lines. A template on one long line has no columns beyond a limit.
func TestSARIFPlaces(t *testing.T) {
	t.Chdir(t.TempDir())
	places := func(name, text string) (all [][2]int) {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		log, _ := checked(t, "sarif", name)
		for _, r := range requireSARIF(t, log).Results {
			at := r.Locations[0].PhysicalLocation.Region
			all = append(all, [2]int{at.StartLine, at.StartColumn})
		}
		return all
	}
	assert.Equal(t, [][2]int{{1, 13}, {1, 44}}, places("t.yaml", "Resources: {Ü: {Type: AWS::IAM::Role},     B: {Type: AWS::IAM::Role}}\n"))
	assert.Equal(t, [][2]int{{1, 21}, {1, 53}}, places("t.json", `{"Resources": {"Ü": {"Type": "AWS::IAM::Role"}, "B":{"Type": "AWS::IAM::Role"}}}`))
	body := "Resources:\n  S:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n      TemplateBody: "
	assert.Equal(t, [][2]int{{7, 0}, {8, 0}}, places("set.yaml", body+"|\n        Resources:\n          R: {Type: AWS::IAM::Role}\n          N: {Type: AWS::CloudFormation::Stack}\n"))
	assert.Equal(t, [][2]int{{5, 0}}, places("quoted.yaml", body+`'{"Resources": {"R": {"Type": "AWS::IAM::Role"}}}'`+"\n"))
	assert.Equal(t, [][2]int{{1, 0}}, places("long.json", `{"Description": "`+strings.Repeat("x", 20_000)+`", "Resources": {"R": {"Type": "AWS::IAM::Role"}}}`))
}

// Each rule is explained where its help says.
func TestSARIFHelp(t *testing.T) {
	page, err := os.ReadFile("../docs/troubleshooting.md")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("t.yaml", []byte(unboundRole), 0o600))
	require.NoError(t, os.WriteFile("policy.json", []byte(`{"Version": "2012-10-17", "Statement": []}`), 0o600))
	text, _ := checked(t, "sarif", ".")
	var explained, messages bytes.Buffer
	require.Zero(t, deploy.Run(context.Background(), []string{"explain", "t.yaml", "--policy", "policy.json", "--output", "sarif"}, nil, &explained, &messages), messages.String())
	for _, rule := range slices.Concat(requireSARIF(t, text).Tool.Driver.Rules, requireSARIF(t, explained.String()).Tool.Driver.Rules) {
		_, anchor, _ := strings.Cut(rule.HelpURI, "docs/troubleshooting.md#")
		assert.Equal(t, rule.ID, anchor)
		assert.Contains(t, string(page), `<a id="`+rule.ID+`"></a>`)
		assert.NotContains(t, rule.ShortDescription.Text, "%s")
	}
}

// Code scanning finds a file by its URI, so names are encoded, and relative to
// the working directory however they are given.
func TestSARIFPaths(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "out side.yaml")
	require.NoError(t, os.WriteFile(outside, []byte(unboundRole), 0o600))
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.MkdirAll("my stacks", 0o700))
	for path, want := range map[string]string{
		"100%.yaml":                      "100%25.yaml",
		"a #1.yaml":                      "a%20%231.yaml",
		"stack:prod.yaml":                "stack%3Aprod.yaml",
		"what?.yaml":                     "what%3F.yaml",
		"ü.yaml":                         "%C3%BC.yaml",
		"my stacks/x.yaml":               "my%20stacks/x.yaml",
		"./dotted.yaml":                  "dotted.yaml",
		filepath.Join(dir, "whole.yaml"): "whole.yaml",
		outside:                          "file://" + strings.ReplaceAll(filepath.ToSlash(outside), " ", "%20"),
	} {
		require.NoError(t, os.WriteFile(path, []byte(unboundRole), 0o600))
		text, _ := checked(t, "sarif", path)
		assert.Equal(t, want, requireSARIF(t, text).Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI)
	}
}

// A logical ID cannot put a link into the message.
func TestSARIFMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.yaml")
	require.NoError(t, os.WriteFile(path, []byte("Resources:\n  '[safe](https://example.com) \\':\n    Type: AWS::IAM::Role\n"), 0o600))
	text, _ := checked(t, "sarif", path)
	assert.Contains(t, requireSARIF(t, text).Results[0].Message.Text, `\[safe\](https://example.com) \\ (AWS::IAM::Role)`)
}

// Code scanning and the lines of a pull request take so many findings and no
// more; none is dropped in silence.
func TestManyFindings(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("Resources:\n")
	const roles = 25_010
	for i := range roles {
		fmt.Fprintf(&text, "  R%d: {Type: AWS::IAM::Role}\n", i)
	}
	path := filepath.Join(t.TempDir(), "t.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	log, _ := checked(t, "sarif", path)
	assert.Len(t, requireSARIF(t, log).Results, 25_000)

	log, _ = checked(t, "github", path)
	assert.Equal(t, 10, strings.Count("\n"+log, "\n::error "))
	assert.Equal(t, roles-10, strings.Count("\n"+log, "\nerror: "))
	assert.True(t, strings.HasSuffix(log, "\n25000 more than GitHub shows on the lines\n"))
}
