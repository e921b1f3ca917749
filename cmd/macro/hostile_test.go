package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/hostile"
)

// largest is the longest template that CloudFormation takes, in bytes. Source:
// CloudFormation quotas.
const largest = 1 << 20

func hostileEvent(fragment string) string {
	return strings.Replace(event("dev", ""), `{"Description":"canary-2","Resources":}`, fragment, 1)
}

// The function answers fragments of the worst shapes, and the next request.
func TestHostile(t *testing.T) {
	f := start(t, ssmServer(t).URL)
	for _, name := range slices.Sorted(maps.Keys(hostile.Fragments)) {
		got := f.invoke(hostileEvent(hostile.Fragments[name](50_000)))
		assert.Equal(t, "5dba79b5", got.RequestID, name)
		assert.Equal(t, got.Status == "failure", got.ErrorMessage != "", name)
	}
	assert.Equal(t, "success", f.invoke(event("dev", role)).Status)
}

// Fragments of the worst shapes, as long as CloudFormation takes them and about
// as long as Lambda takes them, are answered in time and in the memory of
// template.yaml, by a function that is new each time.
func TestLargeHostile(t *testing.T) {
	if os.Getenv("FAULTS") == "" {
		t.Skip("slow: make faults")
	}
	table := "| shape | answer | time, in that of `json.Valid` | memory, in lengths of the input | memory at 5.5 MB, in that of the function |\n|---|---|---|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(hostile.Fragments)) {
		t.Run(name, func(t *testing.T) {
			request := hostileEvent(hostile.Fragments[name](largest - 60_000))
			f := start(t, ssmServer(t).URL)
			require.Equal(t, "success", f.invoke(event("dev", role)).Status)
			idle := f.peakMemory(t)
			got := f.invoke(request)
			peak := f.peakMemory(t)
			assert.Less(t, peak, memorySize(t), "bytes of memory")
			assert.Equal(t, "success", f.invoke(event("dev", role)).Status, "the next request")
			row := fmt.Sprintf("| %s | %s | %.1f | %.1f |", name, got.Status, timeRatio(t, request), float64(peak-idle)/float64(len(request)))

			f = start(t, ssmServer(t).URL)
			got = f.invoke(hostileEvent(hostile.Fragments[name](5_500_000)))
			assert.Equal(t, "5dba79b5", got.RequestID)
			peak = f.peakMemory(t)
			assert.Less(t, peak, memorySize(t), "bytes of memory")
			table += fmt.Sprintf("%s %.2f |\n", row, float64(peak)/float64(memorySize(t)))
			assert.Equal(t, "success", f.invoke(event("dev", role)).Status, "the next request")
		})
	}
	if *update {
		writeTable(t, "hostile", table)
	}
}

// peakMemory is the most memory that the function had so far, in bytes.
func (f *function) peakMemory(t *testing.T) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.pid))
	if err != nil {
		t.Skip("only Linux tells the memory of a process: ", err)
	}
	line := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	require.NotNil(t, line)
	kilobytes, err := strconv.Atoi(string(line[1]))
	require.NoError(t, err)
	return kilobytes << 10
}

// memorySize is that of template.yaml, in bytes.
func memorySize(t *testing.T) int {
	text, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)
	line := regexp.MustCompile(`MemorySize: (\d+)`).FindSubmatch(text)
	require.NotNil(t, line)
	megabytes, err := strconv.Atoi(string(line[1]))
	require.NoError(t, err)
	return megabytes << 20
}

// timeRatio is how much longer the engine takes than a plain validation of the
// same bytes in the same run takes.
func timeRatio(t *testing.T, request string) float64 {
	m := transform.Macro{Store: paramstore.NewFile("../../examples/environments.json")}
	bytes := []byte(request)
	engine := fastest(func() { m.Respond(context.Background(), bytes) })
	valid := fastest(func() { json.Valid(bytes) })
	return float64(engine) / float64(valid)
}

func fastest(do func()) time.Duration {
	best := time.Duration(1<<63 - 1)
	for range 5 {
		begin := time.Now()
		do()
		best = min(best, time.Since(begin))
	}
	return best
}
