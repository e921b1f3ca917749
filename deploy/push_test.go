package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/fleet/push"
	"permissions-boundary-macro/internal/generated"
	"permissions-boundary-macro/transform"
)

const (
	pushRegion  = "eu-west-1"
	boundaryNow = "arn:aws:iam::111122223333:policy/platform/dev-2"
)

// lagging makes stacks of dev in the account dev, and then changes the boundary.
func lagging(t *testing.T, stacks, roles int) (*fleettest.Server, *fleettest.Account) {
	t.Helper()
	fake := asOperator(t)
	dev := fake.Account(accounts["dev"])
	dev.FillLagging(fleettest.Workload{Regions: []string{pushRegion}, Stacks: stacks, Roles: roles, Boundaries: map[string]string{
		"dev": "arn:aws:iam::111122223333:policy/platform/dev",
	}}, map[string]string{"dev": boundaryNow})
	return fake, dev
}

// pushResult is what pbm push prints in JSON.
type pushResult struct {
	Run    string
	Stacks []struct {
		Stack, State, Reason string
		Wave                 int
		Held                 *struct {
			Code, Reason, Remedy string
			Subjects             []string
		}
	}
}

// states are the states of stacks, held ones with their code.
func (r pushResult) states() map[string]string {
	all := map[string]string{}
	for _, s := range r.Stacks {
		all[s.Stack] = s.State
		if s.Held != nil {
			all[s.Stack] += " " + s.Held.Code
		}
	}
	return all
}

// tally counts stacks by state.
func (r pushResult) tally() map[string]int {
	n := map[string]int{}
	for _, state := range r.states() {
		n[state]++
	}
	return n
}

// pushDev runs pbm push dev in this process.
func pushDev(t *testing.T, args ...string) (result pushResult, code int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"push", "dev", "--rate", "0", "--poll", "1ms", "--yes", "--json"}, args...)
	code = deploy.Run(context.Background(), args, nil, &out, &errs)
	if out.Len() > 0 {
		require.NoError(t, json.Unmarshal(out.Bytes(), &result), out.String())
	}
	return result, code, errs.String()
}

// crashPush runs pbm push dev --execute until it crashes at one of its calls.
func crashPush(t *testing.T, fake *fleettest.Server, crash fleettest.Crash, args ...string) {
	t.Helper()
	fake.CrashAt(crash)
	_, code, _ := pushDev(t, append([]string{"--execute"}, args...)...)
	require.Equal(t, 1, code)
	fake.Restart()
}

// stackState is what a push must leave as it is.
type stackState struct {
	Original, Processed string // without boundaries
	Parameters, Tags    string
	Settings            string
}

// statesOf are the stacks of an account as a push must leave them. Boundaries are
// left out.
func statesOf(dev *fleettest.Account, stacks int) map[string]stackState {
	all := map[string]stackState{}
	for i := range stacks {
		name := stackName(i)
		s, _ := dev.Stack(pushRegion, name)
		all[name] = stackState{
			Original: s.Original, Processed: withoutBoundaries(s.Processed),
			Parameters: fmt.Sprint(s.Parameters), Tags: fmt.Sprint(s.Tags),
			Settings: fmt.Sprint(s.Capabilities, s.NotificationARNs, s.Rollback, s.RoleARN),
		}
	}
	return all
}

// stackName is the name of the ith stack of lagging.
func stackName(i int) string { return fmt.Sprintf("app-%05d", i) }

func withoutBoundaries(processed string) string {
	var tree map[string]any
	if json.Unmarshal([]byte(processed), &tree) != nil {
		return processed
	}
	resources, _ := tree["Resources"].(map[string]any)
	for _, r := range resources {
		properties, _ := r.(map[string]any)["Properties"].(map[string]any)
		delete(properties, "PermissionsBoundary")
	}
	text, _ := json.Marshal(tree)
	return string(text)
}

// boundariesOf are the boundaries that the roles of a stack carry.
func boundariesOf(dev *fleettest.Account, stack string) (all []string) {
	s, _ := dev.Stack(pushRegion, stack)
	for _, r := range s.Resources {
		if r.Type == "AWS::IAM::Role" {
			role, _ := dev.Role(r.PhysicalID)
			all = append(all, role.Boundary)
		}
	}
	return all
}

// isLive reports whether all roles of a stack carry the present boundary.
func isLive(dev *fleettest.Account, stack string) bool {
	for _, arn := range boundariesOf(dev, stack) {
		if arn != boundaryNow {
			return false
		}
	}
	return true
}

