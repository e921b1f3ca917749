package deploy_test

import (
	"context"
	"path"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

func fakeOf(ts *testscript.TestScript) *fleettest.Server {
	return ts.Value(fakeKey{}).(*fleettest.Server)
}

// stackCommand is stack PROFILE REGION NAME TEMPLATE [PARAMETER=VALUE]...: a stack is
// deployed, by the macro if the template calls it. With ! the macro refuses it.
func stackCommand(ts *testscript.TestScript, not bool, args []string) {
	profile, region, name := args[0], args[1], args[2]
	cfg, err := client(context.Background(), filepath.Dir(ts.Getenv("AWS_CONFIG_FILE")), ts.Getenv("AWS_ENDPOINT_URL"), profile)
	ts.Check(err)
	cfg.Region = region
	parameters := map[string]string{}
	for _, assignment := range args[4:] {
		key, value, _ := strings.Cut(assignment, "=")
		parameters[key] = value
	}
	settings := transform.Options{DefaultEnvironment: ts.Getenv("DEFAULT_ENVIRONMENT"), Existing: rules.Existing(ts.Getenv("EXISTING_BOUNDARY"))}
	account := fakeOf(ts).Account(accounts[profile])
	account.InstallMacro(region, rules.MacroName, macroIn(cfg, settings))
	err = account.Deploy(region, name, ts.ReadFile(args[3]), parameters, macroIn(cfg, settings))
	if (err != nil) != not {
		ts.Fatalf("deploy %s: %v", name, err)
	}
}

// roleCommand is role PROFILE PATH/NAME [BOUNDARY]: somebody creates a role by hand,
// or changes its boundary. Names may end with *, for the only role that begins so.
func roleCommand(ts *testscript.TestScript, _ bool, args []string) {
	account, boundary := fakeOf(ts).Account(accounts[args[0]]), ""
	if len(args) > 2 {
		boundary = args[2]
	}
	for _, name := range account.Roles() {
		if matched, _ := path.Match(args[1], name); matched {
			account.SetBoundary(name, boundary)
			return
		}
	}
	dir, name := path.Split(args[1])
	account.PutRole(fleettest.Role{Name: name, Path: path.Join("/", dir) + strings.Repeat("/", min(1, len(strings.Trim(dir, "/")))), Boundary: boundary})
}

// trustCommand is trust PROFILE ROLE [EXTERNAL-ID]: a role may be assumed.
func trustCommand(ts *testscript.TestScript, _ bool, args []string) {
	var t fleettest.Trust
	if len(args) > 2 {
		t.ExternalID = args[2]
	}
	fakeOf(ts).Account(accounts[args[0]]).Trust(args[1], t)
}

// organizationCommand is organization PROFILE MEMBER...: the account of a profile
// manages an organization, with a unit that has the accounts of other profiles. One
// with a - in front is suspended.
func organizationCommand(ts *testscript.TestScript, _ bool, args []string) {
	o := fakeOf(ts).Account(accounts[args[0]]).Organization()
	unit := o.AddUnit(o.Root(), "Workloads")
	for _, member := range args[1:] {
		name, suspended := strings.CutPrefix(member, "-")
		state := fleettest.Active
		if suspended {
			state = fleettest.Suspended
		}
		o.AddAccount(unit, accounts[name], name, state)
	}
	ts.Setenv("UNIT", unit)
	ts.Setenv("ROOT", o.Root())
}
