package deploy_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/transform"
)

// randomFleet is an account to which things happen, with what a reader who saw all
// of them expects of each role.
type randomFleet struct {
	t      *testing.T
	random *rand.Rand
	dev    *fleettest.Account
	macro  func(event []byte) []byte

	present  map[string]string        // boundary of each environment
	deployed map[string]deployedStack // by name
}

type deployedStack struct {
	environment string // empty without the macro
	boundary    string // that it was deployed with
	roles       int
}

func roleOf(stack string, i int) string { return fmt.Sprintf("%s-role-%d", stack, i) }

func (f *randomFleet) pick(names ...string) string { return names[f.random.IntN(len(names))] }

// deploy creates or updates a stack.
func (f *randomFleet) deploy() {
	stack := f.pick("a", "b", "c", "d", "e")
	d := deployedStack{environment: f.pick("dev", "prod", "prod", ""), roles: 1 + f.random.IntN(3)}
	if before, exists := f.deployed[stack]; exists {
		d.environment, d.roles = before.environment, before.roles
	}
	d.boundary = f.present[d.environment]
	body := "Resources:\n"
	for i := range d.roles {
		body += fmt.Sprintf("  Role%d: {Type: AWS::IAM::Role, Properties: {RoleName: %s}}\n", i, roleOf(stack, i))
	}
	if d.environment != "" {
		body += "Transform: {Name: PermissionsBoundaryMacro, Parameters: {Environment: " + d.environment + "}}\n"
	}
	require.NoError(f.t, f.dev.Deploy("eu-west-1", stack, body, nil, f.macro))
	f.deployed[stack] = d
}

// update changes the boundary of an environment.
func (f *randomFleet) update() {
	environment := f.pick("dev", "prod")
	f.present[environment] = "arn:aws:iam::111122223333:policy/" + f.pick("one", "two", "three")
	f.dev.Store("eu-west-1").Set("/permissions-boundary/"+environment, f.present[environment])
}

// change changes a role by hand.
func (f *randomFleet) change() {
	stack := f.pick("a", "b", "c", "d", "e")
	if d := f.deployed[stack]; d.roles > 0 {
		role := roleOf(stack, f.random.IntN(d.roles))
		f.dev.SetBoundary(role, f.pick("", "arn:aws:iam::111122223333:policy/one", "arn:aws:iam::111122223333:policy/other"))
	}
}

// expected is the status of a role of a stack.
func (f *randomFleet) expected(stack, role string) fleet.Status {
	d := f.deployed[stack]
	has, _ := f.dev.Role(role)
	switch want := f.present[d.environment]; {
	case d.environment == "":
		return fleet.NoMacro
	case has.Boundary == want:
		return fleet.Live
	case has.Boundary == "":
		return fleet.Unbound
	case d.boundary == want:
		return fleet.Drifted
	default:
		return fleet.Lags
	}
}

// Whatever happens to an account, each audit says of each role what somebody who
// saw it all would say, also by what earlier audits have read.
func TestAuditGenerated(t *testing.T) {
	fake := asOperator(t)
	seed := rand.Uint64()
	cfg, err := client(context.Background(), os.Getenv("HOME"), fake.URL, "dev")
	require.NoError(t, err)
	f := &randomFleet{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), dev: fake.Account(accounts["dev"]),
		macro:   macroIn(cfg, transform.Options{}),
		present: setBoundaries(fake.Account(accounts["dev"]), "eu-west-1"), deployed: map[string]deployedStack{},
	}
	steps := []func(){f.deploy, f.deploy, f.update, f.change, f.change}
	for i := range 150 {
		steps[f.random.IntN(len(steps))]()
		if f.random.IntN(5) > 0 {
			continue
		}
		report, _, stderr := audit(t)
		for _, r := range report.Roles {
			assert.Equal(t, f.expected(r.Stack, r.Name), r.Status, "seed %d, step %d, %s: %+v", seed, i, stderr, r)
		}
		checkSum(t, f.dev, report)
	}
}
