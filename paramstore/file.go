package paramstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/google/renameio/v2"
	"github.com/rogpeppe/go-internal/lockedfile"

	"permissions-boundary-macro/boundary"
)

// File keeps the values in a JSON file, for use without AWS:
//
//	{"environments": {"dev": [{"version": 1, "value": "arn:..."}]}}
//
// An environment lists all values that it had, the present one last. Readers
// never see half a file: it is replaced as a whole, under a lock that other
// processes heed (the file's name with .lock behind it).
type File struct {
	path string
	now  func() time.Time
}

// NewFile returns the store in the file at path. It need not exist to be read
// or written.
func NewFile(path string) *File { return &File{path: path, now: time.Now} }

// fileContent is what the file holds.
type fileContent struct {
	Environments map[string][]fileValue `json:"environments"`
}

type fileValue struct {
	Version  int64      `json:"version"`
	Value    string     `json:"value"`
	Modified *time.Time `json:"modified,omitempty"`
}

// Location names the environment and the file.
func (f *File) Location(environment string) string {
	return fmt.Sprintf("environment %s in %s", environment, f.path)
}

// Get returns the environment's last value.
func (f *File) Get(_ context.Context, environment string) (boundary.Record, error) {
	content, err := f.read()
	if err != nil {
		return boundary.Record{}, err
	}
	return f.record(content, environment)
}

// Create adds an environment.
func (f *File) Create(_ context.Context, environment string, value boundary.Value) (boundary.Record, error) {
	return f.change(environment, func(c fileContent) error {
		if len(c.Environments[environment]) == 0 {
			return nil
		}
		return &boundary.Problem{
			What:   fmt.Sprintf("environment %q exists already in %s", environment, f.path),
			Remedy: "change it: pbm env update " + environment,
			Kind:   boundary.ErrExists,
		}
	}, value)
}

// Update adds a version to an environment.
func (f *File) Update(_ context.Context, environment string, value boundary.Value, from int64) (boundary.Record, error) {
	return f.change(environment, func(c fileContent) error {
		present, err := f.record(c, environment)
		if err != nil {
			return err
		}
		if present.Version == from {
			return nil
		}
		return &boundary.Problem{
			What:   fmt.Sprintf("environment %q was changed meanwhile: it is at version %d and no longer %d", environment, present.Version, from),
			Remedy: "look at the present value, and update again if it is still wrong",
			Kind:   boundary.ErrMoved,
		}
	}, value)
}

// change appends a value to an environment if the check allows it.
func (f *File) change(environment string, check func(fileContent) error, value boundary.Value) (boundary.Record, error) {
	unlock, err := lockedfile.MutexAt(f.path + ".lock").Lock()
	if err != nil {
		return boundary.Record{}, fmt.Errorf("lock %s: %w", f.path, err)
	}
	defer unlock()
	content, err := f.read()
	if err != nil {
		return boundary.Record{}, err
	}
	if err := check(content); err != nil {
		return boundary.Record{}, err
	}
	now := f.now().UTC()
	next := fileValue{Version: int64(len(content.Environments[environment]) + 1), Value: value.String(), Modified: &now}
	if content.Environments == nil {
		content.Environments = map[string][]fileValue{}
	}
	content.Environments[environment] = append(content.Environments[environment], next)
	if err := f.write(content); err != nil {
		return boundary.Record{}, err
	}
	return f.record(content, environment)
}

func (f *File) record(content fileContent, environment string) (boundary.Record, error) {
	values := content.Environments[environment]
	if len(values) == 0 {
		return boundary.Record{}, &boundary.Problem{
			What:   fmt.Sprintf("environment %q is unknown: it is not in %s", environment, f.path),
			Remedy: fmt.Sprintf("add it: pbm env add %s --store file:%s", environment, f.path),
			Kind:   boundary.ErrUnknown,
		}
	}
	last := values[len(values)-1]
	record := boundary.Record{Environment: environment, Text: last.Value, Version: int64(len(values))}
	if last.Modified != nil {
		record.Modified = *last.Modified
	}
	return record, nil
}

// read reads the file. One that does not exist has no environments.
func (f *File) read() (fileContent, error) {
	var content fileContent
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return content, nil
	}
	if err != nil {
		return content, fmt.Errorf("read the store of environments: %w", err)
	}
	if err := json.Unmarshal(text, &content); err != nil {
		return content, &boundary.Problem{
			What:   "the store of environments is not readable: " + f.path,
			Cause:  err,
			Remedy: `restore the file; it is JSON of the form {"environments": {"dev": [{"version": 1, "value": "arn:..."}]}}`,
		}
	}
	return content, nil
}

func (f *File) write(content fileContent) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	if err := renameio.WriteFile(f.path, append(text, '\n'), 0o644, renameio.WithExistingPermissions()); err != nil {
		return fmt.Errorf("write the store of environments: %w", err)
	}
	return nil
}
