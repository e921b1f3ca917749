package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Commands work on all targets of an environment in steps: each opens, reads,
// compares or writes in all places at once.

// maxAtOnce is how many targets a command works on at the same time.
const maxAtOnce = 8

// each takes a step in each place at once and returns what it yields, in the
// order of the places, without those where something failed.
func each[T any](ctx context.Context, p *pbm, all []*place, step func(context.Context, *place) (T, error)) []T {
	var yielded []T
	for i, result := range inEach(ctx, p, all, step) {
		if all[i].failure == nil {
			yielded = append(yielded, result)
		}
	}
	return yielded
}

// inEach is each with a result for every place, which means nothing where
// something failed. What fails in one place is kept there and stops none of the
// others; the next step leaves that place out.
func inEach[T any](ctx context.Context, p *pbm, all []*place, step func(context.Context, *place) (T, error)) []T {
	results := make([]T, len(all))
	var group errgroup.Group
	group.SetLimit(maxAtOnce)
	for i, at := range all {
		if at.failure != nil {
			continue
		}
		group.Go(func() error {
			if at.failure = ctx.Err(); at.failure == nil {
				results[i], at.failure = step(ctx, at)
			}
			return nil
		})
	}
	_ = group.Wait() // the places have the errors
	p.tellNotes(all)
	return results
}

// tellNotes writes the notes about places, each text once.
func (p *pbm) tellNotes(all []*place) {
	var written []note
	for _, at := range all {
		for _, n := range at.notes {
			if !slices.Contains(written, n) {
				written = append(written, n)
				p.line(n.kind, n.text)
			}
		}
		at.notes = nil
	}
}

// working are the places where nothing has failed.
func working(all []*place) []*place {
	return slices.DeleteFunc(slices.Clone(all), func(at *place) bool { return at.failure != nil })
}

// failed is what went wrong in one of several places, which it reports place by
// place, or in the only one.
func (p *pbm) failed(all []*place) error {
	if len(all) == 1 {
		return all[0].failure
	}
	failures := 0
	for _, at := range all {
		if at.failure == nil {
			continue
		}
		if failures++; !at.reported && !errors.Is(at.failure, context.Canceled) {
			at.reported = true
			p.reportOf(at.label(), at.failure)
		}
	}
	if failures == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d targets failed", failures, len(all))
}
