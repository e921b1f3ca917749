package paramstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os/user"
	"slices"
	"time"

	"permissions-boundary-macro/atomicfile"
	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// File keeps the values in a JSON file, for use without AWS:
//
//	{"environments": {"dev": [{"version": 1, "value": "arn:..."}]}}
//
// An environment lists all values that it had, the present one last. Readers
// never see half a file: it is replaced as a whole, under a lock that other
// processes heed (the file's name with .lock behind it). A file that holds
// anything else is refused and left alone.
type File struct {
	// Waiting, unless nil, is called when a write has to wait for another one.
	Waiting func()

	path string
	now  func() time.Time
}

// maxFileSize is how large a file may be, in bytes.
const maxFileSize = 16 << 20

// NewFile returns the store in the file at path. It need not exist to be read
// or written.
func NewFile(path string) *File { return &File{path: path, now: time.Now} }

// fileContent is what the file holds.
type fileContent struct {
	Environments map[string][]fileValue `json:"environments"`

	missing bool // there is no file
}

type fileValue struct {
	Version    int64      `json:"version"`
	Value      string     `json:"value"`
	Modified   *time.Time `json:"modified,omitempty"`
	ModifiedBy string     `json:"modifiedBy,omitempty"`
}

// Location names the environment and the file.
func (f *File) Location(environment string) string {
	return fmt.Sprintf("environment %s in %s", environment, f.path)
}

// Correction names the command that replaces the value.
func (f *File) Correction(environment string) string {
	return "correct it: " + f.command("update", environment)
}

// command is a pbm command on an environment of this file.
func (f *File) command(verb, environment string) string {
	return "pbm env " + verb + " " + printable.Shell(environment) + " --store " + printable.Shell("file:"+f.path)
}

// Get returns the environment's last value.
func (f *File) Get(_ context.Context, environment string) (boundary.Record, error) {
	content, err := f.read()
	if err != nil {
		return boundary.Record{}, err
	}
	return f.record(content, environment)
}

// List returns the last value of each environment.
func (f *File) List(context.Context) ([]boundary.Record, error) {
	content, err := f.read()
	if err != nil {
		return nil, err
	}
	var records []boundary.Record
	for _, environment := range slices.Sorted(maps.Keys(content.Environments)) {
		if record, err := f.record(content, environment); err == nil {
			records = append(records, record)
		}
	}
	return records, nil
}

// History returns all values of an environment.
func (f *File) History(_ context.Context, environment string) ([]boundary.Record, error) {
	content, err := f.read()
	if err != nil {
		return nil, err
	}
	if _, err := f.record(content, environment); err != nil {
		return nil, err
	}
	var records []boundary.Record
	for i, v := range content.Environments[environment] {
		records = append(records, v.record(environment, i))
	}
	return records, nil
}

// Create adds an environment.
func (f *File) Create(ctx context.Context, environment string, value boundary.Value) (boundary.Record, error) {
	return f.change(ctx, environment, func(c fileContent) error {
		if len(c.Environments[environment]) == 0 {
			return nil
		}
		return boundary.Problem{
			What:   fmt.Sprintf("environment %q exists already in %s", environment, f.path),
			Remedy: "change it: " + f.command("update", environment),
			Kind:   boundary.ErrExists,
		}
	}, value)
}

// Update adds a version to an environment.
func (f *File) Update(ctx context.Context, environment string, value boundary.Value, from int64) (boundary.Record, error) {
	return f.change(ctx, environment, func(c fileContent) error {
		present, err := f.record(c, environment)
		if err != nil {
			return err
		}
		if present.Version == from {
			return nil
		}
		return boundary.Problem{
			What:   fmt.Sprintf("environment %q was changed meanwhile: it is at version %d and no longer %d", environment, present.Version, from),
			Remedy: "look at the present value, and update again if it is still wrong",
			Kind:   boundary.ErrMoved,
		}
	}, value)
}

// Remove takes an environment out of the file.
func (f *File) Remove(ctx context.Context, environment string) error {
	return f.locked(ctx, func(content fileContent) error {
		if _, err := f.record(content, environment); err != nil {
			return err
		}
		delete(content.Environments, environment)
		return f.write(content)
	})
}