// 300 stacks in waves, throttled. One rolls back in wave 2, where the run stops. One
// would change more than boundaries, one is updated by somebody else meanwhile, and one
// gets a change set of others. One has settings of all kinds. In the end the right stacks are live, and nothing else
// has changed.
func TestPushOfManyStacks(t *testing.T) {
	const stacks = 300
	fake, dev := lagging(t, stacks, 2)
	dev.FailUpdates(pushRegion, "app-00003", fleettest.UpdateFailure{Reason: "Access denied"})
	moreThanBoundaries(dev, "app-00040")
	dev.ChangeStack(pushRegion, "app-00070", func(s *fleettest.Stack) {
		s.NotificationARNs = []string{"arn:aws:sns:eu-west-1:111122223333:deployments"}
		s.Rollback = fleettest.RollbackConfiguration{Minutes: 5, Triggers: []fleettest.RollbackTrigger{{ARN: "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:errors", Type: "AWS::CloudWatch::Alarm"}}}
		s.RoleARN = "arn:aws:iam::111122223333:role/deployer"
	})
	cfg := clientOfDev(t, fake)
	var updated, created atomic.Bool
	fake.OnCall(func(c fleettest.Call) {
		if c.Operation != "DescribeChangeSet" {
			return
		}
		switch {
		case strings.Contains(c.Resource, "app-00050") && !updated.Swap(true):
			s, _ := dev.Stack(pushRegion, "app-00050")
			assert.NoError(t, dev.Deploy(pushRegion, "app-00050", s.Original, map[string]string{"Environment": "dev", "Secret": "swordfish-2"}, dev.Macro(pushRegion, transform.Options{})))
		case strings.Contains(c.Resource, "app-00060") && !created.Swap(true):
			assert.NoError(t, newChangeSet(cfg, dev, "app-00060", "release-42"))
		}
	})
	before := statesOf(dev, stacks)
	fake.Fail(fleettest.Fault{On: fleettest.Call{Operation: "DescribeChangeSet"}, Every: 9, Times: 2, Code: "Throttling"})

	first, code, stderr := pushDev(t, "--execute")
	assert.Equal(t, 1, code)
	states := first.states()
	assert.Equal(t, "rolled-back", states["app-00003"], stderr)
	assert.LessOrEqual(t, first.tally()["live"], 6, "no later wave was begun")
	assert.Contains(t, stderr, "for the stacks that are not done: pbm push dev --resume="+first.Run)
	assert.Empty(t, dev.ChangeSets(pushRegion))
	assert.NotZero(t, fake.Count(fleettest.Call{Code: "Throttling"}))

	fake.Heal()
	dev.FailUpdates(pushRegion, "app-00003", fleettest.UpdateFailure{})
	second, code, stderr := pushDev(t, "--resume="+first.Run)
	assert.Equal(t, 1, code)
	assert.Equal(t, map[string]int{"live": stacks - 3, "rolled-back": 1, "held other-changes": 1, "held foreign-change-set": 1}, second.tally(), stderr)
	assert.NotZero(t, fake.Count(fleettest.Call{Operation: "ExecuteChangeSet", Code: "InvalidChangeSetStatus"}), "the change set that was outdated was made again")
	after := statesOf(dev, stacks)
	for name, state := range before {
		switch name {
		case "app-00003", "app-00040", "app-00060":
			assert.False(t, isLive(dev, name), name)
		case "app-00050":
			assert.NotEqual(t, state.Parameters, after[name].Parameters, "what others did stays")
			state = after[name]
			fallthrough
		default:
			assert.True(t, isLive(dev, name), name)
		}
		require.Equal(t, state, after[name], name)
	}
	left := dev.ChangeSets(pushRegion)
	require.Len(t, left, 1)
	assert.Equal(t, "release-42", left[0].Name)
	onlyBoundaries(t, dev)

	third, code, stderr := pushDev(t, "--execute")
	assert.Equal(t, map[string]int{"live": 1, "held other-changes": 1, "held foreign-change-set": 1}, third.tally(), stderr)
	assert.Equal(t, 1, code)
	fake.ForgetCalls()
	_, code, _ = pushDev(t, "--execute")
	assert.Equal(t, 1, code, "two are held still")
	assert.Zero(t, fake.Writes(), "nothing is left to deploy")
}

// clientOfDev is what somebody else in the account dev works with.
func clientOfDev(t *testing.T, fake *fleettest.Server) aws.Config {
	t.Helper()
	cfg, err := client(context.Background(), filepath.Dir(os.Getenv("AWS_SHARED_CREDENTIALS_FILE")), fake.URL, "dev")
	require.NoError(t, err)
	return cfg
}

// onlyBoundaries checks that pushes have changed nothing but boundaries.
func onlyBoundaries(t *testing.T, dev *fleettest.Account) {
	t.Helper()
	for _, a := range dev.Applied() {
		require.Equal(t, "/Properties/PermissionsBoundary", a.Path, a)
		require.Equal(t, boundaryNow, a.Value, a)
	}
}

