package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/internal/awserror"
)

// maxAttempts is how many change sets of a stack a run makes in a row, if others deploy
// the stack at the same time.
const maxAttempts = 3

// deploy deploys a stack.
func (x *execution) deploy(ctx context.Context, s Stack) {
	d := deployment{Stack: s, client: x.Client(s.Account, s.Region), run: x.Header.Run, name: changeSetPrefix + x.Header.Run, pause: x.pause}
	switch err := x.advance(ctx, d); {
	case err == nil, errors.Is(err, errStopped):
	case errors.Is(err, fleet.ErrGone):
		if err := x.removeObject(ctx, d); err != nil {
			x.fail(s, err)
			return
		}
		x.finish(s, Gone, nil, "")
	default:
		if x.Last(s.ID).State == Creating {
			_ = x.drop(ctx, d, "", nil) // the other error counts; the run that is resumed tries it again
		}
		x.fail(s, err)
	}
}

// advance deploys a stack from where the journal says that it is.
func (x *execution) advance(ctx context.Context, d deployment) error {
	last := x.Last(d.ID)
	d.attempt = last.Attempt
	switch last.State {
	case Executing:
		if done, err := x.settle(ctx, d, last); done || err != nil {
			return err
		}
		d.attempt++
	case Deleting:
		if err := x.drop(ctx, d, last.Then, last.Hold); last.Then != "" || err != nil {
			return err
		}
		d.attempt++
	}
	for range maxAttempts {
		switch {
		case x.hasMoved():
			return x.drop(ctx, d, WasHeld, held(BoundaryChanged))
		case x.isOver:
			return x.drop(ctx, d, "", nil)
		case x.isStopped():
			return errStopped
		}
		if done, err := x.attempt(ctx, d); done || err != nil {
			return err
		}
		d.attempt++
	}
	x.finish(d.Stack, WasHeld, held(KeepsChanging), "")
	return nil
}

// attempt deploys a stack by one change set. It is not done if the stack was changed
// by others at the same time.
func (x *execution) attempt(ctx context.Context, d deployment) (done bool, err error) {
	described, err := describe(ctx, d.client, d.Stack)
	if err != nil {
		return false, err
	}
	source, hold, err := x.check(d).source(ctx, d.Stack, described)
	if err != nil {
		return false, err
	}
	switch {
	case hold != nil:
		return true, x.drop(ctx, d, WasHeld, hold)
	case x.isStopped():
		return false, x.drop(ctx, d, "", nil)
	}
	if hold, err = x.request(ctx, d, source); err != nil {
		return false, err
	}
	if hold != nil {
		return true, x.drop(ctx, d, WasHeld, hold)
	}
	set, err := d.await(ctx, &cloudformation.DescribeChangeSetInput{StackName: &d.ID, ChangeSetName: &d.name})
	switch {
	case err != nil:
		return false, err
	case set.Status == "":
		return false, x.drop(ctx, d, "", nil) // somebody has deleted it
	case set.Status != types.ChangeSetStatusCreateComplete && isUnchanged(set):
		return x.hold(ctx, d, Deployed, held(NoChanges))
	case set.Status != types.ChangeSetStatusCreateComplete:
		hold := held(ChangeSetFailed)
		hold.Said = d.failureOf(ctx, set)
		return true, x.drop(ctx, d, WasHeld, hold)
	}
	return x.pass(ctx, d, described, set)
}

// check is what a deployment must pass before each attempt.
func (x *execution) check(d deployment) check {
	return check{client: d.client, rules: x.Rules, own: d.name, hasBucket: x.Bucket != nil}
}

// request asks for the change set. A template that is too long for the call is in a
// bucket until CloudFormation has read it.
func (x *execution) request(ctx context.Context, d deployment, of source) (*Hold, error) {
	entry := Entry{Stack: d.ID, State: Creating, Attempt: d.attempt}
	if of.NeedsBucket() {
		entry.Object = d.objectKey()
	}
	if err := x.note(entry); err != nil {
		return nil, err
	}
	in := d.input(of.Template)
	in.TemplateBody = &of.body
	if entry.Object != "" {
		url, err := x.Bucket(d.Account, d.Region).put(ctx, entry.Object, of.body)
		if err != nil {
			return nil, err
		}
		in.TemplateBody, in.TemplateURL = nil, &url
	}
	err := d.create(ctx, in)
	if said := refusal(err); said != "" {
		described, err := describe(ctx, d.client, d.Stack)
		if err != nil {
			return nil, err
		}
		if hold := holdOf(described); hold != nil { // others deploy it now
			return hold, nil
		}
		hold := held(ChangeSetFailed)
		hold.Said = said
		return hold, nil
	}
	if err != nil {
		return nil, d.failure("create", "cloudformation:CreateChangeSet", err)
	}
	return nil, nil
}

