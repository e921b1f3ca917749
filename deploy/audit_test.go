package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/fleettest"
)

// setBoundaries fills the Parameter Store of an account and Region.
func setBoundaries(a *fleettest.Account, region string) map[string]string {
	boundaries := map[string]string{}
	for _, environment := range []string{"dev", "prod"} {
		boundaries[environment] = "arn:" + boundary.PartitionOf(region) + ":iam::" + a.ID + ":policy/platform/" + environment
		a.Store(region).Set("/permissions-boundary/"+environment, boundaries[environment])
	}
	return boundaries
}

// fill makes stacks in the account dev, with roles that are all live.
func fill(fake *fleettest.Server, stacks, roles int) *fleettest.Account {
	dev := fake.Account(accounts["dev"])
	dev.Fill(fleettest.Workload{Regions: []string{"eu-west-1"}, Stacks: stacks, Roles: roles, Boundaries: setBoundaries(dev, "eu-west-1")})
	return dev
}

var auditArgs = []string{"audit", "--rate", "0", "--json"}

// audit runs pbm audit in this process.
func audit(t *testing.T, args ...string) (report fleet.Report, code int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = deploy.Run(context.Background(), append(auditArgs[:len(auditArgs):len(auditArgs)], args...), nil, &out, &errs)
	if out.Len() > 0 {
		require.NoError(t, json.Unmarshal(out.Bytes(), &report))
	}
	return report, code, errs.String()
}

// checkSum holds a report against what IAM has: each role once.
func checkSum(t *testing.T, a *fleettest.Account, report fleet.Report) {
	t.Helper()
	var names []string
	sum := 0
	for _, r := range report.Roles {
		names = append(names, r.Name)
		require.Contains(t, fleet.Statuses(), r.Status)
	}
	for _, n := range report.Summary {
		sum += n
	}
	assert.ElementsMatch(t, a.Roles(), names)
	assert.Equal(t, len(names), sum)
}

// statuses are those of the roles of a report, by stack and logical ID, or name.
func statuses(report fleet.Report) map[string]fleet.Status {
	all := map[string]fleet.Status{}
	for _, r := range report.Roles {
		name := r.Stack + "/" + r.LogicalID
		if r.Stack == "" {
			name = r.Name
		}
		all[name] = r.Status
	}
	return all
}

// An account with 2,000 stacks and 20,000 roles: how many calls audits take, and
// how much memory. What has not changed is not read again.
func TestAuditScale(t *testing.T) {
	if isRace {
		t.Skip("measures memory; smaller audits run with the race detector")
	}
	fake := asOperator(t)
	dev := fill(fake, 2000, 10)
	run := func() fleet.Report {
		fake.ForgetCalls()
		pbm := exec.Command("pbm", auditArgs...)
		var out bytes.Buffer
		pbm.Stdout = &out
		require.NoError(t, pbm.Start())
		peak := watchMemory(pbm.Process)
		require.NoError(t, pbm.Wait())
		var report fleet.Report
		require.NoError(t, json.Unmarshal(out.Bytes(), &report))
		t.Logf("%d calls, %v of CPU, %d MiB", len(fake.Calls()), pbm.ProcessState.UserTime()+pbm.ProcessState.SystemTime(), peak()>>20)
		assert.Less(t, peak(), 100<<20)
		return report
	}
	cold := run()
	checkSum(t, dev, cold)
	assert.Equal(t, 20000, cold.Summary[fleet.Live])
	assert.LessOrEqual(t, len(fake.Calls()), 4200)
	warm := run()
	assert.Equal(t, cold, warm)
	assert.LessOrEqual(t, len(fake.Calls()), 110)
	assert.Zero(t, fake.Writes())
}

func nonzero(summary map[fleet.Status]int) map[fleet.Status]int {
	all := map[fleet.Status]int{}
	for status, n := range summary {
		if n > 0 {
			all[status] = n
		}
	}
	return all
}