// moreThanBoundaries makes the template of a stack differ from what was deployed.
func moreThanBoundaries(dev *fleettest.Account, stack string) {
	s, _ := dev.Stack(pushRegion, stack)
	updated := s.Updated
	dev.ChangeStack(pushRegion, stack, func(s *fleettest.Stack) {
		s.Processed = strings.Replace(s.Processed, `"Queue":{"Type":"AWS::SQS::Queue"}`, `"Queue":{"Type":"AWS::SQS::Queue","Properties":{"VisibilityTimeout":30}}`, 1)
		s.Updated = updated
	})
}

// TestPushKilled kills pbm at a random call, once before the call takes effect, once
// after. The run that is resumed deploys what is left, once, and leaves nothing behind.
func TestPushKilled(t *testing.T) {
	first, count := generated.Seeds(t, 50)
	kills := 0
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { kills += killPush(t, rand.New(rand.NewPCG(seed, 0))) })
	}
	t.Logf("%d kills", kills)
	assert.GreaterOrEqual(t, kills, int(count))
}

// killPush kills a push up to three times, and returns how often it did.
func killPush(t *testing.T, random *rand.Rand) (kills int) {
	const stacks = 8
	fake, dev := lagging(t, stacks, 2)
	moreThanBoundaries(dev, "app-00001")
	dev.CreateBucket(pushRegion, "templates")
	dev.ChangeStack(pushRegion, "app-00002", func(s *fleettest.Stack) { s.Original += strings.Repeat(" ", 51_200) })
	if random.IntN(2) == 0 {
		dev.FailUpdates(pushRegion, "app-00004", fleettest.UpdateFailure{Reason: "Access denied"})
	}
	var process atomic.Pointer[os.Process]
	crash := func() {
		fake.CrashAt(fleettest.Crash{
			After: 1 + random.IntN(160), Done: random.IntN(2) == 0,
			Kill: func() { _ = process.Load().Kill() }, // it has not ended: it waits for this answer
		})
	}
	push := func(mode string) (killed bool, stderr string) {
		pbm := exec.Command("pbm", "push", "dev", mode, "--rate", "0", "--poll", "1ms", "--yes", "--failures", "1", "--waves", "1,3,rest", "--bucket", "templates")
		if mode == "--resume" {
			pbm.Args = slices.DeleteFunc(pbm.Args, func(arg string) bool { return arg == "--waves" || arg == "1,3,rest" })
		}
		var errs bytes.Buffer
		pbm.Stderr = &errs
		require.NoError(t, pbm.Start())
		process.Store(pbm.Process)
		if kills < 3 {
			crash()
		}
		_ = pbm.Wait()
		return fake.Crashed(), errs.String() // it may have given up before it was killed
	}
	mode, stderr := "--execute", ""
	for killed := true; killed; {
		fake.Restart()
		if killed, stderr = push(mode); killed {
			kills++
		}
		journals, err := filepath.Glob(".pbm/*.jsonl")
		require.NoError(t, err)
		if len(journals) > 0 {
			mode = "--resume"
		}
	}
	fake.Restart()
	assert.Empty(t, dev.ChangeSets(pushRegion), stderr)
	assert.Empty(t, dev.Objects("templates"), stderr)
	onlyBoundaries(t, dev)
	executed := map[string]int{}
	for _, a := range dev.Applied() {
		executed[a.Stack+" "+a.LogicalID]++
	}
	for i := range stacks {
		name := stackName(i)
		s, _ := dev.Stack(pushRegion, name)
		isOther := name == "app-00001" || s.Status == "UPDATE_ROLLBACK_COMPLETE"
		require.Equal(t, !isOther, isLive(dev, name), "%s is %s\n%s", name, s.Status, stderr)
		assert.LessOrEqual(t, executed[name+" Role0"], 1, "%s was deployed twice", name)
	}
	_, code, stderr := pushDev(t, "--resume")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "pbm: error: no unfinished push of dev in .pbm\n")
	return kills
}

// journalPath is where the journal of the only run is.
func journalPath(t *testing.T) string {
	t.Helper()
	journals, err := filepath.Glob(".pbm/*.jsonl")
	require.NoError(t, err)
	require.Len(t, journals, 1)
	return journals[0]
}

// journalText is the journal of the only run.
func journalText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(journalPath(t))
	require.NoError(t, err)
	return string(text)
}

