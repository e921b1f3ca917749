package push

import (
	"context"
	"os"
)

// CountSyncs counts how often journals are put on the disk until restore is called.
func CountSyncs() (count func() int, restore func()) {
	n := 0
	old := syncFile
	syncFile = func(f *os.File) error {
		n++
		return old(f)
	}
	return func() int { return n }, func() { syncFile = old }
}

// JudgeChangeSet judges a change set of a stack, as a run does before it executes it.
func JudgeChangeSet(ctx context.Context, client CloudFormation, rules Rules, s Stack, id string) (others []string, bound int, err error) {
	return deployment{Stack: s, client: client, pause: func() {}}.judge(ctx, rules, id)
}

// BreakFile makes writes to a journal fail after a part of a line, once.
func (j *Journal) BreakFile() (mend func()) {
	whole := j.file
	_, _ = whole.WriteString(`{"entry":{"sta`)
	j.file = nil
	return func() { j.file = whole }
}

// Token is the client token of a call for an attempt at a stack.
func Token(run, stack, call string, attempt int) string {
	return *deployment{Stack: Stack{ID: stack}, run: run, attempt: attempt}.token(call)
}
