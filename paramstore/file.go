package paramstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/user"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/atomicfile"
	"permissions-boundary-macro/internal/printable"
)

// File keeps the values in a JSON file, for use without AWS:
//
//	{"environments": {"dev": [{"version": 1, "value": "arn:..."}]}}
//
// The override of an environment for an account has the name "dev/111122223333".
// Each name lists all values that it had, the present one last. Readers
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

// Location names the environment or override, and the file.
func (f *File) Location(key boundary.Key) string {
	kind := "environment"
	if key.IsOverride() {
		kind = "override"
	}
	return fmt.Sprintf("%s %s in %s", kind, key, f.path)
}

// Correction names the command that replaces the value.
func (f *File) Correction(key boundary.Key) string {
	return "correct it: " + f.here(UpdateCommand(key))
}

// here is a pbm command on this file.
func (f *File) here(command string) string {
	return command + " --store " + printable.Shell("file:"+f.path)
}

// Effective returns the last value of the override, or else of the environment.
func (f *File) Effective(_ context.Context, key boundary.Key) (boundary.Record, error) {
	content, err := f.read()
	if err != nil {
		return boundary.Record{}, err
	}
	if key.IsOverride() && len(content.of(key)) > 0 {
		return f.record(content, key)
	}
	return f.record(content, key.Own())
}

// Get returns the last value of a key.
func (f *File) Get(_ context.Context, key boundary.Key) (boundary.Record, error) {
	content, err := f.read()
	if err != nil {
		return boundary.Record{}, err
	}
	return f.record(content, key)
}

// List returns the last value of each key.
func (f *File) List(context.Context) ([]boundary.Record, error) {
	content, err := f.read()
	if err != nil {
		return nil, err
	}
	return content.present()
}

// History returns all values of a key.
func (f *File) History(_ context.Context, key boundary.Key) ([]boundary.Record, error) {
	content, err := f.read()
	if err != nil {
		return nil, err
	}
	if _, err := f.record(content, key); err != nil {
		return nil, err
	}
	var records []boundary.Record
	for i, v := range content.of(key) {
		records = append(records, v.record(key, i))
	}
	return records, nil
}

// Create adds a key with its first value.
func (f *File) Create(ctx context.Context, key boundary.Key, value boundary.Value) (boundary.Record, error) {
	return f.change(ctx, key, func(c fileContent) error {
		if len(c.of(key)) == 0 {
			return nil
		}
		return alreadyExists(key, " in "+f.path, "change it: "+f.here(UpdateCommand(key)))
	}, value)
}

// Update adds a version to a key.
func (f *File) Update(ctx context.Context, key boundary.Key, value boundary.Value, from int64) (boundary.Record, error) {
	return f.change(ctx, key, func(c fileContent) error {
		present, err := f.record(c, key)
		if err != nil {
			return err
		}
		if present.Version == from {
			return nil
		}
		return boundary.Problem{
			What:   fmt.Sprintf("%s was changed meanwhile: it is at version %d and no longer %d", key.Describe(), present.Version, from),
			Remedy: "look at the present value, and update again if it is still wrong",
			Kind:   boundary.ErrMoved,
		}
	}, value)
}

// Remove takes a key out of the file.
func (f *File) Remove(ctx context.Context, key boundary.Key) error {
	return f.locked(ctx, func(content fileContent) error {
		if _, err := f.record(content, key); err != nil {
			return err
		}
		delete(content.Environments, key.String())
		return f.write(content)
	})
}

// change appends a value to those of a key if the check allows it.
func (f *File) change(ctx context.Context, key boundary.Key, check func(fileContent) error, value boundary.Value) (record boundary.Record, err error) {
	err = f.locked(ctx, func(content fileContent) error {
		if err := check(content); err != nil {
			return err
		}
		if content.Environments == nil {
			content.Environments = map[string][]fileValue{}
		}
		values := content.of(key)
		now := f.now().UTC()
		content.Environments[key.String()] = append(values,
			fileValue{Version: int64(len(values) + 1), Value: value.String(), Modified: &now, ModifiedBy: userName()})
		if err := f.write(content); err != nil {
			return err
		}
		record, err = f.record(content, key)
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

// of returns the values of a key, oldest first.
func (c fileContent) of(key boundary.Key) []fileValue { return c.Environments[key.String()] }

func (f *File) record(content fileContent, key boundary.Key) (boundary.Record, error) {
	values := content.of(key)
	if len(values) == 0 {
		why := "it is not in " + f.path
		if content.missing {
			why = "there is no file " + f.path
		}
		return boundary.Record{}, unknown(key, why, "add it: "+f.here(AddCommand(key)))
	}
	return values[len(values)-1].record(key, len(values)-1), nil
}

// maxUser is more than the name of a user has, in bytes.
const maxUser = 256

// record is a value as a record. Its place is its version: those that are
// written by hand need not spell it.
func (v fileValue) record(key boundary.Key, at int) boundary.Record {
	r := boundary.Record{Key: key, Text: v.Value, Version: int64(at + 1), ModifiedBy: printable.Clip(v.ModifiedBy, maxUser)}
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
	if !jsontext.Value(text).IsValid() { // which allows no name twice, of which encoding/json takes the last
		return content, errors.New("it has a name twice, or text that is not UTF-8")
	}
	for name := range content.Environments {
		if _, err := boundary.ParseKey(name); err != nil {
			return content, fmt.Errorf("%s is %w", printable.Clip(name, 64), err)
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