// Before each call that writes, the journal says so: after a crash, AWS is asked about
// all that may have happened. It has no secrets.
func TestPushJournalIsAhead(t *testing.T) {
	fake, dev := lagging(t, 6, 1)
	cfg := clientOfDev(t, fake)
	states := map[string]string{"CreateChangeSet": "creating", "ExecuteChangeSet": "executing", "DeleteChangeSet": "deleting"}
	var mu sync.Mutex
	seen := map[string]int{}
	var created atomic.Bool
	fake.OnCall(func(c fleettest.Call) {
		if c.Operation == "DescribeChangeSet" && strings.Contains(c.Resource, "app-00002") && !created.Swap(true) {
			assert.NoError(t, newChangeSet(cfg, dev, "app-00002", "release-42")) // so that the push deletes its own
		}
		if states[c.Operation] == "" || c.Resource == "app-00002" {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		seen[c.Operation]++
		last := ""
		for line := range strings.Lines(journalText(t)) {
			if strings.Contains(line, c.Resource) && strings.HasPrefix(line, `{"entry":`) {
				last = line
			}
		}
		assert.Contains(t, last, `"state":"`+states[c.Operation]+`"`, c.Operation)
	})
	_, code, stderr := pushDev(t, "--execute")
	assert.Equal(t, 1, code)
	assert.Equal(t, map[string]int{"CreateChangeSet": 6, "ExecuteChangeSet": 5, "DeleteChangeSet": 1}, seen, stderr)
	for _, secret := range []string{"swordfish", "AssumeRolePolicyDocument", "orders"} {
		assert.NotContains(t, journalText(t), secret)
	}
}

// A role that does not carry the boundary after the deployment is not live.
func TestPushBehind(t *testing.T) {
	fake, dev := lagging(t, 3, 2)
	fake.OnCall(func(c fleettest.Call) {
		if s, _ := dev.Stack(pushRegion, "app-00000"); c.Operation == "GetAccountAuthorizationDetails" && s.Status == "UPDATE_COMPLETE" {
			dev.SetBoundary(s.Resources[1].PhysicalID, "arn:aws:iam::aws:policy/PowerUserAccess")
		}
	})
	result, code, stderr := pushDev(t, "--execute")
	assert.Equal(t, 1, code, stderr)
	assert.Equal(t, map[string]string{"app-00000": "behind", "app-00001": "planned", "app-00002": "planned"}, result.states())
	assert.Contains(t, result.Stacks[0].Reason, "these roles do not carry the boundary: app-00000-Role0-")
}

// IAM may show the new boundary a while after CloudFormation has set it.
func TestPushReadsRolesAgain(t *testing.T) {
	fake, dev := lagging(t, 2, 1)
	const old = "arn:aws:iam::111122223333:policy/platform/dev"
	reads := 0
	fake.OnCall(func(c fleettest.Call) {
		s, _ := dev.Stack(pushRegion, "app-00000")
		if c.Operation != "GetAccountAuthorizationDetails" || s.Status != "UPDATE_COMPLETE" {
			return
		}
		shown := old
		if reads++; reads > 3 {
			shown = boundaryNow
		}
		dev.SetBoundary(s.Resources[1].PhysicalID, shown)
	})
	result, code, stderr := pushDev(t, "--execute", "--waves", "1")
	assert.Equal(t, 1, code, "wave 1 of 2 stacks")
	assert.Equal(t, map[string]string{"app-00000": "live", "app-00001": "planned"}, result.states(), stderr)
}

// After a crash in front of an execution, others have made a change set, which the
// execution would delete: the stack is held.
func TestPushResumedBesideChangeSet(t *testing.T) {
	fake, dev := lagging(t, 1, 1)
	crashPush(t, fake, fleettest.Crash{On: fleettest.Call{Operation: "ExecuteChangeSet"}, After: 1})
	dev.PutChangeSet(pushRegion, "app-00000", "release-42")
	result, code, stderr := pushDev(t, "--resume")
	assert.Equal(t, 1, code, stderr)
	assert.Equal(t, map[string]string{"app-00000": "held foreign-change-set"}, result.states())
	left := dev.ChangeSets(pushRegion)
	require.Len(t, left, 1)
	assert.Equal(t, "release-42", left[0].Name)
	assert.Empty(t, dev.Applied())
}

// A change set that a deployment has outdated cannot be executed any more, so it holds
// no stack.
func TestPushBesideObsoleteChangeSet(t *testing.T) {
	fake, dev := lagging(t, 1, 1)
	id := dev.PutChangeSet(pushRegion, "app-00000", "release-41")
	s, _ := dev.Stack(pushRegion, "app-00000")
	require.NoError(t, dev.Deploy(pushRegion, "app-00000", s.Original, map[string]string{"Environment": "dev", "Secret": "swordfish-2"}, dev.Macro(pushRegion, transform.Options{})))
	out, err := cloudformation.NewFromConfig(clientOfDev(t, fake)).DescribeChangeSet(t.Context(), &cloudformation.DescribeChangeSetInput{ChangeSetName: &id})
	require.NoError(t, err)
	require.Equal(t, types.ExecutionStatusObsolete, out.ExecutionStatus)
	setBoundary(t, fake, dev, "arn:aws:iam::111122223333:policy/platform/dev-3")

	result, code, stderr := pushDev(t, "--execute")
	assert.Zero(t, code, stderr)
	assert.Equal(t, map[string]int{"live": 1}, result.tally(), stderr)
}

// No template goes to a bucket of another account, also if that lets everybody write.
func TestPushBucketOfOthers(t *testing.T) {
	fake, dev := lagging(t, 1, 1)
	fake.Account(accounts["prod"]).CreateBucket(pushRegion, "templates")
	fake.Account(accounts["prod"]).OpenBucket("templates")
	dev.ChangeStack(pushRegion, "app-00000", func(s *fleettest.Stack) { s.Original += strings.Repeat(" ", 51_200) })
	result, code, stderr := pushDev(t, "--execute", "--bucket", "templates")
	assert.Equal(t, 1, code)
	assert.Equal(t, map[string]int{"failed": 1}, result.tally(), stderr)
	assert.Contains(t, result.Stacks[0].Reason, "not permitted to write to bucket templates in eu-west-1", stderr)
	assert.Empty(t, fake.Account(accounts["prod"]).Objects("templates"))
}

// A run that is resumed knows its bucket. One that was mistyped can be corrected.
func TestPushResumedWithBucket(t *testing.T) {
	for name, tc := range map[string]struct{ begun, resumed []string }{
		"of the run": {[]string{"--bucket", "templates"}, nil},
		"corrected":  {[]string{"--bucket", "template"}, []string{"--bucket", "templates"}},
	} {
		t.Run(name, func(t *testing.T) {
			fake, dev := lagging(t, 1, 1)
			dev.CreateBucket(pushRegion, "templates")
			dev.ChangeStack(pushRegion, "app-00000", func(s *fleettest.Stack) { s.Original += strings.Repeat(" ", 51_200) })
			fake.Fail(fleettest.Fault{On: fleettest.Call{Operation: "CreateChangeSet"}, Times: 1, Code: "AccessDenied"})
			_, code, stderr := pushDev(t, append(tc.begun, "--execute")...)
			assert.Equal(t, 1, code, stderr)
			fake.Heal()
			_, code, stderr = pushDev(t, append(tc.resumed, "--resume")...)
			assert.Zero(t, code, stderr)
			assert.True(t, isLive(dev, "app-00000"))
			assert.Empty(t, dev.Objects("templates"))
		})
	}
}

// A run that is resumed takes it from the stack whether a change set was executed that
// is not there any more.
func TestPushResumesWithoutChangeSet(t *testing.T) {
	for name, done := range map[string]bool{"executed": true, "not executed": false} {
		t.Run(name, func(t *testing.T) {
			fake, dev := lagging(t, 1, 1)
			crashPush(t, fake, fleettest.Crash{On: fleettest.Call{Operation: "ExecuteChangeSet"}, After: 1, Done: done})
			fake.Fail(fleettest.Fault{On: fleettest.Call{Operation: "DescribeChangeSet"}, Times: 1, Code: "ChangeSetNotFound"})
			result, code, stderr := pushDev(t, "--resume")
			require.Zero(t, code, stderr)
			assert.Equal(t, map[string]int{"live": 1}, result.tally())
			assert.Len(t, dev.Applied(), 1)
			assert.Empty(t, dev.ChangeSets(pushRegion))
		})
	}
}

// setBoundary stores another boundary of dev.
func setBoundary(t *testing.T, fake *fleettest.Server, dev *fleettest.Account, arn string) {
	t.Helper()
	require.NoError(t, putParameter(context.Background(), clientOfDev(t, fake), "/permissions-boundary/dev", arn))
}

// The boundary is taken back while a run is dead that has created and executed change
// sets. The run that is resumed deploys nothing more, and leaves nothing behind.
func TestPushResumedWithAnotherBoundary(t *testing.T) {
	const before, stacks = "arn:aws:iam::111122223333:policy/platform/dev", 12
	for name, tc := range map[string]struct {
		operation string
		live      int // what CloudFormation was told to deploy
	}{"CreateChangeSet": {"CreateChangeSet", 1}, "ExecuteChangeSet": {"ExecuteChangeSet", 2}} {
		t.Run(name, func(t *testing.T) {
			fake, dev := lagging(t, stacks, 2)
			crashPush(t, fake, fleettest.Crash{On: fleettest.Call{Operation: tc.operation}, After: 2, Done: true}, "--concurrency", "1")
			run := strings.TrimSuffix(strings.TrimPrefix(journalPath(t), ".pbm/push-"), ".jsonl")
			setBoundary(t, fake, dev, before)
			fake.ForgetCalls()

			result, code, stderr := pushDev(t, "--resume")
			assert.Equal(t, 1, code)
			assert.Equal(t, map[string]int{"live": tc.live, "held boundary-changed": stacks - tc.live}, result.tally())
			assert.Contains(t, stderr, "pbm: error: dev has another boundary ("+before+") than when run "+run+" began ("+boundaryNow+"); nothing more was deployed\n"+
				"pbm: hint: for a push of "+before+": pbm push dev --poll 1ms --rate 0\n")
			assert.Zero(t, fake.Count(fleettest.Call{Operation: "CreateChangeSet"}))
			assert.Zero(t, fake.Count(fleettest.Call{Operation: "ExecuteChangeSet"}))
			assert.Empty(t, dev.ChangeSets(pushRegion))
			assert.Len(t, dev.Applied(), tc.live*2)

			_, code, stderr = pushDev(t, "--execute")
			assert.Zero(t, code, stderr)
			for i := range stacks {
				assert.Equal(t, []string{before, before}, boundariesOf(dev, stackName(i)))
			}
		})
	}
}

// The boundary is taken back in the middle of a wave: what is deployed is deployed, and
// the rest is held for that.
func TestPushWhileBoundaryChanges(t *testing.T) {
	const before, stacks = "arn:aws:iam::111122223333:policy/platform/dev", 12
	for name, now := range map[string]string{"back": before, "on": "arn:aws:iam::111122223333:policy/platform/dev-3"} {
		t.Run(name, func(t *testing.T) {
			fake, dev := lagging(t, stacks, 1)
			fake.OnCall(func(c fleettest.Call) {
				if c.Operation == "CreateChangeSet" && fake.Count(fleettest.Call{Operation: "CreateChangeSet"}) == 3 {
					fake.OnCall(nil)
					setBoundary(t, fake, dev, now)
				}
			})
			result, code, stderr := pushDev(t, "--execute", "--concurrency", "1")
			assert.Equal(t, 1, code)
			assert.Equal(t, map[string]int{"live": 2, "held boundary-changed": stacks - 2}, result.tally(), stderr)
			assert.Contains(t, stderr, "pbm: error: dev has another boundary ("+now+") than when run ")
			assert.Equal(t, 3, fake.Count(fleettest.Call{Operation: "CreateChangeSet"}))
			assert.Empty(t, dev.ChangeSets(pushRegion))
			onlyBoundaries(t, dev)
			result, code, stderr = pushDev(t, "--resume")
			assert.Equal(t, 1, code)
			assert.Empty(t, result.Stacks, "the run has ended: %s", stderr)
		})
	}
}

// The boundary is taken back when the change set of the last stack has passed the gate.
func TestPushWhileBoundaryChangesAtLast(t *testing.T) {
	fake, dev := lagging(t, 1, 1)
	isJudged := false
	fake.OnCall(func(c fleettest.Call) {
		switch {
		case c.Operation == "GetTemplate" && len(dev.ChangeSets(pushRegion)) > 0:
			isJudged = true
		case c.Operation == "ListChangeSets" && isJudged:
			fake.OnCall(nil)
			setBoundary(t, fake, dev, "arn:aws:iam::111122223333:policy/platform/dev")
		}
	})
	result, code, stderr := pushDev(t, "--execute")
	assert.True(t, isJudged)
	assert.Equal(t, 1, code)
	assert.Equal(t, map[string]int{"held boundary-changed": 1}, result.tally(), stderr)
	assert.Empty(t, dev.Applied())
	assert.Empty(t, dev.ChangeSets(pushRegion))
}

// A run that is resumed after the boundary was changed makes no call that may fail
// before it has deleted the change sets of the old one.
func TestPushResumedWithAnotherBoundaryAndFaults(t *testing.T) {
	fake, dev := lagging(t, 1, 1)
	crashPush(t, fake, fleettest.Crash{On: fleettest.Call{Operation: "ExecuteChangeSet"}, After: 1})
	setBoundary(t, fake, dev, "arn:aws:iam::111122223333:policy/platform/dev-3")
	fake.Fail(fleettest.Fault{On: fleettest.Call{Operation: "ListChangeSets"}, Code: "AccessDenied"})
	result, code, stderr := pushDev(t, "--resume")
	assert.Equal(t, 1, code)
	assert.Equal(t, map[string]int{"held boundary-changed": 1}, result.tally(), stderr)
	assert.Empty(t, dev.ChangeSets(pushRegion))
}

// A run that is resumed without credentials says so, and not that the account is wrong.
func TestPushResumedWithoutCredentials(t *testing.T) {
	fake, dev := lagging(t, 1, 1)
	crashPush(t, fake, fleettest.Crash{On: fleettest.Call{Operation: "CreateChangeSet"}, After: 1, Done: true})
	fake.Fail(fleettest.Fault{On: fleettest.Call{Operation: "GetCallerIdentity"}, Code: "ExpiredToken"})
	_, code, stderr := pushDev(t, "--resume")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "ExpiredToken")
	assert.NotContains(t, stderr, "not among the accounts")
	fake.Heal()
	_, code, stderr = pushDev(t, "--resume")
	assert.Zero(t, code, stderr)
	assert.Empty(t, dev.ChangeSets(pushRegion))
}

