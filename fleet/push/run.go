package push

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// Run deploys the stacks of a journal.
type Run struct {
	*Journal
	Rules    Rules
	Commands Commands

	Client     func(account, region string) CloudFormation
	Boundaries func(ctx context.Context, account string) (map[string]string, error) // by names of roles
	Expected   Expected
	Bucket     func(account, region string) Bucket // nil without one

	Concurrency int           // how many stacks are deployed at the same time
	Failures    int           // how many failures are tolerated; one more, and nothing is begun any more
	Every       time.Duration // how often CloudFormation is asked how far it is

	Progress func(Progress) // is called when the state of a stack changes, by one goroutine at a time
}

// Progress is how far a run is.
type Progress struct {
	Outcome         // of a stack
	Wave, Waves int // of the plan; a run in which stacks are held takes no more
	Done, All   int // stacks that the plan does not hold: of those that are deployed the roles may not be read yet
}

// Outcome is what a run did with a stack.
type Outcome struct {
	Stack
	State  State // empty or not final if the run stopped before it was done
	Said   string
	Remedy string // of what was said; may be empty
}

// rolesTries is how often roles are read until all carry their boundary: IAM shows
// changes with a delay. Source: IAM user guide, eventual consistency.
const rolesTries = 5

// execution is a run that is under way.
type execution struct {
	*Run
	interrupted <-chan struct{}
	wave, waves int
	isOver      bool // the waves: what is begun is brought to an end

	mu       sync.Mutex
	told     map[string]Outcome // what became of stacks, by their IDs
	failed   map[string]bool    // stacks that another run has to go on with
	failures int
	moved    error // a boundary.Problem, if the environment has another boundary now
	err      error // of the journal
}

// Execute deploys the stacks that are not done, wave by wave, and returns what became
// of all stacks of the journal. When ctx ends it begins nothing more, waits for the
// deployments that are under way, and deletes the change sets that are not executed. A
// run that has stopped like this, or after failures, has not ended: another Run with its
// journal continues it.
//
// Before each wave it asks for the boundary of the environment. If that is not the one
// of the plan any more, nothing more is deployed, the stacks that are left are held, and
// the run ends with an error. Other errors are of writing the journal.
func (r *Run) Execute(ctx context.Context) ([]Outcome, error) {
	x := &execution{Run: r, interrupted: ctx.Done(), told: map[string]Outcome{}, failed: map[string]bool{}}
	x.waves = len(r.Waves.Split(Plan{Stacks: r.Stacks}.Ready()))
	x.wave, _ = r.Waves.at(x.deployed(), len(r.Stacks))
	if !x.HasEnded() {
		x.run(context.WithoutCancel(ctx))
	}
	outcomes := make([]Outcome, len(r.Stacks))
	for i, s := range r.Stacks {
		outcomes[i] = x.outcome(s)
	}
	if x.err != nil {
		x.err = boundary.WithRemedy(x.err, "make room on the disk; then, to continue: "+x.Commands.Push("--resume="+x.Header.Run))
	}
	return outcomes, cmp.Or(x.err, x.moved)
}

// run deploys wave after wave, until it must stop or the waves are over.
func (x *execution) run(ctx context.Context) {
	for {
		x.verify(ctx)
		x.compare(ctx)
		left, begun := x.left()
		wave, size := x.Waves.at(x.deployed(), len(x.Stacks))
		x.isOver = size == 0
		switch {
		case x.hasMoved():
			size = len(left)
		case x.isOver:
			size = begun
		}
		switch {
		case x.err == nil && len(x.failed) == 0 && (len(left) == 0 || size == 0):
			x.err = x.End()
			return
		case size == 0, len(left) == 0, x.err != nil, x.isStopped() && !x.hasMoved():
			return
		}
		x.wave = wave
		x.each(ctx, left[:min(size, len(left))])
	}
}

// each deploys several stacks at once.
func (x *execution) each(ctx context.Context, stacks []Stack) {
	var group errgroup.Group
	group.SetLimit(x.Concurrency)
	for _, s := range stacks {
		group.Go(func() error {
			if !x.isStopped() || x.hasMoved() {
				x.deploy(ctx, s)
			}
			return nil
		})
	}
	_ = group.Wait() // the journal has the errors
}

// left are the stacks that are not done: first those that are begun, which are so many.
func (x *execution) left() (stacks []Stack, begun int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var rest []Stack
	for _, s := range x.Stacks {
		switch state := x.Last(s.ID).State; {
		case x.failed[s.ID], state.IsFinal():
		case state == "":
			rest = append(rest, s)
		default:
			stacks = append(stacks, s)
		}
	}
	return append(stacks, rest...), len(stacks)
}

// deployed counts the stacks that have been deployed: the waves go by these.
func (x *execution) deployed() (n int) {
	for _, s := range x.Stacks {
		if slices.Contains([]State{Live, Behind, RolledBack, RollbackFailed}, x.Last(s.ID).State) {
			n++
		}
	}
	return n
}

