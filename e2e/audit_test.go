package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/fleettest"
)

// What pbm audit says of stacks that the built function has deployed, as they
// change. moto does not move boundaries when stacks are updated, and keeps one
// template for both stages, so AWS is fleettest here.
func TestAudit(t *testing.T) {
	scenario(t, "pbm audit: the examples, a value that is updated, roles changed by hand", func(t *testing.T) string {
		f := newFleet(t)
		for name, value := range map[string]string{"dev": "platform/dev-boundary", "prod": "platform/prod-boundary", "sandbox": ""} {
			f.pbm("env", "add", name, "--permissions-boundary", value)
		}
		f.deployAll()
		live := map[string]fleet.Status{
			"service-dev/ApiRole": fleet.Live, "service-dev/AuditRole": fleet.Live,
			"service-prod/ApiRole": fleet.Live, "service-prod/WorkerRole": fleet.Live, "service-prod/AuditRole": fleet.Live,
			"service-sandbox/ApiRole": fleet.Live, "service-sandbox/AuditRole": fleet.Live,
			"website/CustomS3AutoDeleteObjectsCustomResourceProviderRole3B1BD092": fleet.Live, "website/PublisherRole2C1D4F6A": fleet.Live,
			"orders/ReceiveRole": fleet.Live, "orders/CleanupRole": fleet.Live, "orders/CleanupNightlyRole": fleet.Live,
			"orders/FulfilRole": fleet.Live, "orders/FulfilWeeklyRole": fleet.Live, "orders/FulfilOnOrderRole": fleet.Live,
		}
		require.Equal(t, live, f.audit(""))

		// dev gets another boundary, and somebody changes roles of prod.
		f.pbm("env", "update", "dev", "--permissions-boundary", "platform/dev-boundary-2")
		drifted, removed := f.role("service-prod/AuditRole"), f.role("orders/FulfilRole")
		f.account.SetBoundary(drifted, policy("dev-boundary"))
		f.account.SetBoundary(removed, "")
		changed := maps.Clone(live)
		for _, role := range []string{
			"service-dev/ApiRole", "service-dev/AuditRole",
			"website/CustomS3AutoDeleteObjectsCustomResourceProviderRole3B1BD092", "website/PublisherRole2C1D4F6A",
		} {
			changed[role] = fleet.Lags
		}
		changed["service-prod/AuditRole"], changed["orders/FulfilRole"] = fleet.Drifted, fleet.Unbound
		require.Equal(t, changed, f.audit("lags: 4, drifted: 1, unbound: 1"))

		// Deploying again repairs what lags, and nothing else.
		f.deployAll()
		repaired := maps.Clone(live)
		repaired["service-prod/AuditRole"], repaired["orders/FulfilRole"] = fleet.Drifted, fleet.Unbound
		require.Equal(t, repaired, f.audit("drifted: 1, unbound: 1"))

		// The hints for the rest are commands.
		text, err := try("", f.env, pbmBinary(t), "audit", "--rate", "0")
		require.Error(t, err)
		commands := regexp.MustCompile(`\n +(aws iam put-role-permissions-boundary .*)\n`).FindAllStringSubmatch(text, -1)
		require.Len(t, commands, 2)
		for _, command := range commands {
			run(t, "", f.env, "sh", "-c", command[1])
		}
		require.Equal(t, live, f.audit(""))
		return fmt.Sprintf("%d roles of %d stacks, each with the status that it should have; deploying again and the hints make all live", len(live), len(f.stacks))
	})
}

// auditedFleet is an account at fleettest, with the examples and the built function.
type auditedFleet struct {
	t       *testing.T
	server  *fleettest.Server
	account *fleettest.Account
	macro   *function
	env     []string // of programs for the account
	stacks  []exampleStack
}

// exampleStack is a stack of an example.
type exampleStack struct {
	name, original string
	given          string // the template that goes to the macro: original, or what SAM made of it
	parameters     map[string]string
}