// While a push is under way, another one of the same environment deploys nothing.
func TestPushBesideAnother(t *testing.T) {
	fake, _ := lagging(t, 2, 1)
	var second pushResult
	var code int
	var stderr, planStderr string
	fake.OnCall(func(c fleettest.Call) {
		if c.Operation == "ExecuteChangeSet" {
			fake.OnCall(nil)
			second, code, stderr = pushDev(t, "--execute")
			_, _, planStderr = pushDev(t, "--dry-run")
		}
	})
	first, firstCode, firstStderr := pushDev(t, "--execute")
	assert.Zero(t, firstCode, firstStderr)
	assert.Equal(t, map[string]int{"live": 2}, first.tally())
	assert.Equal(t, 1, code)
	assert.Empty(t, second.Run)
	assert.Contains(t, stderr, "pbm: error: another push of dev is under way: another process keeps the lock\npbm: hint: wait for it; .pbm/environment-dev.lock is its lock\n")
	assert.Contains(t, planStderr, "pbm: warning: another push of dev is under way, and may deploy stacks of this plan\npbm: hint: plan again when it has ended\n")
	assert.NotContains(t, planStderr, "unfinished")
	assert.Len(t, journalPath(t), len(".pbm/push-20060102-150405-01234567.jsonl"))
}

