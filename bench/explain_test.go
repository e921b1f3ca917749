//go:build linux

// What it costs to find out what a boundary takes from the roles of an account.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/fleet/fleettest"
)

const (
	explainedRoles     = 20_000
	explainedDocuments = 500
	documentsOfRole    = 3
)

// pbm explain of an account of a fake AWS, and of a role that may do everything in a
// template.
func BenchmarkExplain(b *testing.B) {
	server := fleettest.New()
	b.Cleanup(server.Close)
	account := server.Account(auditedAccount)
	texts := make([]string, explainedDocuments)
	for i := range texts {
		texts[i] = workload.InlinePolicy(i)
	}
	for i := range explainedRoles {
		role := fleettest.Role{Name: fmt.Sprintf("role-%05d", i)}
		for n := range documentsOfRole {
			role.Inline = append(role.Inline, fleettest.Policy{Name: fmt.Sprint("policy-", n), Document: texts[(i*7+n*131)%explainedDocuments]})
		}
		account.PutRole(role)
	}
	operate(b, server)
	dir := b.TempDir()
	boundary, administrator := filepath.Join(dir, "boundary.json"), filepath.Join(dir, "administrator.yaml")
	require.NoError(b, os.WriteFile(boundary, []byte(workload.Boundary()), 0o600))
	require.NoError(b, os.WriteFile(administrator, []byte(`
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies: [{PolicyName: all, PolicyDocument: {Version: '2012-10-17', Statement: {Effect: Allow, Action: '*', Resource: '*'}}}]
`), 0o600))
	idle := filepath.Join(dir, "idle.yaml")
	require.NoError(b, os.WriteFile(idle, []byte("Resources: {Role: {Type: AWS::IAM::Role}}"), 0o600))
	explain := func(name string, command ...string) {
		b.Run(name, func(b *testing.B) {
			var cpu time.Duration
			peak := int64(0)
			for b.Loop() {
				state := ran(1, append([]string{pbm, "explain", "--policy", boundary}, command...)...)
				require.Zero(b, state.ExitCode())
				cpu += cpuTime(state)
				peak = max(peak, state.SysUsage().(*syscall.Rusage).Maxrss<<10)
			}
			report(b, "cpu-ns/op", cpu)
			b.ReportMetric(float64(peak), "peak-B")
		})
	}
	explain("roles of an account", "--live")
	explain("a role that may do everything", administrator)
	explain("a role without policies", idle)
}
