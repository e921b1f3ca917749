//go:build linux

// What the transformation costs, apart from Lambda.

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(200) // as in cmd/macro
	os.Exit(m.Run())
}

const boundaryARN = "arn:aws:iam::111122223333:policy/dev-boundary"

// fixed is a store with one boundary.
type fixed struct{ boundary.Reader }

func (fixed) Effective(_ context.Context, key boundary.Key) (boundary.Record, error) {
	return boundary.Record{Key: key.Own(), Text: boundaryARN}, nil
}

// respond is the macro's way.
func respond(tb testing.TB, event []byte) []byte {
	out, report := transform.Macro{Store: fixed{}}.Respond(context.Background(), event)
	require.NoError(tb, report.Err)
	return out
}

// validate is the least that a reader of JSON must do.
func validate(tb testing.TB, text []byte) {
	_, err := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true)).ReadValue()
	require.NoError(tb, err)
}

// decodeEncode is the usual way in Go.
func decodeEncode(tb testing.TB, event []byte) []byte {
	var request struct {
		RequestID string         `json:"requestId"`
		Fragment  map[string]any `json:"fragment"`
	}
	require.NoError(tb, json.Unmarshal(event, &request))
	for _, r := range request.Fragment["Resources"].(map[string]any) {
		if resource := r.(map[string]any); resource["Type"] == "AWS::IAM::Role" {
			resource["Properties"].(map[string]any)["PermissionsBoundary"] = boundaryARN
		}
	}
	out, err := json.Marshal(map[string]any{"requestId": request.RequestID, "status": "success", "fragment": request.Fragment})
	require.NoError(tb, err)
	return out
}

// The usual way and the macro do the same to a template of roles alone.
func TestSameJob(t *testing.T) {
	event := workload.Event(workload.Roles(100<<10, 50))
	assert.JSONEq(t, string(decodeEncode(t, event)), string(respond(t, event)))
}

// Templates have the size that is asked for, and cost what their name says.
func TestShapes(t *testing.T) {
	for _, shape := range workload.Shapes {
		event := workload.Event(shape.Fragment(100 << 10))
		assert.InEpsilon(t, 100<<10, len(event), 0.1, shape.Name)
		assert.Equal(t, shape.Name != "nothing to do", bytes.Contains(respond(t, event), []byte(boundaryARN)), shape.Name)
	}
}

// inProcess measures the CPU time of this process, on all of its threads: the
// garbage collector counts, and what else runs on the machine does not.
func inProcess(b *testing.B, name string, event []byte, do func()) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		// Nobody pays for another's garbage, nor for memory that its collection gave
		// back.
		runtime.GC()
		for begin := time.Now(); time.Since(begin) < 10*time.Millisecond; {
			do()
		}
		before := ownCPUTime(b)
		for b.Loop() {
			do()
		}
		report(b, "cpu-ns/op", ownCPUTime(b)-before)
		b.ReportMetric(float64(len(event)), "input-B")
	})
}

func ownCPUTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// report reports what all iterations took.
func report(b *testing.B, unit string, took time.Duration) {
	b.ReportMetric(float64(took)/float64(b.N), unit)
}

// 1 MB with 500 roles, by the macro and others.
func BenchmarkEngine(b *testing.B) {
	event := workload.Event(workload.Roles(1<<20, 500))
	inProcess(b, "macro", event, func() { respond(b, event) })
	inProcess(b, "jsontext, validation alone", event, func() { validate(b, event) })
	inProcess(b, "encoding/json.Valid", event, func() { require.True(b, json.Valid(event)) })
	inProcess(b, "encoding/json: decode, loop, encode", event, func() { decodeEncode(b, event) })
	path := filepath.Join(b.TempDir(), "event.json")
	require.NoError(b, os.WriteFile(path, event, 0o600))
	peer(b, "Node: JSON.parse, loop, JSON.stringify", "node", "peers/node/transform.mjs", path)
	peer(b, "Python: json.loads, loop, json.dumps", python, "peers/python/transform.py", path)
}

// peer measures a process that does the job as often as a line on its stdin
// says, and answers with the CPU time that it took in microseconds.
func peer(b *testing.B, name string, command ...string) {
	b.Run(name, func(b *testing.B) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		require.NoError(b, err)
		out, err := cmd.StdoutPipe()
		require.NoError(b, err)
		require.NoError(b, cmd.Start())
		stdout := bufio.NewReader(out)
		do := func(times int) time.Duration {
			_, err := fmt.Fprintln(stdin, times)
			require.NoError(b, err)
			var microseconds, length int64
			_, err = fmt.Fscanln(stdout, &microseconds, &length)
			require.NoError(b, err)
			return time.Duration(microseconds) * time.Microsecond
		}
		do(20) // for the compiler of Node
		var took time.Duration
		for b.Loop() {
			took += do(1)
		}
		report(b, "cpu-ns/op", took)
		require.NoError(b, stdin.Close())
		require.NoError(b, cmd.Wait())
	})
}

var sizes = []struct {
	name  string
	bytes int
}{{"10 KB", 10 << 10}, {"100 KB", 100 << 10}, {"1 MB", 1 << 20}, {"5 MB", 5 << 20}}

func BenchmarkShape(b *testing.B) {
	for _, shape := range workload.Shapes {
		for _, size := range sizes {
			event := workload.Event(shape.Fragment(size.bytes))
			inProcess(b, shape.Name+"/"+size.name+"/macro", event, func() { respond(b, event) })
			inProcess(b, shape.Name+"/"+size.name+"/jsontext", event, func() { validate(b, event) })
		}
	}
}

// Templates that are twice as long as the one before, 20 % roles.
func BenchmarkLength(b *testing.B) {
	for _, kb := range []int{256, 512, 1024, 2048, 4096} {
		event := workload.Event(workload.Shapes[2].Fragment(kb << 10))
		inProcess(b, fmt.Sprint(kb, " KB"), event, func() { respond(b, event) })
	}
}