// The waves are over, and a stack is under way when the run dies: what became of it is
// found out before the run ends, and no more is deployed than the waves have.
func TestPushEndsWhatIsBegun(t *testing.T) {
	for name, done := range map[string]bool{"executed": true, "not executed": false} {
		t.Run(name, func(t *testing.T) {
			fake, dev := lagging(t, 3, 1)
			s, _ := dev.Stack(pushRegion, "app-00000")
			fake.Fail(fleettest.Fault{On: fleettest.Call{Operation: "CreateChangeSet", Resource: s.ID}, Code: "AccessDenied"})
			crashPush(t, fake, fleettest.Crash{On: fleettest.Call{Operation: "ExecuteChangeSet"}, After: 1, Done: done}, "--failures", "1", "--waves", "1")
			fake.Heal()
			result, code, stderr := pushDev(t, "--resume", "--failures", "1")
			assert.Equal(t, 1, code)
			assert.Equal(t, map[string]int{"live": 1, "planned": 2}, result.tally(), stderr)
			assert.Empty(t, dev.ChangeSets(pushRegion))
			_, code, stderr = pushDev(t, "--resume")
			assert.Contains(t, stderr, "no unfinished push", "the run has ended: %d", code)
		})
	}
}

// CloudFormation refuses to execute a change set: it is deleted, and made again by the
// run that is resumed.
func TestPushExecutionRefused(t *testing.T) {
	for _, refusal := range []string{"InsufficientCapabilitiesException", "TokenAlreadyExistsException", "ValidationError"} {
		t.Run(refusal, func(t *testing.T) {
			fake, dev := lagging(t, 2, 1)
			fake.Fail(fleettest.Fault{On: fleettest.Call{Operation: "ExecuteChangeSet"}, Code: refusal, Message: "refused", Times: 1})
			result, code, stderr := pushDev(t, "--execute")
			assert.Equal(t, 1, code)
			assert.Equal(t, map[string]int{"failed": 1, "planned": 1}, result.tally(), stderr)
			assert.Empty(t, dev.ChangeSets(pushRegion))
			result, code, stderr = pushDev(t, "--resume")
			assert.Zero(t, code, stderr)
			assert.Equal(t, map[string]int{"live": 2}, result.tally())
		})
	}
}