// An audit that is killed has kept what it read: the next one goes on from there.
func TestAuditKilled(t *testing.T) {
	fake := asOperator(t)
	const stacks, roles = 400, 2
	dev := fill(fake, stacks, roles)
	var killAfter atomic.Int64
	var kill atomic.Pointer[os.Process]
	fake.OnCall(func(c fleettest.Call) {
		if c.Resource != "" && killAfter.Add(-1) == 0 {
			_ = kill.Load().Kill() // it has not ended: it waits for this answer
		}
	})
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	kills := 0
	for {
		pbm := exec.Command("pbm", auditArgs...)
		var out bytes.Buffer
		pbm.Stdout = &out
		killAfter.Store(1 << 32)
		require.NoError(t, pbm.Start())
		kill.Store(pbm.Process)
		killAfter.Store(1 + random.Int64N(200))
		if pbm.Wait() != nil {
			require.False(t, pbm.ProcessState.Exited(), "seed %d", seed)
			kills++
			continue
		}
		var report fleet.Report
		require.NoError(t, json.Unmarshal(out.Bytes(), &report))
		checkSum(t, dev, report)
		assert.Equal(t, stacks*roles, report.Summary[fleet.Live])
		break
	}
	require.GreaterOrEqual(t, kills, 4, "seed %d", seed)
	// Only the stacks that were being read when it was killed are read twice: at most
	// eight each time, with two calls each.
	asked := fake.Count(fleettest.Call{Operation: "ListStackResources"}) + fake.Count(fleettest.Call{Operation: "GetTemplate"})
	assert.LessOrEqual(t, asked-2*stacks, kills*2*8, "seed %d", seed)
}

// Whatever AWS answers, a report says of each role what is known, and nothing that
// is not.
func TestAuditFaults(t *testing.T) {
	const region = "eu-west-1"
	on := func(operation string) fleettest.Call { return fleettest.Call{Operation: operation} }
	for name, c := range map[string]struct {
		faults []fleettest.Fault
		page   map[string]fleettest.Paging
		live   int    // of 60 roles; the rest is unknown, or nothing is reported
		err    string // of the account
	}{
		"pages of one": {live: 60, page: map[string]fleettest.Paging{
			"GetAccountAuthorizationDetails": {Size: 7}, "DescribeStacks": {Size: 1}, "ListStackResources": {Size: 1},
			"ListRegions": {Size: 1},
		}},
		"empty pages": {live: 60, page: map[string]fleettest.Paging{
			"GetAccountAuthorizationDetails": {Size: 9, Empty: true}, "DescribeStacks": {Size: 3, Empty: true}, "ListStackResources": {Size: 1, Empty: true},
		}},
		"throttled now and then": {live: 60, faults: []fleettest.Fault{
			{On: on("ListStackResources"), Every: 7, Times: 1, Code: "Throttling"},
			{On: on("GetTemplate"), Every: 5, Times: 1, Code: "InternalFailure"},
		}},
		"answers cut off": {live: 60, faults: []fleettest.Fault{
			{On: on("ListStackResources"), Every: 9, Times: 2, Cut: true},
			{On: on("GetAccountAuthorizationDetails"), Times: 1, Cut: true},
			{On: on("DescribeStacks"), Times: 1, Cut: true},
		}},
		"a page without its marker": {
			page: map[string]fleettest.Paging{"GetAccountAuthorizationDetails": {Size: 10, LoseMarker: true}},
			err:  "the answer of IAM about the roles of the account cannot be read",
		},
		"no roles": {
			faults: []fleettest.Fault{{On: on("GetAccountAuthorizationDetails"), Code: "AccessDenied"}},
			err:    "not permitted to read the roles of the account: ",
		},
		"no stacks": {
			faults: []fleettest.Fault{{On: on("DescribeStacks"), Code: "AccessDenied"}},
			err:    "not permitted to list the stacks in eu-west-1: ",
		},
		"no resources of some": {
			live:   48,
			faults: []fleettest.Fault{{On: on("ListStackResources"), Every: 5, Code: "AccessDenied"}},
			err:    "4 of 20 stacks in eu-west-1 could not be read: not permitted to list the resources of stack app-",
		},
		"no templates of some": {
			live:   45,
			faults: []fleettest.Fault{{On: on("GetTemplate"), Every: 4, Code: "AccessDenied"}},
			err:    "5 of 20 stacks in eu-west-1 could not be read: not permitted to read the template of stack app-",
		},
		"no values": {
			faults: []fleettest.Fault{{On: on("GetParametersByPath"), Code: "AccessDenied"}},
			err:    "not permitted to list the parameters below /permissions-boundary in eu-west-1: ",
		},
		"no Regions": {
			live:   60,
			faults: []fleettest.Fault{{On: on("ListRegions"), Code: "AccessDenied"}},
		},
		"expired": {
			faults: []fleettest.Fault{{On: on("ListStackResources"), Code: "ExpiredToken"}},
			err:    "the stacks in eu-west-1 could not be read, and pbm stopped after 20: AWS does not accept the credentials to list the resources of stack app-",
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake := asOperator(t)
			dev := fill(fake, 20, 3)
			dev.PutRole(fleettest.Role{Name: "outside"})
			for operation, paging := range c.page {
				fake.Page(operation, paging)
			}
			for _, fault := range c.faults {
				fake.Fail(fault)
			}
			report, code, stderr := audit(t)
			require.Len(t, report.Accounts, 1, stderr)
			if c.err == "" {
				assert.Empty(t, report.Accounts[0].Error)
				assert.Zero(t, code, stderr)
				assert.Equal(t, []string{region}, report.Accounts[0].Regions)
			} else {
				assert.Contains(t, report.Accounts[0].Error, c.err)
				assert.Empty(t, report.Accounts[0].Regions, "none was read completely")
				assert.Equal(t, 1, code)
			}
			assert.Equal(t, c.live, report.Summary[fleet.Live])
			if len(report.Roles) > 0 {
				checkSum(t, dev, report)
				assert.Equal(t, 61-c.live, report.Summary[fleet.Unknown])
			}
			assert.Zero(t, fake.Writes())
		})
	}
}