func newFleet(t *testing.T) *auditedFleet {
	server := fleettest.New()
	t.Cleanup(server.Close)
	atFake := []string{
		"AWS_ENDPOINT_URL=" + server.URL, "AWS_ACCESS_KEY_ID=AKIA" + account,
		"XDG_CACHE_HOME=" + t.TempDir(), // where pbm keeps what it read
	}
	f := &auditedFleet{
		t: t, server: server, account: server.Account(account),
		macro: startFunction(t, atFake...), env: environ(atFake...),
	}
	for _, name := range []string{"dev-boundary", "dev-boundary-2", "prod-boundary"} {
		f.account.PutPolicy(policy(name), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	}
	f.account.Store(region).Set("/cdk-bootstrap/hnb659fds/version", "21") // as cdk bootstrap does
	for _, stage := range []string{"dev", "prod", "sandbox"} {
		text := f.example("service-plain.yaml")
		f.stacks = append(f.stacks, exampleStack{"service-" + stage, text, text, map[string]string{"Stage": stage}})
	}
	website, orders := f.example("website-cdk.json"), f.example("orders-sam.yaml")
	f.stacks = append(f.stacks, exampleStack{"website", website, website, nil}, exampleStack{"orders", orders, f.translated(orders), nil})
	return f
}

func (f *auditedFleet) example(name string) string {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join("../examples", name))
	require.NoError(f.t, err)
	return string(text)
}

// translated is a SAM template after SAM's transform, with the macro yet to run:
// fleettest runs no other.
func (f *auditedFleet) translated(text string) string {
	f.t.Helper()
	template, err := transforms.ask(object{"do": "load", "text": text})
	require.NoError(f.t, err)
	require.Equal(f.t, []any{serverless, macroName}, template["Transform"])
	delete(template, "Transform")
	template, err = transforms.ask(object{"do": serverless, "template": template, "parameters": pseudoParameters})
	require.NoError(f.t, err)
	template["Transform"] = macroName
	result, err := json.Marshal(template)
	require.NoError(f.t, err)
	return string(result)
}

// deployAll deploys each stack, with what its template says as the original.
func (f *auditedFleet) deployAll() {
	f.t.Helper()
	for _, s := range f.stacks {
		require.NoError(f.t, f.account.Deploy(region, s.name, s.given, s.parameters, func(event []byte) []byte {
			response, err := f.macro.invoke(event)
			require.NoError(f.t, err)
			return response
		}), s.name)
		f.account.ChangeStack(region, s.name, func(stack *fleettest.Stack) { stack.Original = s.original })
	}
}

// role is the name of a role, given as STACK/LOGICAL-ID.
func (f *auditedFleet) role(place string) string {
	f.t.Helper()
	stack, found := f.account.Stack(region, filepath.Dir(place))
	require.True(f.t, found, place)
	for _, r := range stack.Resources {
		if r.LogicalID == filepath.Base(place) {
			return r.PhysicalID
		}
	}
	require.Fail(f.t, "no such role", place)
	return ""
}

func (f *auditedFleet) pbm(args ...string) {
	f.t.Helper()
	run(f.t, f.t.TempDir(), f.env, pbmBinary(f.t), args...)
}

// audit runs pbm audit, which is to fail with a problem, or with none. It returns
// the statuses of all roles, by STACK/LOGICAL-ID.
func (f *auditedFleet) audit(problem string) map[string]fleet.Status {
	f.t.Helper()
	writes := f.server.Writes()
	out, err := try(f.t.TempDir(), f.env, pbmBinary(f.t), "audit", "--json", "--rate", "0")
	require.Equal(f.t, writes, f.server.Writes(), "an audit writes nothing")
	if problem == "" {
		require.NoError(f.t, err)
	} else {
		require.EqualError(f.t, err, pbmBinary(f.t)+" audit --json: pbm: error: "+problem)
	}
	var report fleet.Report
	require.NoError(f.t, json.Unmarshal([]byte(out), &report))
	require.Len(f.t, f.account.Roles(), len(report.Roles))
	statuses := map[string]fleet.Status{}
	for _, r := range report.Roles {
		statuses[r.Stack+"/"+r.LogicalID] = r.Status
	}
	return statuses
}