// After a crash in front of an execution, the deployment of others is not taken for
// that of the run.
func TestPushAfterDeploymentOfOthers(t *testing.T) {
	fake, dev := lagging(t, 1, 1)
	crashPush(t, fake, fleettest.Crash{On: fleettest.Call{Operation: "ExecuteChangeSet"}, After: 1})
	id := dev.PutChangeSet(pushRegion, "app-00000", "release-42")
	_, err := cloudformation.NewFromConfig(clientOfDev(t, fake)).ExecuteChangeSet(context.Background(), &cloudformation.ExecuteChangeSetInput{ChangeSetName: &id})
	require.NoError(t, err)
	dev.Settle()
	executed := fake.Count(fleettest.Call{Operation: "ExecuteChangeSet"})
	result, code, stderr := pushDev(t, "--resume")
	assert.Zero(t, code, stderr)
	assert.Equal(t, map[string]int{"live": 1}, result.tally())
	assert.Equal(t, executed+1, fake.Count(fleettest.Call{Operation: "ExecuteChangeSet"}), "%v %s", boundariesOf(dev, "app-00000"), stderr)
}

// Others deploy a stack when the run comes to it: it is held for its status.
func TestPushOfBusyStack(t *testing.T) {
	fake, dev := lagging(t, 2, 1)
	fake.OnCall(func(c fleettest.Call) {
		if c.Operation == "CreateChangeSet" {
			fake.OnCall(nil)
			dev.ChangeStack(pushRegion, "app-00000", func(s *fleettest.Stack) { s.Status = "UPDATE_IN_PROGRESS" })
		}
	})
	result, code, stderr := pushDev(t, "--execute")
	assert.Equal(t, 1, code)
	assert.Equal(t, map[string]string{"app-00000": "held stack-status", "app-00001": "live"}, result.states(), stderr)
}

