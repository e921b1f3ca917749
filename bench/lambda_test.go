//go:build linux

// What the whole function costs: its start, invocations and memory.

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/cmd/macro/lambdatest"
	"permissions-boundary-macro/paramstore/ssmtest"
)

const python = "../.venv-bench/bin/python"

// program is a Lambda function that can be started.
type program struct {
	name    string
	command []string
}

var programs = []program{
	{"macro", []string{"../" + built + "/macro"}},
	{"bare handler, Go", []string{"../" + built + "/bare"}},
	{"Node, AWS SDK v3", []string{"node", "peers/node/bootstrap.mjs"}},
	{"Node, in one file", []string{"node", "../" + built + "/bundle.cjs"}},
	{"Python, boto3", []string{python, "peers/python/bootstrap.py"}},
}

// function is a program that runs against a runtime API of its own.
type function struct {
	api *lambdatest.Server
	cmd *exec.Cmd
	log bytes.Buffer
}

// patience is how long a function may take to answer on a busy machine.
const patience = time.Minute

func (p program) launch(b *testing.B, ssm string) *function {
	f := &function{api: lambdatest.New(), cmd: exec.Command(p.command[0], p.command[1:]...)}
	f.api.Timeout = patience
	f.cmd.Env = append(f.api.Environment(ssm), "PATH="+os.Getenv("PATH"))
	f.cmd.Stdout, f.cmd.Stderr = &f.log, &f.log
	require.NoError(b, f.cmd.Start())
	return f
}

func (f *function) invoke(b *testing.B, event []byte) {
	answer, err := f.api.Invoke(event, patience)
	if err != nil {
		require.NoError(b, err, f.log.String())
	}
	require.Equal(b, lambdatest.ResponsePath, answer.Path)
	require.Contains(b, string(answer.Body[:min(len(answer.Body), 1000)])+string(answer.Body[max(0, len(answer.Body)-1000):]), `"success"`)
}

// memory is what Linux says of the process: VmRSS, the memory that it has, or
// VmHWM, the most that it had. In bytes. What it says when the process is gone
// counts the process that started it, too.
func (f *function) memory(b *testing.B, field string) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.cmd.Process.Pid))
	require.NoError(b, err)
	kilobytes, err := strconv.Atoi(string(regexp.MustCompile(field + `:\s+(\d+)`).FindSubmatch(status)[1]))
	require.NoError(b, err)
	return float64(kilobytes << 10)
}

// stop returns the CPU time that the process took.
func (f *function) stop() time.Duration {
	_ = f.cmd.Process.Kill() // it may be gone
	_ = f.cmd.Wait()         // "signal: killed"
	f.api.Close()
	return cpuTime(f.cmd.ProcessState)
}

func newSSM(b *testing.B) *ssmtest.Server {
	server := ssmtest.New()
	b.Cleanup(server.Close)
	server.Set("/permissions-boundary/dev", boundaryARN)
	return server
}

// From exec to the first answer.
func BenchmarkStart(b *testing.B) {
	server := newSSM(b)
	event := workload.Event(workload.Roles(10<<10, 5))
	for _, p := range programs {
		b.Run(p.name, func(b *testing.B) {
			var took, cpu time.Duration
			var peak float64
			for b.Loop() {
				begin := time.Now()
				f := p.launch(b, server.URL)
				f.invoke(b, event)
				took += time.Since(begin)
				peak = f.memory(b, "VmHWM")
				cpu += f.stop()
			}
			report(b, "start-ns/op", took)
			report(b, "cpu-ns/op", cpu)
			b.ReportMetric(peak, "peak-B")
		})
	}
}

// From handing out an event to having the response, in a function that runs.
func BenchmarkWarm(b *testing.B) {
	server := newSSM(b)
	measure := func(name string, p program, event []byte) {
		b.Run(name+"/"+p.name, func(b *testing.B) {
			f := p.launch(b, server.URL)
			defer f.stop()
			f.invoke(b, event)
			peak := f.memory(b, "VmHWM") // of the first event
			before := len(server.Calls())
			for b.Loop() {
				f.invoke(b, event)
			}
			b.ReportMetric(float64(len(server.Calls())-before)/float64(b.N), "ssm/op")
			b.ReportMetric(peak, "peak-B")
		})
	}
	measure("10 KB, nothing to bind", programs[0], workload.Event(workload.Shapes[0].Fragment(10<<10)))
	for _, size := range sizes {
		for _, p := range programs {
			if p.name != "bare handler, Go" { // which binds nothing
				measure(size.name, p, workload.Event(workload.Roles(size.bytes, max(2, size.bytes/5000))))
			}
		}
	}
}

// The memory of one process over many invocations.
func BenchmarkMemory(b *testing.B) {
	f := programs[0].launch(b, newSSM(b).URL)
	defer f.stop()
	event := workload.Event(workload.Roles(10<<10, 2))
	for i := range 5_000 {
		f.invoke(b, event)
		if i == 499 || i == 4_999 {
			b.ReportMetric(f.memory(b, "VmRSS"), fmt.Sprintf("after-%d-B", i+1))
		}
	}
}