// firstRole is the first resource of a stack in eu-west-1 that is a role.
func firstRole(a *fleettest.Account, stack string) (int, fleettest.Resource) {
	s, _ := a.Stack("eu-west-1", stack)
	i := slices.IndexFunc(s.Resources, func(r fleettest.Resource) bool { return r.Type == "AWS::IAM::Role" })
	return i, s.Resources[i]
}

// Stacks are deployed and deleted while an audit reads them.
func TestAuditOfChangingStacks(t *testing.T) {
	t.Run("deleted", func(t *testing.T) {
		for _, operation := range []string{"ListStackResources", "GetTemplate"} {
			fake := asOperator(t)
			dev := fill(fake, 4, 2)
			dev.PutRole(fleettest.Role{Name: "outside"})
			var deleted atomic.Bool
			fake.OnCall(func(c fleettest.Call) {
				if c.Operation == operation && !deleted.Swap(true) {
					dev.DeleteStack("eu-west-1", "app-00002")
				}
			})
			report, code, stderr := audit(t, "--all-regions")
			require.Zero(t, code, stderr)
			assert.Equal(t, fleet.Outside, statuses(report)["outside"])
			assert.Equal(t, 1, report.Summary[fleet.Outside])
			assert.Equal(t, 1, nonzero(report.Summary)[fleet.Outside])
		}
	})
	t.Run("deleted behind", func(t *testing.T) {
		fake := asOperator(t)
		dev := fill(fake, 2, 2)
		var deleted atomic.Bool
		fake.OnCall(func(c fleettest.Call) {
			if c.Operation == "ListStackResources" && !deleted.Swap(true) {
				dev.ForgetStack("eu-west-1", "app-00000")
				dev.DeleteStack("eu-west-1", "app-00001")
			}
		})
		report, _, _ := audit(t, "--all-regions")
		for _, r := range report.Roles {
			_, exists := dev.Role(r.Name)
			assert.True(t, exists || r.Status != fleet.Outside, "%+v", r)
		}
	})
	t.Run("a role replaced", func(t *testing.T) {
		fake := asOperator(t)
		dev := fill(fake, 2, 2)
		var replaced atomic.Bool
		fake.OnCall(func(c fleettest.Call) {
			if c.Operation == "ListStackResources" && c.Resource != "" && !replaced.Swap(true) {
				i, resource := firstRole(dev, "app-00001")
				role, _ := dev.Role(resource.PhysicalID)
				dev.DeleteRole(role.Name)
				role.Name = "replacement"
				dev.PutRole(role)
				dev.ChangeStack("eu-west-1", "app-00001", func(s *fleettest.Stack) { s.Resources[i].PhysicalID = role.Name })
			}
		})
		report, code, stderr := audit(t, "--all-regions")
		require.Zero(t, code, stderr)
		assert.Zero(t, report.Summary[fleet.Outside], "the old role is gone")
	})
	t.Run("in progress", func(t *testing.T) {
		fake := asOperator(t)
		dev := fill(fake, 2, 2)
		dev.ChangeStack("eu-west-1", "app-00001", func(s *fleettest.Stack) { s.Status = "UPDATE_IN_PROGRESS" })
		report, _, _ := audit(t)
		require.Equal(t, 4, report.Summary[fleet.Live])
		stack, _ := dev.Stack("eu-west-1", "app-00001")
		changed := stack.Updated
		_, resource := firstRole(dev, "app-00001")
		dev.SetBoundary(resource.PhysicalID, "arn:aws:iam::111122223333:policy/old")
		report, code, stderr := audit(t)
		require.Zero(t, code, stderr)
		assert.Equal(t, 1, report.Summary[fleet.Unknown])
		assert.Equal(t, fleet.Unknown, statuses(report)["app-00001/"+resource.LogicalID])
		dev.PutRole(fleettest.Role{Name: "created"})
		dev.ChangeStack("eu-west-1", "app-00001", func(s *fleettest.Stack) {
			s.Resources = append(s.Resources, fleettest.Resource{LogicalID: "Created", PhysicalID: "created", Type: "AWS::IAM::Role"})
			s.Updated = changed
		})
		report, _, _ = audit(t)
		assert.Contains(t, statuses(report), "app-00001/Created")
		dev.ChangeStack("eu-west-1", "app-00001", func(s *fleettest.Stack) { s.Status = "UPDATE_COMPLETE" })
		report, _, _ = audit(t)
		assert.Equal(t, 1, report.Summary[fleet.Drifted])
	})
}