// pass has the gate judge the change set, and executes it if it passes.
func (x *execution) pass(ctx context.Context, d deployment, described types.Stack, set *changeSet) (done bool, err error) {
	if err := x.removeObject(ctx, d); err != nil {
		return false, err
	}
	others, bound, err := d.judge(ctx, x.Rules, aws.ToString(set.ChangeSetId))
	switch {
	case err != nil:
		return false, err
	case len(others) > 0:
		return x.hold(ctx, d, WasHeld, held(OtherChanges, others...))
	case bound == 0:
		return x.hold(ctx, d, Deployed, held(NoChanges))
	}
	return x.begin(ctx, d, Entry{
		Stack: d.ID, State: Executing, Attempt: d.attempt, ChangeSet: aws.ToString(set.ChangeSetId),
		Changed: fleet.StackOf(described, d.Account, d.Region).Changed,
	})
}

// begin executes a change set that has passed, unless others have made change sets, the
// environment has another boundary, or the run was stopped in the meantime.
func (x *execution) begin(ctx context.Context, d deployment, entry Entry) (done bool, err error) {
	if x.isStopped() { // before a call that may fail, and leave the change set
		return false, x.drop(ctx, d, "", nil)
	}
	foreign, err := x.check(d).foreign(ctx, d.Stack)
	switch {
	case err != nil:
		return false, err
	case foreign != nil:
		return true, x.drop(ctx, d, WasHeld, foreign)
	}
	moved, err := x.movedFrom(ctx, d.Stack)
	switch {
	case err != nil:
		return false, err
	case moved:
		return true, x.drop(ctx, d, WasHeld, held(BoundaryChanged))
	case x.isStopped():
		return false, x.drop(ctx, d, "", nil)
	}
	if err := x.note(entry); err != nil {
		return false, err
	}
	return x.execute(ctx, d, entry)
}

// hold drops a change set for what it changes. That may be because the environment has
// another boundary now, which the stack is then held for.
func (x *execution) hold(ctx context.Context, d deployment, then State, hold *Hold) (done bool, err error) {
	moved, err := x.movedFrom(ctx, d.Stack)
	if moved || err != nil {
		return false, err
	}
	return true, x.drop(ctx, d, then, hold)
}

