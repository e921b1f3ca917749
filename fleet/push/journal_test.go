package push_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/push"
	"permissions-boundary-macro/internal/atomicfile"
)

var stacks = []push.Stack{
	{Account: "111122223333", Region: "eu-west-1", ID: "arn:a", Name: "a", Boundary: "arn:two", Roles: []push.Role{{Stack: "a", LogicalID: "Api", Name: "a-Api", To: "arn:two"}}},
	{Account: "111122223333", Region: "eu-west-1", ID: "arn:b", Name: "b", Boundary: "arn:two", Roles: []push.Role{}, HasNested: true},
}

var header = push.Header{Run: "20261127-044512-0000002a", Environment: "dev", Waves: push.DefaultWaves}

// entries are what a run may note.
var entries = []push.Entry{
	{Stack: "arn:a", State: push.Creating, Object: "s3://bucket/key"},
	{Stack: "arn:b", State: push.Creating},
	{Stack: "arn:a", State: push.Executing, ChangeSet: "arn:set", Changed: time.Date(2026, 11, 27, 4, 45, 12, 345e6, time.UTC)},
	{Stack: "arn:b", State: push.Deleting, Then: push.WasHeld, Hold: &push.Hold{Code: push.OtherChanges, Subjects: []string{"Queue (AWS::SQS::Queue): Modify VisibilityTimeout"}}},
	{Stack: "arn:b", State: push.WasHeld, Hold: &push.Hold{Code: push.OtherChanges, Subjects: []string{"Queue (AWS::SQS::Queue): Modify VisibilityTimeout"}}},
	{Stack: "arn:a", State: push.Deployed},
	{Stack: "arn:a", State: push.Live},
}

func create(t *testing.T) (path string, j *push.Journal) {
	t.Helper()
	path = push.Path(filepath.Join(t.TempDir(), ".pbm"), header.Run)
	j, err := push.Create(context.Background(), path, header, stacks)
	require.NoError(t, err)
	return path, j
}

// What is noted is there after a crash. A journal that is cut off at any byte is read
// up to its last whole line, and goes on behind that.
func TestJournalKilledAtEveryByte(t *testing.T) {
	path, j := create(t)
	_, err := os.Stat(path)
	require.NoError(t, err)
	plan, err := os.ReadFile(path)
	require.NoError(t, err)
	ends := []int{len(plan)} // of the lines of entries
	for _, e := range entries {
		require.NoError(t, j.Note(e))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		ends = append(ends, len(text))
	}
	require.NoError(t, j.End())
	j.Close()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := range len(text) + 1 {
		cutPath := filepath.Join(t.TempDir(), "push.jsonl")
		require.NoError(t, os.WriteFile(cutPath, text[:cut], 0o600))
		j, err := push.Open(context.Background(), cutPath)
		if cut < len(plan) {
			require.ErrorIs(t, err, push.ErrNotBegun, "cut at %d", cut)
			continue
		}
		require.NoError(t, err, "cut at %d", cut)
		want := map[string]push.Entry{}
		for i, e := range entries {
			if ends[i+1] <= cut {
				want[e.Stack] = e
			}
		}
		for _, s := range stacks {
			require.Equal(t, want[s.ID], j.Last(s.ID), "cut at %d", cut)
		}
		require.Equal(t, stacks, j.Stacks)
		require.Equal(t, cut == len(text), j.HasEnded())
		if !j.HasEnded() {
			more := push.Entry{Stack: "arn:b", State: push.Gone}
			require.NoError(t, j.Note(more))
			j.Close()
			again, err := push.Read(cutPath)
			require.NoError(t, err)
			require.Equal(t, more, again.Last("arn:b"))
			continue
		}
		j.Close()
	}
}

