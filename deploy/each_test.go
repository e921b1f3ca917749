package deploy

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

// each works on several places at once, but not on all of many. It keeps their
// order, leaves out what has failed, and writes each note once.
func TestEach(t *testing.T) {
	var stderr bytes.Buffer
	p := &pbm{stderr: &stderr}
	var all []*place
	for range 3 * maxAtOnce {
		all = append(all, &place{file: "e.json"})
	}
	wrong := errors.New("wrong")
	all[1].failure = wrong
	var running atomic.Int32
	var full sync.Once
	release := make(chan done)
	results := each(context.Background(), p, all, func(_ context.Context, at *place) (*place, error) {
		n := running.Add(1)
		defer running.Add(-1)
		assert.LessOrEqual(t, n, int32(maxAtOnce))
		if n == maxAtOnce {
			full.Do(func() { close(release) })
		}
		<-release
		at.note("warning: ", "once")
		if at == all[2] {
			return at, wrong
		}
		return at, nil
	})
	assert.Equal(t, append([]*place{all[0]}, all[3:]...), results)
	assert.Equal(t, results, working(all))
	assert.Equal(t, "pbm: warning: once\n", stderr.String())

	// An interruption leaves the rest alone.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.Empty(t, each(ctx, p, all, func(context.Context, *place) (done, error) { panic("called") }))
	assert.ErrorIs(t, all[0].failure, context.Canceled)
}
