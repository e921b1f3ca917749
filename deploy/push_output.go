package deploy

import (
	"math/rand/v2"
	"time"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/push"
)

// pushResult is the result of pbm push in JSON.
type pushResult struct {
	Environment string                `json:"environment"`
	Run         string                `json:"run,omitempty"`
	Stacks      []stackResult         `json:"stacks"`
	Accounts    []fleet.AccountResult `json:"accounts,omitempty"`
}

// stackResult is a stack with its state.
type stackResult struct {
	push.Stack
	Wave   int         `json:"wave,omitempty"` // that a plan has it in
	State  push.State  `json:"state"`
	Reason string      `json:"reason,omitempty"` // of a state that is a failure
	Held   *heldResult `json:"held,omitempty"`   // in place of that of Stack
}

// heldResult is why a stack is held.
type heldResult struct {
	Code     push.Code `json:"code"`
	Subjects []string  `json:"subjects"`
	Reason   string    `json:"reason"`
	Remedy   string    `json:"remedy"`
}

func heldOf(s push.Stack, c push.Commands) *heldResult {
	h := s.Hold
	if h == nil {
		return nil
	}
	reason := h.Reason()
	if about := h.About(); about != "" {
		reason += ": " + about
	}
	return &heldResult{h.Code, append([]string{}, h.Subjects...), reason, s.Remedy(c)}
}

// statePlanned is the state of a stack that is not deployed yet.
const statePlanned push.State = "planned"

// showPlan prints a plan.
func (p *pbm) showPlan(t planned, o pushOptions) error {
	defer p.tellUnread(t.report, "%s of stacks that are being deployed: whether they need a push is known when that has ended")
	switch {
	case o.commands:
		name := "pbm-commands-" + push.NewID(time.Now(), rand.Uint32())
		return p.print(script{t.Plan, o.bucket, name, &o}.render())
	case p.output == outputJSON:
		return p.printJSON(t.result(&o))
	}
	return p.print(planText{t, &o}.render())
}

func (t planned) result(o *pushOptions) pushResult {
	r := pushResult{Environment: t.Environment, Stacks: []stackResult{}, Accounts: t.report.Accounts}
	waveOf := map[string]int{}
	for i, wave := range o.waves.Split(t.Ready()) {
		for _, s := range wave {
			waveOf[s.ID] = i + 1
		}
	}
	for _, s := range t.Stacks {
		state := statePlanned
		if s.Hold != nil {
			state = push.WasHeld
		}
		r.Stacks = append(r.Stacks, stackResult{Stack: s, Wave: waveOf[s.ID], State: state, Held: heldOf(s, o)})
	}
	return r
}