// Anything but a last line that was cut off is an error: to go on from it might deploy
// what should not be.
func TestJournalMalformed(t *testing.T) {
	path, j := create(t)
	require.NoError(t, j.Note(entries[0]))
	require.NoError(t, j.End())
	j.Close()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(text, []byte("\n"))
	require.Len(t, lines, 6)
	for i := range 5 {
		for name, line := range map[string]string{
			"not JSON":       "{\n",
			"empty":          "\n",
			"unknown member": `{"states":1}` + "\n",
			"two":            `{"end":true}{"end":true}` + "\n",
			"another format": `{"format":2}` + "\n",
			"unknown stack":  `{"entry":{"stack":"arn:c","state":"live"}}` + "\n",
			"nothing":        `{}` + "\n",
		} {
			broken := bytes.Join([][]byte{bytes.Join(lines[:i], nil), []byte(line), bytes.Join(lines[i+1:], nil)}, nil)
			require.NoError(t, os.WriteFile(path, broken, 0o600))
			_, err := push.Open(context.Background(), path)
			require.ErrorIs(t, err, push.ErrMalformed, "line %d: %s", i+1, name)
			require.ErrorContains(t, err, fmt.Sprintf("line %d", i+1))
		}
	}
}

// Two pushes of one run would deploy twice.
func TestJournalIsLocked(t *testing.T) {
	path, j := create(t)
	_, err := push.Open(context.Background(), path)
	require.ErrorIs(t, err, atomicfile.ErrLocked)
	j.Close()
	_, err = push.Create(context.Background(), path, header, stacks)
	require.ErrorIs(t, err, os.ErrExist, "a run begins once")
	again, err := push.Open(context.Background(), path)
	require.NoError(t, err)
	again.Close()
}

// Each note is on the disk when Note returns.
func TestJournalIsSynced(t *testing.T) {
	count, restore := push.CountSyncs()
	defer restore()
	_, j := create(t)
	defer j.Close()
	assert.Equal(t, 1, count())
	for i, e := range entries {
		require.NoError(t, j.Note(e))
		assert.Equal(t, 2+i, count())
	}
}

// A note that cannot be written is not noted, and the call that it is for is not made.
func TestJournalCannotBeWritten(t *testing.T) {
	_, j := create(t)
	j.Close()
	err := j.Note(entries[0])
	require.Error(t, err)
	assert.ErrorContains(t, err, "so nothing more is deployed")
	assert.Empty(t, j.Last("arn:a"))
}

// Nothing follows a line that is there in part, even if there is room again: the journal
// can be read, and is continued.
func TestJournalWrittenInPart(t *testing.T) {
	path, j := create(t)
	mend := j.BreakFile()
	require.Error(t, j.Note(entries[0]))
	mend()
	require.Error(t, j.Note(entries[1]))
	j.Close()
	j, err := push.Open(context.Background(), path)
	require.NoError(t, err)
	require.NoError(t, j.Note(entries[1]))
	j.Close()
	j, err = push.Read(path)
	require.NoError(t, err)
	assert.Equal(t, entries[1], j.Last("arn:b"))
}

// The journal to resume is the latest of the environment that has not come to its end.
func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	path, err := push.Unfinished(filepath.Join(dir, "none"), "dev")
	require.NoError(t, err)
	assert.Empty(t, path)
	for run, environment := range map[string]string{"1": "dev", "2": "dev", "3": "prod", "4": "dev"} {
		h := header
		h.Run, h.Environment = run, environment
		j, err := push.Create(context.Background(), push.Path(dir, run), h, stacks)
		require.NoError(t, err)
		if run == "4" {
			require.NoError(t, j.End())
		}
		j.Close()
	}
	require.NoError(t, os.WriteFile(push.Path(dir, "5"), nil, 0o600))
	path, err = push.Unfinished(dir, "dev")
	require.NoError(t, err)
	assert.Equal(t, push.Path(dir, "2"), path)
	path, err = push.Unfinished(dir, "stage")
	require.NoError(t, err)
	assert.Empty(t, path)
	require.NoError(t, os.WriteFile(push.Path(dir, "6"), []byte(`{"format":2,"environment":"prod"}`+"\n"), 0o600))
	path, err = push.Unfinished(dir, "dev")
	require.NoError(t, err, "a journal of another version, and of another environment")
	assert.Equal(t, push.Path(dir, "2"), path)
	require.NoError(t, os.WriteFile(push.Path(dir, "6"), []byte("{\n"), 0o600))
	_, err = push.Unfinished(dir, "dev")
	assert.True(t, errors.Is(err, push.ErrMalformed))
}
