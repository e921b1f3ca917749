package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// extensions are those of files that may be templates.
var extensions = []string{".json", ".yaml", ".yml", ".template", ".cfn"}

// findTemplates returns the files that are named, and the templates in the
// directories that are, sorted. Directories of tools, which begin with a dot
// or hold modules of others, are left out.
func findTemplates(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read the template: %w", cause(err, path))
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		found, err := walkTemplates(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

func walkTemplates(root string) ([]string, error) {
	var files []string
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
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for templates: %w", err)
	}
	return files, nil
}

func isOfTools(directory string) bool {
	return strings.HasPrefix(directory, ".") || directory == "node_modules" || directory == "vendor"
}

// maxTemplate is more than a template can have, in bytes. CloudFormation takes
// 1 MB.
const maxTemplate = 20 << 20

// looksLikeTemplate reports whether a file speaks of CloudFormation: it has
// Resources, and a resource type or the version of the format.
func looksLikeTemplate(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxTemplate || !info.Mode().IsRegular() {
		return false, err
	}
	text, err := os.ReadFile(path)
	return bytes.Contains(text, []byte("Resources")) &&
		(bytes.Contains(text, []byte("AWS::")) || bytes.Contains(text, []byte("AWSTemplateFormatVersion"))), err
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
