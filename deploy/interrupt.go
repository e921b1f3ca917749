package deploy

import (
	"context"
	"io"
)

// interruptible is a reader whose Read ends with its context, for a Read of
// stdin may wait for ever. What arrives afterwards is lost.
type interruptible struct {
	ctx  context.Context
	from io.Reader
}

func (r interruptible) Read(into []byte) (int, error) {
	type read struct {
		n   int
		err error
	}
	done := make(chan read, 1)
	buffer := make([]byte, len(into)) // the goroutine may outlive this call
	go func() {
		n, err := r.from.Read(buffer)
		done <- read{n, err}
	}()
	select {
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	case got := <-done:
		return copy(into, buffer[:got.n]), got.err
	}
}
