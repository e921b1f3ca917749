package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/transform"
)

// All of it runs, in the quick way; peers that are not installed are left out.
func TestMeasure(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("memory of processes is read from /proc, which is not here")
	}
	t.Chdir("..")
	text, err := measure(scales["quick"], t.TempDir())
	require.NoError(t, err)
	for _, want := range []string{"## Targets", "## Transformation", "## Start", "## Warm", "## pbm check", "| bare handler, Go |", "| 100 % roles |"} {
		assert.Contains(t, text, want)
	}
}

// The usual way and the macro do the same to a template of roles alone.
func TestSameJob(t *testing.T) {
	event := workload.Event(workload.Roles(100<<10, 50))
	response, report := transform.Macro{Store: fixed{}}.Respond(context.Background(), event)
	require.NoError(t, report.Err)
	assert.Len(t, report.Changes, 50)
	other, err := usual(event)
	require.NoError(t, err)
	assert.JSONEq(t, string(other), string(response))
}

// Templates have the size that is asked for, and cost what their name says.
func TestShapes(t *testing.T) {
	for _, shape := range workload.Shapes {
		event := workload.Event(shape.Fragment(100 << 10))
		assert.True(t, json.Valid(event), shape.Name)
		assert.InEpsilon(t, 100<<10, len(event), 0.1, shape.Name)
		_, report := transform.Macro{Store: fixed{}}.Respond(context.Background(), event)
		require.NoError(t, report.Err, shape.Name)
		assert.Equal(t, shape.Name != "nothing to do", len(report.Changes) > 0, shape.Name)
	}
}

// Half of a project is JSON, half YAML, and each template has its roles.
func TestProject(t *testing.T) {
	dir := t.TempDir()
	_, err := workload.Project(dir, 10)
	require.NoError(t, err)
	for syntax, pattern := range map[transform.Syntax]string{transform.JSON: "*/*.json", transform.YAML: "*/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		require.Len(t, files, 5)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			template, err := transform.ParseTemplate(text)
			require.NoError(t, err, file)
			assert.Equal(t, syntax, template.Syntax(), file)
			assert.Equal(t, []string{transform.MacroName}, template.Transforms())
			assert.Contains(t, string(template.Fragment()), "AWS::IAM::Role")
		}
	}
}

// A target that is missed says so.
func TestTargets(t *testing.T) {
	d := &document{}
	d.target("one", "within 25 %", 1.2, atMost(1.25))
	d.target("two", "8 times faster", 7.9, atLeast(8))
	text, err := d.whole("a machine", "0.00")
	require.NoError(t, err)
	assert.Contains(t, text, "| one | within 25 % | 1.20 | met |")
	assert.Contains(t, text, "| two | 8 times faster | 7.90 | **not met** |")
	assert.Equal(t, 1, strings.Count(text, "**not met**"))
}

func TestRatio(t *testing.T) {
	a, b := []time.Duration{2, 40, 6}, []time.Duration{1, 10, 3}
	assert.InDelta(t, 2.0, ratio(a, b), 0.001, "pair by pair, so that one bad moment counts once")
	assert.Equal(t, time.Duration(6), median(a))
}

func TestCoresUpTo(t *testing.T) {
	assert.Equal(t, []int{1}, coresUpTo(1))
	assert.Equal(t, []int{1, 2}, coresUpTo(2))
	assert.Equal(t, []int{1, 2, 4, 6}, coresUpTo(6))
}
