package push

import (
	"context"
	"fmt"

	"permissions-boundary-macro/boundary"
)

// Expected tells the boundary that the environment of a push has now in an account
// and Region: its ARN, or boundary.None.
type Expected func(ctx context.Context, account, region string) (string, error)

// HasMoved reports whether one of several stacks has been planned with another
// boundary than the environment has now.
func (e Expected) HasMoved(ctx context.Context, stacks []Stack) (bool, error) {
	for _, s := range onePerPlace(stacks) {
		if now, err := e(ctx, s.Account, s.Region); err != nil || now != s.Boundary {
			return true, err
		}
	}
	return false, nil
}

// onePerPlace leaves out stacks in the account and Region of an earlier one: their
// environment has the same boundary.
func onePerPlace(stacks []Stack) (some []Stack) {
	known := map[[2]string]bool{}
	for _, s := range stacks {
		if at := s.place(); !known[at] {
			known[at] = true
			some = append(some, s)
		}
	}
	return some
}

// place is the account and the Region of a stack.
func (s Stack) place() [2]string { return [2]string{s.Account, s.Region} }

// compare finds out whether the environment still has the boundary that the stacks that
// are left were planned with.
func (x *execution) compare(ctx context.Context) {
	left, _ := x.left()
	for _, s := range onePerPlace(left) {
		if x.isStopped() {
			return
		}
		if _, err := x.movedFrom(ctx, s); err != nil {
			x.failPlace(s.place(), err)
		}
	}
}

// failPlace gives up the stacks of an account and Region.
func (x *execution) failPlace(place [2]string, err error) {
	left, _ := x.left()
	for _, s := range left {
		if s.place() == place {
			x.fail(s, err)
		}
	}
}

// movedFrom asks for the boundary of the environment, and reports whether it is another
// one than that of a stack. The run then deploys nothing more.
func (x *execution) movedFrom(ctx context.Context, s Stack) (bool, error) {
	now, err := x.Expected(ctx, s.Account, s.Region)
	if err != nil || now == s.Boundary {
		return false, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.moved == nil {
		x.moved = boundary.Problem{
			What:   fmt.Sprintf("%s has another boundary (%s) than when run %s began (%s); nothing more was deployed", x.Environment, now, x.Header.Run, s.Boundary),
			Remedy: fmt.Sprintf("for a push of %s: %s", now, x.Commands.Push("--execute")),
		}
	}
	return true, nil
}

func (x *execution) hasMoved() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.moved != nil
}
