// Package atomicfile replaces files as a whole: a reader finds the old content
// or the new one, whenever the writer dies.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"

	"github.com/google/renameio/v2"
)

// Write replaces the content of a file, keeps its mode, and creates it with
// mode 0644. The error is an *fs.PathError that names the file, and no
// temporary one.
func Write(path string, content []byte) error {
	err := renameio.WriteFile(path, content, 0o644, renameio.WithExistingPermissions())
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: "write", Path: path, Err: cause(err)}
}

func cause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}
