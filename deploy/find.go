package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
)

// extensions are those of files that may be templates.
var extensions = []string{".json", ".yaml", ".yml", ".template", ".cfn"}

// standardStream is the path that stands for stdin, and for stdout where
// something is written.
const standardStream = "-"

// input is where a template may be.
type input struct {
	path    string
	named   bool      // and not found in a directory
	managed bool      // a service-managed StackSet deploys it, which takes no transforms
	stdin   io.Reader // nil for a file
}

// findTemplates returns the files that are named, and the templates in the
// directories that are, sorted. Directories of tools, which begin with a dot
// or hold modules of others, are left out. A file with several names counts
// once.
func (p *pbm) findTemplates(paths []string) ([]input, error) {
	var all []input
	for _, path := range paths {
		if path == standardStream {
			all = append(all, input{path: "stdin", named: true, stdin: p.stdin})
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read the template: %w", cause(err, path))
		}
		if !info.IsDir() {
			all = append(all, input{path: path, named: true})
			continue
		}
		found, err := walkTemplates(path)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return once(all), nil
}

// once leaves out further names of a file, links before others, and sorts.
func once(all []input) []input {
	known := map[string]bool{}
	var kept []input
	for _, links := range []bool{false, true} {
		for _, in := range all {
			if in.isLink() != links || known[realPath(in.path)] {
				continue
			}
			known[realPath(in.path)] = true
			kept = append(kept, in)
		}
	}
	slices.SortFunc(kept, func(a, b input) int { return strings.Compare(a.path, b.path) })
	return kept
}

func (in input) isLink() bool {
	info, err := os.Lstat(in.path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// realPath is where the links of a path lead to.
func realPath(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return filepath.Clean(path)
}

func walkTemplates(root string) ([]input, error) {
	var found []input
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && isOfTools(entry.Name()):
			return filepath.SkipDir
		case entry.IsDir() || !slices.Contains(extensions, strings.ToLower(filepath.Ext(path))):
			return nil
		}
		// One that cannot be read is named, so that somebody hears of it; a
		// link that leads nowhere is nothing.
		is, err := looksLikeTemplate(path)
		if is || err != nil && !errors.Is(err, fs.ErrNotExist) {
			found = append(found, input{path: path})
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("look for templates: %w", err)
	case len(found) == 0:
		return nil, errNoneIn(root)
	}
	return found, nil
}

// errNoneIn keeps a run from passing because it looked in the wrong place.
func errNoneIn(directory string) error {
	return &boundary.Problem{
		What:   "there is no template in " + directory,
		Remedy: "name templates, or the directory that they are in; they are looked for in " + strings.Join(extensions, ", "),
	}
}

func isOfTools(directory string) bool {
	return strings.HasPrefix(directory, ".") || directory == "node_modules" || directory == "vendor"
}

// maxTemplate is more than a template can have, in bytes. CloudFormation takes
// 1 MB.
const maxTemplate = 20 << 20

// looksLikeTemplate reports whether a file in a directory speaks of
// CloudFormation.
func looksLikeTemplate(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxTemplate || !info.Mode().IsRegular() {
		return false, err
	}
	text, err := os.ReadFile(path)
	return isOfCloudFormation(text), err
}

// isOfCloudFormation reports whether a text has the word Resources, and a
// resource type or the version of the format.
func isOfCloudFormation(text []byte) bool {
	return bytes.Contains(text, []byte("Resources")) &&
		(bytes.Contains(text, []byte("AWS::")) || bytes.Contains(text, []byte("AWSTemplateFormatVersion")))
}

// read reads the whole input, once: a pipe has its content only once.
func (in input) read() ([]byte, error) {
	from := in.stdin
	if from == nil {
		file, err := os.Open(in.path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, maxTemplate+1))
	if len(text) > maxTemplate {
		err = fmt.Errorf("%s is longer than any template", in.path)
	}
	return text, err
}

// mustBeFiles refuses to change what cannot be written back.
func mustBeFiles(all []input, what string) error {
	for _, in := range all {
		info, err := os.Stat(in.path)
		if in.stdin != nil || err == nil && !info.Mode().IsRegular() {
			return usagef("%s changes files, and %s is none", what, in.path)
		}
	}
	return nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// cause is what is wrong with a path, without the name of the call.
func cause(err error, path string) error {
	if p, ok := err.(*fs.PathError); ok {
		return fmt.Errorf("open %s: %w", path, p.Err)
	}
	return err
}