// execute executes the change set, and waits until the deployment ends.
func (x *execution) execute(ctx context.Context, d deployment, noted Entry) (done bool, err error) {
	_, err = d.client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{
		ChangeSetName: &noted.ChangeSet, ClientRequestToken: d.token("execute"),
	})
	_, isObsolete := errors.AsType[*types.InvalidChangeSetStatusException](err)
	switch {
	case err == nil:
		return true, x.follow(ctx, d, noted)
	case isObsolete, isNoChangeSet(err):
		d.pause() // it may be the stack that is not ready yet
		return x.settle(ctx, d, noted)
	}
	failed := d.failure("execute", "cloudformation:ExecuteChangeSet", err)
	if d.isRefused(ctx, err) {
		if err := x.drop(ctx, d, "", nil); err != nil {
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	return false, failed
}

// isRefused reports whether the execution of a change set had no effect, and will have
// none. Of a call without an answer that is not certain.
func (d deployment) isRefused(ctx context.Context, err error) bool {
	if api, isAnswer := errors.AsType[smithy.APIError](err); !isAnswer || api.ErrorFault() == smithy.FaultServer {
		return false
	}
	if awserror.IsDenied(err) {
		return true
	}
	set, err := d.find(ctx)
	return err == nil && set.ExecutionStatus == types.ExecutionStatusAvailable
}

// settle finds out what became of a change set that this or an earlier run wanted to
// execute, and goes on from there. It is not done if the change set cannot be executed
// any more and was not.
func (x *execution) settle(ctx context.Context, d deployment, noted Entry) (done bool, err error) {
	set, err := d.find(ctx)
	if err != nil {
		return false, err
	}
	described, err := describe(ctx, d.client, d.Stack)
	if err != nil {
		return false, err
	}
	hasBegun := !fleet.StackOf(described, d.Account, d.Region).Changed.Equal(noted.Changed)
	switch {
	case slices.Contains([]types.ExecutionStatus{
		types.ExecutionStatusExecuteInProgress, types.ExecutionStatusExecuteComplete, types.ExecutionStatusExecuteFailed,
	}, set.ExecutionStatus), set.Status == "" && hasBegun && aws.ToString(described.ChangeSetId) == noted.ChangeSet:
		return true, x.follow(ctx, d, noted)
	case set.ExecutionStatus == types.ExecutionStatusAvailable:
		return x.begin(ctx, d, noted)
	}
	return false, x.drop(ctx, d, "", nil)
}

// follow waits until the deployment ends.
func (x *execution) follow(ctx context.Context, d deployment, noted Entry) error {
	for {
		described, err := describe(ctx, d.client, d.Stack)
		if err != nil {
			return err
		}
		began := fleet.StackOf(described, d.Account, d.Region).Changed
		hasBegun, isChanging := !began.Equal(noted.Changed), strings.HasSuffix(string(described.StackStatus), "_IN_PROGRESS")
		isOver := hasBegun && !isChanging
		if !hasBegun && !isChanging {
			if done, err := x.notBegun(ctx, d); done || err != nil {
				return err
			}
		}
		switch {
		case isOver && described.StackStatus == types.StackStatusUpdateComplete:
			return x.note(Entry{Stack: d.ID, State: Deployed, Attempt: d.attempt})
		case isOver:
			state := RolledBack
			if described.StackStatus == types.StackStatusUpdateRollbackFailed {
				state = RollbackFailed
			}
			x.finish(d.Stack, state, nil, string(described.StackStatus)+": "+d.reason(ctx, began))
			return nil
		}
		d.pause()
	}
}

// notBegun looks at a change set that was executed, and whose stack does not show it
// yet. It is done if the stack will never do so.
func (x *execution) notBegun(ctx context.Context, d deployment) (done bool, err error) {
	set, err := d.find(ctx)
	switch {
	case err != nil:
		return false, err
	case set.ExecutionStatus == types.ExecutionStatusExecuteFailed:
		x.finish(d.Stack, RolledBack, nil, string(set.ExecutionStatus)+": "+cmp.Or(aws.ToString(set.StatusReason), "see the events of the stack"))
		return true, nil
	case set.ExecutionStatus == types.ExecutionStatusExecuteComplete:
		return true, x.note(Entry{Stack: d.ID, State: Deployed, Attempt: d.attempt})
	}
	return false, nil
}

// drop deletes the change set of this attempt, if there may be one, and what it is made
// of. The stack then has a state; with an empty one it is not begun.
func (x *execution) drop(ctx context.Context, d deployment, then State, hold *Hold) error {
	if last := x.Last(d.ID); last.State != "" {
		if err := x.note(Entry{Stack: d.ID, State: Deleting, Attempt: last.Attempt, Object: last.Object, Then: then, Hold: hold}); err != nil {
			return err
		}
		deleted := d.delete(ctx)
		if err := errors.Join(deleted, x.removeObject(ctx, d)); err != nil {
			return cmp.Or(deleted, err) // one of them has a remedy, if it is alone
		}
	}
	switch {
	case then == Deployed:
		return x.note(Entry{Stack: d.ID, State: Deployed, Hold: hold})
	case then != "":
		x.finish(d.Stack, then, hold, "")
		return nil
	case x.Last(d.ID).State == "":
		return nil
	}
	return x.note(Entry{Stack: d.ID, Attempt: x.Last(d.ID).Attempt + 1})
}

// removeObject removes the template from the bucket, if it is there.
func (x *execution) removeObject(ctx context.Context, d deployment) error {
	last := x.Last(d.ID)
	if last.Object == "" || x.Bucket == nil {
		return nil
	}
	return x.Bucket(d.Account, d.Region).delete(ctx, last.Object)
}
