package deploy

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet/push"
	"permissions-boundary-macro/internal/printable"
)

// pushed is what a run did.
type pushed struct {
	*pushOptions
	run      string
	remain   string // which roles it leaves as they are
	outcomes []push.Outcome
	hasEnded bool
}

// stateTexts are what states are called for people and what to do about them, in the
// order in which they are listed; remedies are for [push.Spell].
var stateTexts = []struct {
	state        push.State
	what, remedy string
}{
	{push.RollbackFailed, "the deployment failed, and so did its rollback: some resources are updated, others are not", ""},
	{push.RolledBack, "the deployment failed, and CloudFormation restored what was there", "correct the reason; when the run has ended, push again: PUSH"},
	{push.Behind, "the deployment succeeded, but not all roles carry the boundary", "see what they carry: AUDIT; CloudTrail shows who changed them: PutRolePermissionsBoundary"},
	{push.Failed, "a call to AWS failed; when the run is continued, it asks what became of the stack", "correct the reason, then continue the run"},
	{push.Gone, "the stack was deleted", ""},
}

func (t pushed) in(state push.State) []push.Outcome {
	return slices.DeleteFunc(slices.Clone(t.outcomes), func(o push.Outcome) bool { return o.State != state })
}

// left are the stacks that the run is not done with.
func (t pushed) left() []push.Outcome {
	return slices.DeleteFunc(slices.Clone(t.outcomes), func(o push.Outcome) bool { return o.State.IsFinal() || o.State == push.Failed })
}

// hasFailed reports whether something has failed, and not only a call to AWS.
func (t pushed) hasFailed() bool {
	return slices.ContainsFunc(t.outcomes, func(o push.Outcome) bool { return o.State.IsFailure() && o.State != push.Failed })
}

// held are the stacks that the plan or the run holds.
func (t pushed) held() []push.Stack {
	var all []push.Stack
	for _, o := range t.in(push.WasHeld) {
		all = append(all, o.Stack)
	}
	return all
}

// render is the result of a run for people.
func (t pushed) render() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "\n%s: %s live", printable.Line(t.environment), counted(len(t.in(push.Live)), "stack"))
	for _, text := range stateTexts {
		if n := len(t.in(text.state)); n > 0 {
			fmt.Fprintf(&out, ", %d %s", n, text.state)
		}
	}
	if n := len(t.held()); n > 0 {
		fmt.Fprintf(&out, ", %d held", n)
	}
	if n := len(t.left()); n > 0 {
		fmt.Fprintf(&out, ", %d not done", n)
	}
	out.WriteString("\n")
	for _, text := range stateTexts {
		if outcomes := t.in(text.state); len(outcomes) > 0 {
			fmt.Fprintf(&out, "\n%s: %s: %s\n", text.state, counted(len(outcomes), "stack"), text.what)
			var rows [][]string
			for _, o := range outcomes {
				rows = append(rows, []string{"    " + o.Account, o.Region, o.Name, o.Said})
			}
			out.Write(aligned(shortened(rows)))
			out.Write(hints(remediesOf(outcomes, push.Spell(text.remedy, t))))
		}
	}
	for _, group := range holdsOf(t.held(), t) {
		out.WriteString("\n")
		out.Write(group.render())
	}
	if left := t.left(); len(left) > 0 {
		fmt.Fprintf(&out, "\nnot done: %s\n", counted(len(left), "stack"))
		var rows [][]string
		for _, o := range left {
			rows = append(rows, []string{"    " + o.Account, o.Region, o.Name, string(cmp.Or(o.State, statePlanned))})
		}
		out.Write(aligned(shortened(rows)))
	}
	if t.remain != "" {
		out.WriteString("\n" + t.remain)
	}
	return out.Bytes()
}