// change appends a value to an environment if the check allows it.
func (f *File) change(ctx context.Context, environment string, check func(fileContent) error, value boundary.Value) (record boundary.Record, err error) {
	err = f.locked(ctx, func(content fileContent) error {
		if err := check(content); err != nil {
			return err
		}
		if content.Environments == nil {
			content.Environments = map[string][]fileValue{}
		}
		values := content.Environments[environment]
		now := f.now().UTC()
		content.Environments[environment] = append(values,
			fileValue{Version: int64(len(values) + 1), Value: value.String(), Modified: &now, ModifiedBy: userName()})
		if err := f.write(content); err != nil {
			return err
		}
		record, err = f.record(content, environment)
		return err
	})
	return record, err
}

// locked runs do on the content of the file, while nobody else writes it.
func (f *File) locked(ctx context.Context, do func(fileContent) error) error {
	unlock, err := atomicfile.Lock(ctx, f.path, f.Waiting)
	if errors.Is(err, atomicfile.ErrLocked) {
		return boundary.Problem{
			What:   "the store of environments is not written",
			Cause:  err,
			Remedy: "find the process that has the file open, and run the command again when it has ended",
		}
	}
	if err != nil {
		return f.notWritten(err)
	}
	defer unlock()
	content, err := f.read()
	if err != nil {
		return err
	}
	return do(content)
}

// userName is who runs the program, empty when the system does not know.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

func (f *File) record(content fileContent, environment string) (boundary.Record, error) {
	values := content.Environments[environment]
	if len(values) == 0 {
		where := "it is not in " + f.path
		if content.missing {
			where = "there is no file " + f.path
		}
		return boundary.Record{}, boundary.Problem{
			What:   fmt.Sprintf("environment %q is unknown: %s", environment, where),
			Remedy: "add it: " + f.command("add", environment),
			Kind:   boundary.ErrUnknown,
		}
	}
	return values[len(values)-1].record(environment, len(values)-1), nil
}

// maxUser is more than the name of a user has, in bytes.
const maxUser = 256

// record is a value as a record. Its place is its version: those that are
// written by hand need not spell it.
func (v fileValue) record(environment string, at int) boundary.Record {
	r := boundary.Record{Environment: environment, Text: v.Value, Version: int64(at + 1), ModifiedBy: printable.Clip(v.ModifiedBy, maxUser)}
	if v.Modified != nil {
		r.Modified = *v.Modified
	}
	return r
}

// read reads the file. One that does not exist has no environments.
func (f *File) read() (fileContent, error) {
	text, _, err := atomicfile.Read(f.path, maxFileSize)
	if errors.Is(err, fs.ErrNotExist) {
		return fileContent{missing: true}, nil
	}
	if err != nil {
		return fileContent{}, fmt.Errorf("read the store of environments: %w", err)
	}
	content, err := parseFile(text)
	if err != nil {
		return fileContent{}, boundary.Problem{
			What:   "the store of environments is not readable: " + f.path,
			Cause:  err,
			Remedy: `restore the file; it is JSON of the form {"environments": {"dev": [{"version": 1, "value": "arn:..."}]}}`,
		}
	}
	return content, nil
}

// parseFile reads strictly: what is not a store's would be lost with the next
// write. Its errors repeat nothing of the text, which may be anything.
func parseFile(text []byte) (fileContent, error) {
	var content fileContent
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&content); err != nil {
		return content, withoutText(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return content, errors.New("there is text behind its end")
	}
	for environment := range content.Environments {
		if err := boundary.CheckEnvironment(environment); err != nil {
			return content, fmt.Errorf("%s is %w", printable.Clip(environment, 64), err)
		}
	}
	return content, nil
}

// withoutText is an error of reading JSON that repeats nothing of it.
func withoutText(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends too early")
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("invalid JSON at byte %d", syntax.Offset)
	}
	return errors.New("it has a member or a value that does not belong there")
}

func (f *File) write(content fileContent) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	if len(text) >= maxFileSize {
		return f.notWritten(atomicfile.ErrTooLarge)
	}
	if err := atomicfile.Write(f.path, append(text, '\n')); err != nil {
		return f.notWritten(err)
	}
	return nil
}

func (f *File) notWritten(err error) error {
	return boundary.Problem{
		What:   "the store of environments is not written",
		Cause:  err,
		Remedy: "see that the folder of " + f.path + " exists, is writable and has room; what was stored before stands",
	}
}
