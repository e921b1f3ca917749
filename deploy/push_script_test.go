package deploy_test

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/rogpeppe/go-internal/testscript"

	"permissions-boundary-macro/fleet/fleettest"
)

// Scripts in testdata/push have stacks that lag.
func TestPushScripts(t *testing.T) {
	runScripts(t, "push", "")
}

// writesCommand is writes [N]: since it was run last, N calls wrote. Without N it
// only begins to count.
func writesCommand(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) > 0 {
		want, err := strconv.Atoi(args[0])
		ts.Check(err)
		if got := fakeOf(ts).Writes(); got != want {
			ts.Fatalf("%d writes, not %d", got, want)
		}
	}
	fakeOf(ts).ForgetCalls()
}

// change changes a stack of a script as if nobody had deployed it since.
func change(ts *testscript.TestScript, args []string, do func(*fleettest.Stack)) {
	account := fakeOf(ts).Account(accounts[args[0]])
	s, exists := account.Stack(args[1], args[2])
	if !exists {
		ts.Fatalf("there is no stack %s", args[2])
	}
	account.ChangeStack(args[1], args[2], func(changed *fleettest.Stack) {
		changed.Updated = s.Updated
		do(changed)
	})
}

// statusCommand is status PROFILE REGION STACK STATUS.
func statusCommand(ts *testscript.TestScript, _ bool, args []string) {
	change(ts, args, func(s *fleettest.Stack) { s.Status = args[3] })
}

// undeclaredCommand is undeclared PROFILE REGION STACK NAME: the stack has a parameter
// that its template does not declare.
func undeclaredCommand(ts *testscript.TestScript, _ bool, args []string) {
	change(ts, args, func(s *fleettest.Stack) {
		s.Parameters = append(s.Parameters, fleettest.Parameter{Key: args[3], Value: "x"})
	})
}

// padCommand is pad PROFILE REGION STACK LENGTH: the template is longer, by a comment.
func padCommand(ts *testscript.TestScript, _ bool, args []string) {
	length, err := strconv.Atoi(args[3])
	ts.Check(err)
	change(ts, args, func(s *fleettest.Stack) { s.Original += "\n# " + strings.Repeat("x", length) })
}

// deployedCommand is deployed PROFILE REGION STACK OLD NEW: the stack was deployed with
// another text in its processed template than its template has.
func deployedCommand(ts *testscript.TestScript, _ bool, args []string) {
	change(ts, args, func(s *fleettest.Stack) { s.Processed = strings.Replace(s.Processed, args[3], args[4], 1) })
}

// changesetCommand is changeset PROFILE REGION STACK NAME: somebody creates a change
// set that changes the stack's tags.
func changesetCommand(ts *testscript.TestScript, _ bool, args []string) {
	cfg, err := client(context.Background(), filepath.Dir(ts.Getenv("AWS_CONFIG_FILE")), ts.Getenv("AWS_ENDPOINT_URL"), args[0])
	ts.Check(err)
	cfg.Region = args[1]
	ts.Check(newChangeSet(cfg, fakeOf(ts).Account(accounts[args[0]]), args[2], args[3]))
}

// newChangeSet creates a change set that changes the tags of a stack.
func newChangeSet(cfg aws.Config, account *fleettest.Account, stack, name string) error {
	s, _ := account.Stack(cfg.Region, stack)
	in := &cloudformation.CreateChangeSetInput{
		StackName: &stack, ChangeSetName: &name, TemplateBody: &s.Original, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("others")}},
	}
	for _, p := range s.Parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &p.Key, UsePreviousValue: aws.Bool(true)})
	}
	_, err := cloudformation.NewFromConfig(cfg).CreateChangeSet(context.Background(), in)
	return err
}

// bucketCommand is bucket PROFILE REGION NAME: there is a bucket.
func bucketCommand(ts *testscript.TestScript, _ bool, args []string) {
	fakeOf(ts).Account(accounts[args[0]]).CreateBucket(args[1], args[2])
}

// objectsCommand is objects PROFILE BUCKET N: the bucket has N objects.
func objectsCommand(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	if got := fakeOf(ts).Account(accounts[args[0]]).Objects(args[1]); len(got) != want {
		ts.Fatalf("bucket %s has %q", args[1], got)
	}
}

// objectCommand is object PROFILE BUCKET KEY FILE: somebody stores a file.
func objectCommand(ts *testscript.TestScript, _ bool, args []string) {
	fakeOf(ts).Account(accounts[args[0]]).PutObject(args[1], args[2], ts.ReadFile(args[3]))
}

// nestCommand is nest PROFILE REGION PARENT RESOURCE STACK: the stack is that of a
// resource of another one.
func nestCommand(ts *testscript.TestScript, _ bool, args []string) {
	fakeOf(ts).Account(accounts[args[0]]).Nest(args[1], args[2], args[3], args[4])
}

// changesetsCommand is changesets PROFILE REGION N: N change sets are left.
func changesetsCommand(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	if got := fakeOf(ts).Account(accounts[args[0]]).ChangeSets(args[1]); len(got) != want {
		ts.Fatalf("change sets: %+v", got)
	}
}

// healCommand is heal: no call fails any more.
func healCommand(ts *testscript.TestScript, _ bool, _ []string) { fakeOf(ts).Heal() }

// failsCommand is fails PROFILE REGION STACK RESOURCE REASON [stuck]: updates of the
// stack fail at a resource, until the reason is empty. With stuck their rollback fails,
// too.
func failsCommand(ts *testscript.TestScript, _ bool, args []string) {
	fakeOf(ts).Account(accounts[args[0]]).FailUpdates(args[1], args[2], fleettest.UpdateFailure{Resource: args[3], Reason: args[4], Stuck: len(args) > 5})
}

// settingsCommand is settings PROFILE REGION STACK: the stack has settings of all kinds.
func settingsCommand(ts *testscript.TestScript, _ bool, args []string) {
	change(ts, args, func(s *fleettest.Stack) {
		s.Tags = []fleettest.Tag{{Key: "owner", Value: "it's us"}}
		s.NotificationARNs = []string{"arn:aws:sns:eu-west-1:111122223333:deployments"}
		s.Rollback = fleettest.RollbackConfiguration{Minutes: 5, Triggers: []fleettest.RollbackTrigger{
			{ARN: "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:errors", Type: "AWS::CloudWatch::Alarm"},
		}}
	})
}
