//go:build linux

// What it costs to find out whether boundaries are live.

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
)

const (
	auditedAccount = "111122223333"
	auditedStacks  = 2_000
	auditedRoles   = 10 // of each stack
)

// pbm audit, and the usual way, in one account and Region of a fake AWS. The fake
// is in this process, so that its CPU time does not count.
func BenchmarkAudit(b *testing.B) {
	server := fleettest.New()
	b.Cleanup(server.Close)
	account := server.Account(auditedAccount)
	account.Fill(fleettest.Workload{
		Regions: []string{"eu-west-1"}, Stacks: auditedStacks, Roles: auditedRoles,
		Boundaries: map[string]string{"dev": boundaryARN},
	})
	account.Store("eu-west-1").Set("/permissions-boundary/dev", boundaryARN)
	cache := b.TempDir()
	b.Setenv("XDG_CACHE_HOME", cache)
	operate(b, server)
	reader := func(name string, before func(), command ...string) {
		b.Run(name, func(b *testing.B) {
			var cpu time.Duration
			server.ForgetCalls()
			for b.Loop() {
				before()
				state := ran(1, command...)
				require.Zero(b, state.ExitCode())
				cpu += cpuTime(state)
			}
			report(b, "cpu-ns/op", cpu)
			reportCalls(b, server)
		})
	}
	forget := func() { require.NoError(b, os.RemoveAll(filepath.Join(cache, "pbm"))) }
	audit := []string{pbm, "audit", "--rate", "0", "--fail-on", "lags,drifted,unbound,other,no-macro,outside,unknown"}
	reader("pbm audit, the first", forget, audit...)
	reader("pbm audit, nothing deployed since", func() {}, audit...)
	reader("ListRoles, then GetRole for each role", func() {}, "../"+built+"/roles")
}

// operate has programs that are started be those of an operator of the account.
func operate(b *testing.B, server *fleettest.Server) {
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-west-1", "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": "AKIA" + auditedAccount, "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		b.Setenv(name, value)
	}
}

// reportCalls reports the calls of a run, and how long they take at the usual rate
// of pbm audit, which limits each service by itself.
func reportCalls(b *testing.B, server *fleettest.Server) {
	const perSecond = 8
	byService := map[string]int{}
	most := 0
	for _, call := range server.Calls() {
		require.Empty(b, call.Code, "%+v", call)
		byService[call.Service]++
		most = max(most, byService[call.Service])
	}
	b.ReportMetric(float64(len(server.Calls()))/float64(b.N), "calls/op")
	report(b, "limited-ns/op", time.Duration(most)*time.Second/perSecond)
}
