package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/atomicfile"
)

// State is how far a run is with a stack.
type State string

// States of stacks. Those up to Deployed are written before a call: after a crash it
// is not known whether that took effect.
const (
	Creating  State = "creating"  // a change set
	Deleting  State = "deleting"  // the change set, and then comes the state Then
	Executing State = "executing" // the change set
	Deployed  State = "deployed"  // the deployment succeeded, or there is nothing to deploy; the roles are not read yet

	Live       State = "live"        // all roles carry the boundary
	Behind     State = "behind"      // a deployment succeeded, but not all roles carry the boundary
	WasHeld    State = "held"        // by the gate, or because the stack is not as it was planned
	RolledBack State = "rolled-back" // the deployment failed, and CloudFormation restored what was there
	Gone       State = "gone"        // the stack was deleted

	RollbackFailed State = "rollback-failed" // the deployment failed, and so did its rollback

	Failed State = "failed" // a call failed, so it is not known what became of the stack; no journal has it
)

// IsFinal reports whether the run is done with the stack.
func (s State) IsFinal() bool {
	return slices.Contains([]State{Live, Behind, WasHeld, RolledBack, RollbackFailed, Gone}, s)
}

// IsFailure reports whether the state counts as one of the failures that a run
// tolerates.
func (s State) IsFailure() bool {
	return slices.Contains([]State{Behind, RolledBack, RollbackFailed, Failed}, s)
}

// Header is the first line of a journal.
type Header struct {
	Format      int    `json:"format"`
	Run         string `json:"run"`
	Environment string `json:"environment"`
	Waves       Waves  `json:"waves"`
	Bucket      string `json:"bucket,omitempty"` // for long templates, with its placeholders
	Stacks      int    `json:"stacks"`           // how many lines with stacks follow
}

// format is that of the journals that this package writes and reads.
const format = 1

// Entry is a line of a journal: the state of a stack.
type Entry struct {
	Stack     string    `json:"stack"` // its ID
	State     State     `json:"state"`
	Attempt   int       `json:"attempt,omitempty"` // which change set of the stack in this run, from 0
	ChangeSet string    `json:"changeSet,omitempty"`
	Changed   time.Time `json:"changed,omitzero"` // of Executing: when the last deployment before began
	Object    string    `json:"object,omitempty"` // of Creating: where the template is, if it is in a bucket
	Then      State     `json:"then,omitempty"`   // of Deleting; empty if a new change set comes
	Hold      *Hold     `json:"held,omitempty"`
	Said      string    `json:"said,omitempty"` // why a deployment failed, in short
}

// line is any line of a journal behind its header. It has one member.
type line struct {
	Plan  *Stack `json:"plan,omitempty"`
	Entry *Entry `json:"entry,omitempty"`
	End   bool   `json:"end,omitempty"`
}

// Journal is the record of a run: a file of lines in JSON. It has names, ARNs and
// states, and neither values of parameters nor templates. It is safe for concurrent
// use.
type Journal struct {
	Header
	Stacks []Stack // of the plan, in its order; the run does nothing with those that it holds

	mu     sync.Mutex
	last   map[string]Entry // by stack ID
	ended  bool
	file   *os.File
	broken error // of a line that may be there in part; nothing can follow it
	unlock func()
}

// Errors of Open.
var (
	// ErrNotBegun is the error of a journal that ends before the plan does. Nothing was
	// written to AWS then.
	ErrNotBegun = errors.New("the journal ends before its plan: nothing was deployed")
	// ErrMalformed is the error of a line that is not one of a journal.
	ErrMalformed = errors.New("not a line of a journal")
)

// lockPatience is how long another pbm with the same journal is waited for.
const lockPatience = 2 * time.Second

// Lock keeps other pushes of an environment out whose journals are in the same
// directory. It makes the directory, which unlock removes if it is empty.
func Lock(ctx context.Context, dir, environment string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "environment-"+environment)
	release, err := lock(ctx, path, "another push of "+environment+" is under way")
	return func() {
		release()
		_ = os.Remove(dir)
	}, err
}

// Path is the path of a run's journal in a directory.
func Path(dir, run string) string { return filepath.Join(dir, "push-"+run+".jsonl") }

// RunOf is the run whose journal a path is of.
func RunOf(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "push-"), ".jsonl")
}

// Create writes the journal of a new run with its plan. The caller closes it.
func Create(ctx context.Context, path string, h Header, stacks []Stack) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, path, isAtWork)
	if err != nil {
		return nil, err
	}
	h.Format, h.Stacks = format, len(stacks)
	text, err := marshal(h)
	for i := range stacks {
		more, failed := marshal(line{Plan: &stacks[i]})
		text, err = append(text, more...), errors.Join(err, failed)
	}
	j := &Journal{Header: h, Stacks: stacks, last: map[string]Entry{}, unlock: unlock}
	for _, s := range stacks {
		j.plan(s)
	}
	if err == nil {
		j.file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	}
	if err == nil {
		err = errors.Join(j.write(text), syncDirectory(filepath.Dir(path)))
	}
	if err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// Open reads the journal of a run to continue it. A last line that was cut off is
// removed. The caller closes it.
func Open(ctx context.Context, path string) (*Journal, error) {
	unlock, err := lock(ctx, path, isAtWork)
	if err != nil {
		return nil, err
	}
	j, err := Read(path)
	if err != nil {
		unlock()
		return nil, err
	}
	j.unlock = unlock
	if j.file, err = os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0); err == nil {
		err = cutOff(j.file)
	}
	if err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// Read reads a journal, to look at it.