// remediesOf are what to do about outcomes, each once: what is usual, unless it is
// known better.
func remediesOf(outcomes []push.Outcome, usual string) []string {
	var remedies []string
	for _, o := range outcomes {
		if remedy := cmp.Or(o.Remedy, usual); remedy != "" && !slices.Contains(remedies, remedy) {
			remedies = append(remedies, remedy)
		}
	}
	return remedies
}

// verdict is the error of a run in which not all stacks have become live.
func (t pushed) verdict() error {
	var found []string
	for _, text := range stateTexts {
		if n := len(t.in(text.state)); n > 0 && text.state != push.Gone {
			found = append(found, fmt.Sprintf("%s: %d", text.state, n))
		}
	}
	if n := len(t.held()); n > 0 {
		found = append(found, fmt.Sprintf("held: %d", n))
	}
	if n := len(t.left()); n > 0 {
		found = append(found, fmt.Sprintf("not done: %d", n))
	}
	problem := boundary.Problem{What: strings.Join(found, ", ")}
	switch {
	case len(found) == 0:
		return nil
	case !t.hasEnded && t.hasFailed():
		problem.What = "stopped at a failure: " + problem.What
		problem.Remedy = "find its reason first; then, for the stacks that are not done: " + t.Push("--resume="+t.run)
	case !t.hasEnded:
		problem.Remedy = "to continue: " + t.Push("--resume="+t.run)
	case len(t.left()) > 0:
		problem.Remedy = "the stacks that are not done were not included in --waves; for them: " + t.rest()
	}
	return problem
}

// rest is the command for the stacks that are in no wave.
func (t pushed) rest() string {
	switch {
	case !t.resumes():
		return t.again("--execute", "waves")
	case slices.ContainsFunc(t.left(), func(o push.Outcome) bool { return o.HasDrifted() }):
		return t.Push("--repair-drift")
	}
	return t.Push("")
}

// showPushed prints what a run did.
func (p *pbm) showPushed(t pushed) error {
	if p.output != outputJSON {
		return p.print(t.render())
	}
	r := pushResult{Environment: t.environment, Run: t.run, Stacks: []stackResult{}}
	for _, o := range t.outcomes {
		state := o.State
		if state == "" {
			state = statePlanned
		}
		r.Stacks = append(r.Stacks, stackResult{Stack: o.Stack, State: state, Reason: o.Said, Held: heldOf(o.Stack, t)})
	}
	return p.printJSON(r)
}

// pushProgress says how far a run is: a line for each stack that is deployed or is not
// going to be, and on a terminal what is going on.
type pushProgress struct {
	*pbm
	shown *progress
	began time.Time
	first int // stacks that were done before
}

func (p *pbm) newPushProgress() *pushProgress {
	return &pushProgress{pbm: p, shown: p.newProgress(), began: time.Now(), first: -1}
}

func (s *pushProgress) tell(now push.Progress) {
	if s.first < 0 {
		s.first = now.Done - 1
	}
	where := fmt.Sprintf("wave %d of %d, %d of %s", now.Wave, now.Waves, now.Done, counted(now.All, "stack"))
	text := fmt.Sprintf("%s %s %s: %s", now.Account, now.Region, now.Name, now.State)
	switch now.State {
	case push.Creating, push.Executing:
		s.shown.say("%s: %s%s", where, text, s.timeLeft(now))
	case push.Live: // it was told of when it was deployed
	default:
		s.end()
		s.line("", where+": "+text+s.timeLeft(now))
	}
}

// timeLeft is how long the rest takes if it takes as long as what is done.
func (s *pushProgress) timeLeft(now push.Progress) string {
	done := now.Done - s.first
	if done < 1 || now.Done == now.All {
		return ""
	}
	left := (time.Since(s.began) / time.Duration(done) * time.Duration(now.All-now.Done)).Round(time.Minute)
	if left < 2*time.Minute {
		return ""
	}
	return ", about " + strings.TrimSuffix(left.String(), "0s") + " left"
}

func (s *pushProgress) end() { s.shown.end() }
