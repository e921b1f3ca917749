// Package published generates embedded data from packages that others publish. It is
// what the commands behind make catalogue have in common.
package published

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Package is a package of a registry.
type Package struct {
	Extension string // of its archives, such as .whl

	// Download is a command that downloads the archive of a version into a directory.
	Download func(version, dir string) *exec.Cmd

	// Files are the files to write, by name, from the archive at a path. Those whose
	// names end in .gz are written compressed.
	Files func(path string) (map[string][]byte, error)
}

// Main is a command that takes a version of the package, or an archive of it, and
// writes files into the current directory. The same archive yields the same bytes.
func (p Package) Main() {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "usage: generate VERSION | ARCHIVE%s\n", p.Extension)
		os.Exit(2)
	}
	if err := p.generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func (p Package) generate(source string) error {
	if filepath.Ext(source) != p.Extension {
		dir, err := os.MkdirTemp("", "published")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if source, err = p.download(source, dir); err != nil {
			return err
		}
	}
	files, err := p.Files(source)
	if err != nil {
		return err
	}
	for name, content := range files {
		if filepath.Ext(name) == ".gz" {
			if content, err = compress(content); err != nil {
				return err
			}
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// download returns the path of the archive of a version.
func (p Package) download(version, dir string) (string, error) {
	command := p.Download(version, dir)
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*"+p.Extension))
	if err == nil && len(archives) != 1 {
		err = fmt.Errorf("%s: %d archives", command, len(archives))
	}
	if err != nil {
		return "", err
	}
	return archives[0], nil
}

func compress(text []byte) ([]byte, error) {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = zip.Write(text)
	err = errors.Join(err, zip.Close())
	return out.Bytes(), err
}