// What cannot be told of a stack is not told of its roles.
func TestAuditOfUncertainStacks(t *testing.T) {
	const old = "arn:aws:iam::111122223333:policy/old"
	t.Run("the last deployment failed", func(t *testing.T) {
		fake := asOperator(t)
		dev := fill(fake, 2, 2)
		_, resource := firstRole(dev, "app-00001")
		dev.SetBoundary(resource.PhysicalID, old)
		dev.ChangeStack("eu-west-1", "app-00001", func(s *fleettest.Stack) { s.Status = "UPDATE_ROLLBACK_FAILED" })
		report, code, _ := audit(t)
		assert.Equal(t, 1, code)
		assert.Equal(t, map[fleet.Status]int{fleet.Live: 3, fleet.Unknown: 1}, nonzero(report.Summary))
	})
	t.Run("two stacks have a role", func(t *testing.T) {
		fake := asOperator(t)
		dev := fill(fake, 2, 2)
		_, resource := firstRole(dev, "app-00001")
		resource.LogicalID = "Again"
		dev.ChangeStack("eu-west-1", "app-00000", func(s *fleettest.Stack) { s.Resources = append(s.Resources, resource) })
		report, _, _ := audit(t)
		assert.Equal(t, map[fleet.Status]int{fleet.Live: 3, fleet.Unknown: 1}, nonzero(report.Summary))
		checkSum(t, dev, report)
	})
	t.Run("a stack is cleaned up", func(t *testing.T) {
		fake := asOperator(t)
		dev := fill(fake, 2, 2)
		dev.PutRole(fleettest.Role{Name: "replaced"})
		dev.ChangeStack("eu-west-1", "app-00001", func(s *fleettest.Stack) { s.Status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" })
		report, _, _ := audit(t, "--all-regions")
		assert.Equal(t, fleet.Unknown, statuses(report)["replaced"])
	})
	t.Run("deployed meanwhile", func(t *testing.T) {
		fake := asOperator(t)
		dev := fill(fake, 2, 2)
		_, resource := firstRole(dev, "app-00001")
		dev.SetBoundary(resource.PhysicalID, old)
		role, _ := dev.Role(resource.PhysicalID)
		var deployed atomic.Bool
		fake.OnCall(func(c fleettest.Call) {
			if c.Operation == "DescribeStacks" && !deployed.Swap(true) {
				dev.SetBoundary(role.Name, "arn:aws:iam::111122223333:policy/platform/prod")
			}
		})
		report, code, stderr := audit(t)
		assert.Zero(t, code, stderr)
		assert.Equal(t, map[fleet.Status]int{fleet.Live: 4}, nonzero(report.Summary))
	})
	t.Run("deleted before a warm audit lists it", func(t *testing.T) {
		fake := asOperator(t)
		dev := fill(fake, 2, 2)
		audit(t, "--all-regions")
		var deleted atomic.Bool
		fake.OnCall(func(c fleettest.Call) {
			if c.Operation == "DescribeStacks" && !deleted.Swap(true) {
				dev.DeleteStack("eu-west-1", "app-00001")
			}
		})
		report, code, stderr := audit(t, "--all-regions")
		assert.Zero(t, code, stderr)
		assert.Equal(t, map[fleet.Status]int{fleet.Live: 2}, nonzero(report.Summary))
	})
}

// A nested stack is a stack of its own; roles have paths; another partition has
// other ARNs.
func TestAuditShapes(t *testing.T) {
	fake := asOperator(t)
	dev := fake.Account(accounts["dev"])
	arns := setBoundaries(dev, "cn-north-1")
	require.True(t, strings.HasPrefix(arns["dev"], "arn:aws-cn:"))
	parent := dev.PutStack("cn-north-1", fleettest.Stack{
		Name: "parent", Original: `{"Transform":"PermissionsBoundaryMacro","Metadata":{"PermissionsBoundaryMacro":{"Environment":"dev"}},"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`,
		Processed: fmt.Sprintf(`{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"PermissionsBoundary":%q}}}}`, arns["dev"]),
		Resources: []fleettest.Resource{
			{LogicalID: "R", PhysicalID: "with-path", Type: "AWS::IAM::Role"},
			{LogicalID: "Child", PhysicalID: "child", Type: "AWS::CloudFormation::Stack"},
		},
	})
	dev.PutStack("cn-north-1", fleettest.Stack{
		Name: "child", ParentID: parent, RootID: parent, Original: `{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`, Processed: `{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}`,
		Resources: []fleettest.Resource{{LogicalID: "R", PhysicalID: "of-child", Type: "AWS::IAM::Role"}},
	})
	dev.PutRole(fleettest.Role{Name: "with-path", Path: "/service/team/", Boundary: arns["dev"]})
	dev.PutRole(fleettest.Role{Name: "of-child", Boundary: arns["prod"]})
	report, code, stderr := audit(t, "--region", "cn-north-1,cn-northwest-1")
	require.Zero(t, code, stderr)
	checkSum(t, dev, report)
	assert.Equal(t, map[string]fleet.Status{"parent/R": fleet.Live, "child/R": fleet.NoMacro}, statuses(report))
	for _, r := range report.Roles {
		if r.Stack == "child" {
			assert.Equal(t, "the boundary of environment prod; the stack is nested, and needs the macro in its own template", r.Reason)
		} else {
			assert.Equal(t, "arn:aws-cn:iam::111122223333:role/service/team/with-path", r.ARN)
		}
	}
}

// In the accounts of an organization pbm acts in sessions that can only read, and
// begins new ones when theirs expire.
func TestAuditSessions(t *testing.T) {
	fake := asOperator(t)
	prod := fake.Account(accounts["prod"])
	prod.Trust("pbm-auditor", fleettest.Trust{})
	prod.Fill(fleettest.Workload{Regions: []string{"eu-west-1"}, Stacks: 20, Roles: 2, Boundaries: setBoundaries(prod, "eu-west-1")})
	require.NoError(t, os.WriteFile("accounts", []byte(accounts["prod"]), 0o600))
	report, code, stderr := audit(t, "--accounts", "accounts")
	require.Zero(t, code, stderr)
	checkSum(t, prod, report)
	for _, call := range fake.Calls() {
		if call.Account == prod.ID {
			assert.JSONEq(t, fleet.SessionPolicy, call.SessionPolicy, call.Operation)
			assert.Empty(t, call.Code, call.Operation)
			assert.Contains(t, call.Caller, "assumed-role/pbm-auditor/pbm-audit")
		}
	}
	assert.Zero(t, fake.Writes())
}

// The cache is for the user alone, and has no values of parameters and no
// templates.
func TestAuditCache(t *testing.T) {
	fake := asOperator(t)
	dev := fill(fake, 3, 2)
	_, code, stderr := audit(t)
	require.Zero(t, code, stderr)
	path := filepath.Join(os.Getenv("XDG_CACHE_HOME"), "pbm", dev.ID+".eu-west-1.jsonl")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	stack, _ := dev.Stack("eu-west-1", "app-00000")
	for _, p := range stack.Parameters {
		if p.Key != "Environment" {
			assert.NotContains(t, string(text), p.Value)
		}
	}
	assert.NotContains(t, string(text), "Transform")
	assert.NotContains(t, string(text), "Resources")

	t.Run("a stack is deployed", func(t *testing.T) {
		fake.ForgetCalls()
		dev.ChangeStack("eu-west-1", "app-00001", func(*fleettest.Stack) {})
		audit(t)
		assert.Equal(t, 1, fake.Count(fleettest.Call{Operation: "ListStackResources"}))
		assert.Equal(t, 1, fake.Count(fleettest.Call{Operation: "GetTemplate"}))
	})
	t.Run("a value changes", func(t *testing.T) {
		fake.ForgetCalls()
		dev.Store("eu-west-1").Set("/permissions-boundary/prod", "arn:aws:iam::111122223333:policy/platform/other")
		report, code, _ := audit(t)
		assert.Equal(t, 1, code)
		assert.Equal(t, map[fleet.Status]int{fleet.Live: 4, fleet.Lags: 2}, nonzero(report.Summary))
		assert.Zero(t, fake.Count(fleettest.Call{Operation: "ListStackResources"}))
		setBoundaries(dev, "eu-west-1")
	})
	t.Run("fresh", func(t *testing.T) {
		fake.ForgetCalls()
		audit(t, "--fresh")
		assert.Equal(t, 3, fake.Count(fleettest.Call{Operation: "ListStackResources"}))
	})
	t.Run("from the future", func(t *testing.T) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		year := time.Now().Format("2006-")
		require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(text, []byte(`"read":"`+year), []byte(`"read":"9`+year[1:])), 0o600))
		fake.ForgetCalls()
		audit(t)
		assert.Equal(t, 3, fake.Count(fleettest.Call{Operation: "ListStackResources"}))
	})
	t.Run("other settings", func(t *testing.T) {
		fake.ForgetCalls()
		report, _, _ := audit(t, "--macro-name", "Other")
		assert.Equal(t, 6, report.Summary[fleet.NoMacro])
		assert.Equal(t, 3, fake.Count(fleettest.Call{Operation: "ListStackResources"}))
	})
	t.Run("damaged", func(t *testing.T) {
		audit(t)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append([]byte("{\n"), text[:len(text)-10]...), 0o600))
		fake.ForgetCalls()
		report, code, _ := audit(t)
		assert.Zero(t, code)
		assert.Equal(t, 6, report.Summary[fleet.Live])
		assert.Equal(t, 1, fake.Count(fleettest.Call{Operation: "ListStackResources"}))
		fake.ForgetCalls()
		audit(t)
		assert.Zero(t, fake.Count(fleettest.Call{Operation: "ListStackResources"}))
	})
	t.Run("no place for it", func(t *testing.T) {
		t.Setenv("XDG_CACHE_HOME", "/dev/null")
		report, code, stderr := audit(t)
		assert.Zero(t, code)
		assert.Equal(t, 6, report.Summary[fleet.Live])
		assert.Contains(t, stderr, "pbm: warning: what was read cannot be kept for the next audit: ")
	})
}

// Ctrl-C ends an audit at once, and keeps what it has read.
func TestAuditInterrupted(t *testing.T) {
	fake := asOperator(t)
	fill(fake, 200, 1)
	reached := make(chan struct{})
	var calls atomic.Int64
	fake.OnCall(func(c fleettest.Call) {
		if c.Operation == "GetTemplate" && calls.Add(1) == 100 {
			close(reached)
			time.Sleep(time.Second) // the signal comes first
		}
	})
	pbm := exec.Command("pbm", auditArgs...)
	var stderr bytes.Buffer
	pbm.Stderr = &stderr
	require.NoError(t, pbm.Start())
	<-reached
	require.NoError(t, pbm.Process.Signal(os.Interrupt))
	_ = pbm.Wait() // the code tells
	assert.Equal(t, 130, pbm.ProcessState.ExitCode())
	assert.Equal(t, "pbm: error: interrupted\npbm: hint: what was read is kept; run the command again to complete it\n", stderr.String())
	fake.ForgetCalls()
	report, code, _ := audit(t)
	assert.Zero(t, code)
	assert.Equal(t, 200, report.Summary[fleet.Live])
	assert.Less(t, fake.Count(fleettest.Call{Operation: "GetTemplate"}), 120)
}
