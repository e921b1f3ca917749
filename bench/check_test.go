//go:build linux

// What pbm check costs, on a project and on real templates.

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/internal/corpus"
	"permissions-boundary-macro/transform/template"
)

const pbm = "../" + built + "/pbm"

// checker measures a program that checks templates and exits with a failure when
// it finds something.
func checker(b *testing.B, name string, cores int, command ...string) {
	b.Run(name, func(b *testing.B) {
		var cpu time.Duration
		var peak int64
		for b.Loop() {
			state := ran(cores, command...)
			require.Contains(b, []int{0, 1, 19}, state.ExitCode(), "cfn-guard exits with 19 when it finds something")
			cpu += cpuTime(state)
			peak = max(peak, state.SysUsage().(*syscall.Rusage).Maxrss<<10)
		}
		report(b, "cpu-ns/op", cpu)
		b.ReportMetric(float64(peak), "peak-B")
	})
}

// ran is what became of a program that was run to its end.
func ran(cores int, command ...string) *os.ProcessState {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), fmt.Sprint("GOMAXPROCS=", cores))
	_ = cmd.Run() // the code tells
	return cmd.ProcessState
}

func cpuTime(state *os.ProcessState) time.Duration { return state.UserTime() + state.SystemTime() }

// pbm check on 2,000 templates of 1 to 40 resources, half of them in YAML.
func BenchmarkProject(b *testing.B) {
	dir := b.TempDir()
	for i := range 2_000 {
		path, text := fmt.Sprintf("%s/%d.json", dir, i), workload.Roles((1+i*7%40)*200, 1+i*7%40/5)
		if i%2 == 0 {
			doc, err := template.Parse(text)
			require.NoError(b, err)
			text, err = doc.Convert(template.YAML)
			require.NoError(b, err)
			path = fmt.Sprintf("%s/%d.yaml", dir, i)
		}
		require.NoError(b, os.WriteFile(path, text, 0o600))
	}
	for cores := 1; cores <= runtime.NumCPU(); cores *= 2 {
		checker(b, fmt.Sprint(cores), cores, pbm, "check", dir)
	}
}

// pbm check on real templates, beside the least that a reader of them must do;
// and on every twentieth in JSON, beside cfn-guard.
func BenchmarkCorpus(b *testing.B) {
	var inYAML, inJSON, some [][]byte
	for _, template := range corpus.Lines[corpusTemplate](b, "yaml-sources.jsonl.gz") {
		inYAML = append(inYAML, []byte(template.Source))
	}
	for i, template := range corpus.Lines[corpusTemplate](b, "templates.jsonl.gz") {
		inJSON = append(inJSON, template.Fragment)
		if i%20 == 0 {
			some = append(some, template.Fragment)
		}
	}
	checker(b, "YAML: pbm check", 1, pbm, "check", write(b, inYAML, ".yaml"))
	inProcess(b, "YAML: go.yaml.in/yaml/v4, to nodes", nil, func() {
		for _, text := range inYAML {
			var node yaml.Node
			_ = yaml.Unmarshal(text, &node) // what is not YAML is read by pbm check, too
		}
	})
	checker(b, "JSON: pbm check", 1, pbm, "check", write(b, inJSON, ".json"))
	inProcess(b, "JSON: jsontext, validation alone", nil, func() {
		for _, text := range inJSON {
			validate(b, text)
		}
	})
	dir := write(b, some, ".json")
	checker(b, "some in JSON: pbm check", 1, pbm, "check", dir)
	architecture := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	guard := "peers/node/node_modules/@cdklabs/cdk-validator-cfnguard/bin/ubuntu/" + architecture + "/cfn-guard"
	checker(b, "some in JSON: cfn-guard, one rule", 1, guard, "validate", "--rules", "peers/boundary.guard", "--data", dir, "--show-summary", "none")
}

// corpusTemplate is a real template: Source is what its author wrote.
type corpusTemplate struct {
	Source   string
	Fragment json.RawMessage
}

// write writes templates as files of a directory.
func write(b *testing.B, texts [][]byte, extension string) string {
	dir := b.TempDir()
	for i, text := range texts {
		require.NoError(b, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)+extension), text, 0o600))
	}
	return dir
}