// isStopped reports whether nothing more may be begun.
func (x *execution) isStopped() bool {
	select {
	case <-x.interrupted:
		return true
	default:
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.failures > x.Failures || x.err != nil || x.moved != nil
}

// note writes to the journal. What cannot be written there must not be done.
func (x *execution) note(e Entry) error {
	err := x.Note(e)
	if err != nil {
		x.mu.Lock()
		x.err = cmp.Or(x.err, err)
		x.mu.Unlock()
		return errStopped
	}
	if slices.Contains([]State{Creating, Executing, Deployed}, e.State) {
		i := slices.IndexFunc(x.Stacks, func(s Stack) bool { return s.ID == e.Stack })
		x.show(Outcome{Stack: x.Stacks[i], State: e.State})
	}
	return nil
}

// errStopped ends the deployment of a stack that another run goes on with.
var errStopped = errors.New("the run has stopped")

// finish notes that the run is done with a stack.
func (x *execution) finish(s Stack, state State, hold *Hold, said string) {
	entry := Entry{Stack: s.ID, State: state, Hold: hold, Said: printable.Clip(said, maxSaid)}
	if x.note(entry) == nil {
		s.Hold = hold
		x.tell(s.outcome(entry))
	}
}

// fail gives up a stack, without a note: another run asks AWS what has become of it.
func (x *execution) fail(s Stack, err error) {
	x.mu.Lock()
	x.failed[s.ID] = true
	x.mu.Unlock()
	x.tell(Outcome{s, Failed, err.Error(), boundary.Remedy(err)})
}

// tell keeps what became of a stack, and tells of it.
func (x *execution) tell(o Outcome) {
	x.mu.Lock()
	if o.State.IsFailure() {
		x.failures++
	}
	x.told[o.ID] = o
	x.mu.Unlock()
	x.show(o)
}

// show tells how far the run is.
func (x *execution) show(o Outcome) {
	isDeployed := func(s Stack) bool { return x.Last(s.ID).State == Deployed }
	all := len(Plan{Stacks: x.Stacks}.Ready())
	left, _ := x.left()
	done := all - len(slices.DeleteFunc(left, isDeployed))
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.Progress != nil {
		x.Progress(Progress{Outcome: o, Wave: x.wave, Waves: x.waves, Done: done, All: all})
	}
}

// outcome is what became of a stack, in this run or, as far as the journal tells, in
// an earlier one.
func (x *execution) outcome(s Stack) Outcome {
	if o, known := x.told[s.ID]; known {
		return o
	}
	last := x.Last(s.ID)
	if last.State == WasHeld {
		s.Hold = last.Hold
	}
	return s.outcome(last)
}

func (s Stack) outcome(e Entry) Outcome {
	o := Outcome{Stack: s, State: e.State, Said: e.Said}
	if e.State == RollbackFailed {
		o.Remedy = s.continueRollback()
	}
	return o
}

// pause waits until it is time to ask again.
func (x *execution) pause() { time.Sleep(x.Every) }

// verify reads the roles of all stacks that were deployed.
func (x *execution) verify(ctx context.Context) {
	byAccount := map[string][]Stack{}
	for _, s := range x.Stacks {
		if x.Last(s.ID).State == Deployed && !x.failed[s.ID] {
			byAccount[s.Account] = append(byAccount[s.Account], s)
		}
	}
	for account, stacks := range byAccount {
		x.verifyAccount(ctx, account, stacks)
	}
}

// verifyAccount reads the roles of an account until those of all stacks are as they
// should be, or do not become so.
func (x *execution) verifyAccount(ctx context.Context, account string, stacks []Stack) {
	for try := 1; ; try++ {
		boundaries, err := x.Boundaries(ctx, account)
		if err != nil {
			for _, s := range stacks {
				x.fail(s, err)
			}
			return
		}
		stacks = slices.DeleteFunc(stacks, func(s Stack) bool {
			isLive := len(s.behind(boundaries)) == 0
			if isLive {
				x.finish(s, Live, nil, "")
			}
			return isLive
		})
		if try == rolesTries || len(stacks) == 0 {
			x.notLive(stacks, boundaries)
			return
		}
		x.pause()
	}
}

// notLive is done with stacks whose roles do not carry the boundary.
func (x *execution) notLive(stacks []Stack, boundaries map[string]string) {
	for _, s := range stacks {
		if hold := x.Last(s.ID).Hold; hold != nil {
			x.finish(s, WasHeld, hold, "")
			continue
		}
		x.finish(s, Behind, nil, "these roles do not carry the boundary: "+strings.Join(s.behind(boundaries), ", "))
	}
}

// behind are the names of the stack's roles that do not carry the boundary they
// should. Roles that are gone need none.
func (s Stack) behind(boundaries map[string]string) []string {
	var names []string
	for _, r := range s.Roles {
		want := r.To
		if want == boundary.None {
			want = ""
		}
		if is, exists := boundaries[r.Name]; exists && is != want {
			names = append(names, r.Name)
		}
	}
	return names
}