func Read(path string) (*Journal, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	j, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return j, nil
}

// parse reads a journal whose last line may be cut off.
func parse(text []byte) (*Journal, error) {
	j := &Journal{last: map[string]Entry{}}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	number := 0
	for content := range bytes.Lines(whole) {
		number++
		if err := j.read(number, content); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if number == 0 || len(j.Stacks) < j.Header.Stacks {
		return nil, ErrNotBegun
	}
	return j, nil
}

func (j *Journal) read(number int, content []byte) error {
	if number == 1 {
		if err := unmarshal(content, &j.Header); err != nil {
			return err
		}
		if j.Format != format {
			return fmt.Errorf("%w: format %d is not %d, so another version of pbm wrote it", ErrMalformed, j.Format, format)
		}
		return nil
	}
	var l line
	if err := unmarshal(content, &l); err != nil {
		return err
	}
	isPlanned := func(s Stack) bool { return l.Entry != nil && s.ID == l.Entry.Stack }
	switch {
	case j.ended:
		return fmt.Errorf("%w: it follows the end", ErrMalformed)
	case len(j.Stacks) < j.Header.Stacks && l.Plan != nil && l.Plan.ID != "":
		j.Stacks = append(j.Stacks, *l.Plan)
		j.plan(*l.Plan)
	case len(j.Stacks) < j.Header.Stacks:
		return fmt.Errorf("%w: it should be a stack of the plan", ErrMalformed)
	case l.End:
		j.ended = true
	case slices.ContainsFunc(j.Stacks, isPlanned):
		j.last[l.Entry.Stack] = *l.Entry
	default:
		return fmt.Errorf("%w: it is not about a stack of the plan", ErrMalformed)
	}
	return nil
}

// plan notes what the plan says of a stack that it holds.
func (j *Journal) plan(s Stack) {
	if s.Hold != nil {
		j.last[s.ID] = Entry{Stack: s.ID, State: WasHeld, Hold: s.Hold}
	}
}

// Last is the last entry about a stack. Its State is empty if there is none.
func (j *Journal) Last(stack string) Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last[stack]
}

// HasEnded reports whether the run has come to its end: nothing is left to do, or in no
// wave.
func (j *Journal) HasEnded() bool { return j.ended }

// Note writes an entry, and returns when it is on the disk.
func (j *Journal) Note(e Entry) error {
	text, err := marshal(line{Entry: &e})
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(text); err != nil {
		return err
	}
	j.last[e.Stack] = e
	return nil
}

// End notes that the run has come to its end.
func (j *Journal) End() error {
	text, err := marshal(line{End: true})
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = true
	return j.write(text)
}

// syncFile is a variable for tests, which count.
var syncFile = (*os.File).Sync

// write writes lines, and returns when they are on the disk.
func (j *Journal) write(text []byte) error {
	if j.broken == nil {
		_, j.broken = j.file.Write(text)
	}
	if j.broken == nil {
		j.broken = syncFile(j.file)
	}
	if j.broken != nil {
		return notWritten(j.broken)
	}
	return nil
}

func notWritten(err error) error {
	return boundary.Problem{
		What:   "the journal of the push cannot be written, so nothing more is deployed",
		Cause:  err,
		Remedy: "make room on the disk; then run the push again",
	}
}

// Close closes the journal and lets others open it.
func (j *Journal) Close() {
	if j.file != nil {
		_ = j.file.Close() // all of it is on the disk
	}
	j.unlock()
}

// Unfinished returns the path of the latest journal of an environment in a directory
// that has not come to its end, empty if there is none. Files that are not journals
// are errors.
func Unfinished(dir, environment string) (string, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, file := range slices.Backward(files) { // by name, and so by time
		if matched, _ := filepath.Match(Path("", "*"), file.Name()); !matched {
			continue
		}
		path := filepath.Join(dir, file.Name())
		j, err := Read(path)
		switch {
		case errors.Is(err, ErrNotBegun), err != nil && isOfAnother(path, environment):
		case err != nil:
			return "", err
		case j.Environment == environment && !j.ended:
			return path, nil
		}
	}
	return "", nil
}

const isAtWork = "another pbm is at work on this push"

// lock waits in vain if the lock is taken, for which taken is the error.
func lock(ctx context.Context, path, taken string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockPatience, boundary.Problem{
		What:   taken,
		Cause:  atomicfile.ErrLocked,
		Remedy: "wait for it; " + path + atomicfile.LockSuffix + " is its lock",
	})
	defer cancel()
	return atomicfile.Lock(ctx, path, nil)
}

// isOfAnother reports whether a journal that cannot be read, such as one of another
// version of pbm, says that it is of another environment.
func isOfAnother(path, environment string) bool {
	text, _ := os.ReadFile(path)
	var h struct{ Environment string }
	err := json.NewDecoder(bytes.NewReader(text)).Decode(&h)
	return err == nil && h.Environment != "" && h.Environment != environment
}

// cutOff removes a last line without an end.
func cutOff(file *os.File) error {
	text, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	return file.Truncate(int64(bytes.LastIndexByte(text, '\n') + 1))
}

// syncDirectory puts the name of a new file on the disk, where the system can.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = dir.Sync() // Windows cannot
	return dir.Close()
}

func marshal(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	return append(text, '\n'), err
}

func unmarshal(text []byte, value any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: there is more behind it", ErrMalformed)
	}
	return nil
}