// The sessions of a plan cannot write.
func TestPushSessions(t *testing.T) {
	fake, _ := lagging(t, 1, 1)
	fake.Account(accounts["prod"]).Trust("pbm-pusher", fleettest.Trust{})
	require.NoError(t, os.WriteFile("accounts.txt", []byte(accounts["prod"]), 0o600))
	for policy, mode := range map[string]string{push.PlanSession.Policy: "--dry-run", push.RunSession.Policy: "--execute"} {
		fake.ForgetCalls()
		pushDev(t, "--accounts", "accounts.txt", mode)
		inSession := fake.Count(fleettest.Call{Account: accounts["prod"], Service: "iam", SessionPolicy: policy})
		assert.NotZero(t, inSession, mode)
		assert.Equal(t, inSession, fake.Count(fleettest.Call{Account: accounts["prod"], Service: "iam"}), mode)
	}
}

// Whatever fails, once or until it is corrected: the run that is resumed comes to the
// same end, and nothing is left behind.
func TestPushFaults(t *testing.T) {
	const stacks = 3
	for _, operation := range []string{
		"CreateChangeSet", "DeleteChangeSet", "DescribeChangeSet", "DescribeStacks", "ExecuteChangeSet", "GetAccountAuthorizationDetails", "GetTemplate", "ListChangeSets", "PutObject", "DeleteObject",
	} {
		for name, fault := range map[string]fleettest.Fault{
			"denied":  {Code: "AccessDenied"},
			"expired": {Code: "ExpiredToken"},
			"cut off": {Cut: true, Times: 1},
		} {
			t.Run(operation+" "+name, func(t *testing.T) {
				fake, dev := lagging(t, stacks, 1)
				dev.CreateBucket(pushRegion, "templates")
				for i := range stacks {
					dev.ChangeStack(pushRegion, stackName(i), func(s *fleettest.Stack) { s.Original += strings.Repeat(" ", 51_200) })
				}
				fake.OnCall(func(c fleettest.Call) { // the plan is made; what fails is the run
					if c.Operation == "CreateChangeSet" || c.Operation == "PutObject" {
						fake.OnCall(nil)
						fault.On = fleettest.Call{Operation: operation}
						fake.Fail(fault)
					}
				})
				_, code, stderr := pushDev(t, "--execute", "--bucket", "templates")
				if fault.Cut || operation == "DeleteChangeSet" { // which nothing calls if all goes well
					assert.Zero(t, code, stderr)
				} else {
					assert.Equal(t, 1, code, stderr)
				}
				fake.Heal()
				if code != 0 {
					result, code, stderr := pushDev(t, "--resume")
					assert.Zero(t, code, stderr)
					assert.Equal(t, map[string]int{"live": stacks}, result.tally(), stderr)
				}
				for i := range stacks {
					assert.True(t, isLive(dev, stackName(i)))
				}
				assert.Empty(t, dev.ChangeSets(pushRegion))
				assert.Empty(t, dev.Objects("templates"))
				assert.Len(t, dev.Applied(), stacks, "each once")
				onlyBoundaries(t, dev)
			})
		}
	}
}
