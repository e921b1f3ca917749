// Package atomicfile reads, locks and replaces small files. A file is replaced
// as a whole: a reader finds the old content or the new one, whenever the
// writer dies.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// Write replaces the content of a file and keeps its mode, and for root its
// owner. It creates one with mode 0644. A symbolic link stays, and the file that
// it leads to is replaced; of several hard links only this one is. What is not
// a file, such as a pipe or a device, is written and not replaced. The error is
// an *fs.PathError that names the file, and no temporary one.
//
// The new content is written to a temporary file in the same directory, which
// never has a wider mode than the file. It is called .NAME.pbm- and a number; a
// process that is killed in between leaves it there.
func Write(path string, content []byte) error { return WriteMode(path, content, 0o644) }

// WriteMode is Write with the mode, before umask, of a file that it creates.
func WriteMode(path string, content []byte, mode fs.FileMode) error {
	if err := write(path, content, mode); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: cause(err)}
	}
	return nil
}

func write(path string, content []byte, mode fs.FileMode) error {
	present, err := os.Stat(path)
	if err == nil && !present.Mode().IsRegular() {
		return writeInto(path, content)
	}
	target, err := follow(path)
	if err != nil {
		return err
	}
	if present != nil {
		mode = present.Mode().Perm()
	}
	file, err := createTemporary(target, mode)
	if err != nil {
		return err
	}
	err = fill(file, content, present)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), target)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // the error that counts is the other one
	}
	return err
}

// createTemporary creates a file beside the one that it will replace.
func createTemporary(target string, mode fs.FileMode) (*os.File, error) {
	for range 1000 {
		name := fmt.Sprintf(".%s.pbm-%d", filepath.Base(target), rand.Uint64())
		file, err := os.OpenFile(filepath.Join(filepath.Dir(target), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
	return nil, fs.ErrExist
}

// fill writes the content, with the mode and owner of the file that it is to
// replace, nil when there is none.
func fill(file *os.File, content []byte, present fs.FileInfo) error {
	if present != nil {
		if os.Geteuid() == 0 {
			if uid, gid, ok := Owner(present); ok {
				_ = file.Chown(uid, gid) // some file systems have no owners
			}
		}
		if err := file.Chmod(present.Mode().Perm()); err != nil {
			return err
		}
	}
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.Sync()
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
		return path, nil // it is not a link
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

// Errors of Read.
var (
	ErrNotRegular = errors.New("not a regular file")
	ErrTooLarge   = errors.New("file is too large")
)

// Read reads a regular file of at most limit bytes, and returns what it is,
// too. It opens nothing else: a device is not read, and a pipe is not waited
// for. The error is an *fs.PathError.
func Read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	content, info, err := read(path, limit)
	if err != nil {
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: cause(err)}
	}
	return content, info, nil
}

func read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	before, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, ErrNotRegular
	}
	tooLarge := fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	if before.Size() > limit {
		return nil, nil, tooLarge
	}
	// What is opened may be something else by now, and must not be waited for.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, ErrNotRegular
	}
	var content bytes.Buffer
	content.Grow(int(min(info.Size(), limit)) + bytes.MinRead)
	_, err = content.ReadFrom(io.LimitReader(file, limit+1))
	if err == nil && int64(content.Len()) > limit {
		err = tooLarge
	}
	return content.Bytes(), info, err
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
