// Package atomicfile replaces files as a whole: a reader finds the old content
// or the new one, whenever the writer dies.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// Write replaces the content of a file and keeps its mode, and for root its
// owner. It creates one with mode 0644. A symbolic link stays, and the file that
// it leads to is replaced; of several hard links only this one is. What is no
// file, such as a pipe or a device, is written and not replaced. The error is
// an *fs.PathError that names the file, and no temporary one.
func Write(path string, content []byte) error {
	if err := write(path, content); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: cause(err)}
	}
	return nil
}

func write(path string, content []byte) error {
	present, err := os.Stat(path)
	if err == nil && !present.Mode().IsRegular() {
		return writeInto(path, content)
	}
	target, err := follow(path)
	if err != nil {
		return err
	}
	file, err := renameio.NewPendingFile(target, renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	defer file.Cleanup()
	if present != nil && os.Geteuid() == 0 {
		// Some file systems know no owners, and that is no reason to stop.
		owner := present.Sys().(*syscall.Stat_t)
		_ = file.Chown(int(owner.Uid), int(owner.Gid))
	}
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}

// writeInto writes to what is there already.
func writeInto(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// follow returns where symbolic links lead to, be a file there or not.
func follow(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return target, err
	}
	link, err := os.Readlink(path)
	if err != nil {
		return path, nil // it is no link
	}
	if !filepath.IsAbs(link) {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		link = filepath.Join(dir, link)
	}
	return follow(link)
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
