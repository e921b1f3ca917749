package fleettest_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/transform"
)

// A client ends at a call that takes effect or not; what it calls afterwards
// never arrives.
func TestCrash(t *testing.T) {
	for _, done := range []bool{false, true} {
		s := newStage(t, service)
		in := s.input("orders")
		s.server.ForgetCalls()
		ctx, cancel := context.WithCancel(context.Background())
		s.server.CrashAt(fleettest.Crash{On: fleettest.Call{Operation: "CreateChangeSet"}, After: 2, Done: done, Kill: cancel})
		for i, name := range []string{"a", "b", "c"} {
			in.ChangeSetName = aws.String(name)
			_, err := s.client.CreateChangeSet(ctx, in)
			assert.Equal(t, i > 0, err != nil, name)
			assert.Equal(t, i > 0, s.server.Crashed())
		}
		require.ErrorIs(t, ctx.Err(), context.Canceled)
		_, err := s.client.DescribeStacks(context.Background(), &cloudformation.DescribeStacksInput{})
		require.Error(t, err, "nothing is answered")
		want := 1
		if done {
			want = 2
		}
		assert.Len(t, s.ChangeSets(region), want)
		assert.Len(t, s.server.Calls(), want)

		s.server.Restart()
		assert.False(t, s.server.Crashed())
		_, err = s.client.DescribeStacks(context.Background(), &cloudformation.DescribeStacksInput{})
		require.NoError(t, err)
	}
}

// What is in progress when the client ends goes on without it.
func TestCrashOfUpdate(t *testing.T) {
	s := newStage(t, service)
	id := *s.create(s.input("orders")).ChangeSetId
	s.server.CrashAt(fleettest.Crash{After: 1, Done: true})
	err := s.execute(id)
	require.Error(t, err)
	var connection interface{ ConnectionError() bool }
	assert.True(t, errors.As(err, &connection), "it is not an error of AWS")
	s.server.Restart()
	assert.Equal(t, map[string]string{"Api": devBoundary, "Named": devBoundary}, s.bound("orders"))
	s.Settle()
	assert.Equal(t, map[string]string{"Api": newBoundary, "Named": newBoundary}, s.bound("orders"))
}

// What a client does while its last call takes effect takes effect, too.
func TestCrashDuringOtherCalls(t *testing.T) {
	s := newStage(t, service)
	list := func() error {
		_, err := s.client.DescribeStacks(context.Background(), &cloudformation.DescribeStacksInput{})
		return err
	}
	in := s.input("orders")
	macro := s.Macro(region, transform.Options{})
	s.InstallMacro(region, "PermissionsBoundaryMacro", func(event []byte) []byte {
		assert.NoError(t, list())
		assert.False(t, s.server.Crashed())
		return macro(event)
	})
	var killed atomic.Int32
	s.server.CrashAt(fleettest.Crash{On: fleettest.Call{Operation: "CreateChangeSet"}, After: 1, Done: true, Kill: func() { killed.Add(1) }})
	_, err := s.client.CreateChangeSet(context.Background(), in)
	require.Error(t, err)
	require.Error(t, list())
	assert.EqualValues(t, 1, killed.Load())
	assert.Len(t, s.ChangeSets(region), 1)
}
