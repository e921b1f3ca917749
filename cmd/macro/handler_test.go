package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
)

// panicking is a store with a mistake.
type panicking struct{ boundary.Reader }

func (panicking) Get(context.Context, string) (boundary.Record, error) { panic("a mistake") }

// A panic would show people only "Received malformed response from transform".
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	h := &handler{macro: transform.Macro{Store: panicking{}}, log: slog.New(slog.NewJSONHandler(&log, nil))}
	response, err := h.Invoke(context.Background(), []byte(`{"requestId":7,"accountId":"1","region":"r","params":{"Environment":"dev"},"templateParameterValues":{"Password":"canary-1","P":"canary-2"},"fragment":{"Description":"canary-3","Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"Path":"canary-4"}}}}}`))
	require.NoError(t, err)
	assert.Equal(t, `{"requestId":7,"status":"failure","errorMessage":"the macro failed by a mistake of its own; report it with the lines that the log of its function has for this request"}`, string(response))
	assert.Contains(t, log.String(), "a mistake")
	assert.Contains(t, log.String(), "handler_test.go")
	assert.NotContains(t, log.String(), "canary")
}
