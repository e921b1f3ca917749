package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/atomicfile"
)

// extensions are those of files that may be templates.
var extensions = []string{".json", ".yaml", ".yml", ".template", ".cfn"}

// standardStream is the path that stands for stdin, and for stdout where
// something is written.
const standardStream = "-"

// input is where a template may be.
type input struct {
	path    string
	real    string    // the same without links
	named   bool      // and not found in a directory
	root    string    // the directory that was named, or the one of the file that was
	managed bool      // a service-managed StackSet deploys it, which takes no transforms
	stdin   io.Reader // nil for a file
}

// skipped is a file or directory that was not looked at.
type skipped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// findTemplates returns the files that are named and the templates in the
// directories that are, sorted, and what was skipped in those directories. A
// file with several names counts once.
func (p *pbm) findTemplates(ctx context.Context, paths []string) ([]input, []skipped, error) {
	var all []input
	var left []skipped
	for _, path := range paths {
		if path == standardStream {
			all = append(all, input{path: "stdin", named: true, root: ".", stdin: interruptible{ctx, p.stdin}})
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, nil, fmt.Errorf("read the template: %w", cause(err, path))
		}
		if !info.IsDir() {
			all = append(all, input{path: path, named: true, root: filepath.Dir(path)})
			continue
		}
		w := walk{looker: newLooker(), root: path, seen: map[string]bool{}}
		err = w.all(ctx)
		p.reportSkipped(w.skipped)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, w.found...)
		left = append(left, w.skipped...)
	}
	slices.SortFunc(left, func(a, b skipped) int { return strings.Compare(a.Path, b.Path) })
	return once(all), slices.Compact(left), nil
}

// reportSkipped names what was skipped, the directories of tools in one line.
func (p *pbm) reportSkipped(all []skipped) {
	var tools []string
	for _, s := range all {
		if s.Reason == reasonTools {
			tools = append(tools, s.Path)
			continue
		}
		p.line("warning: ", "skipped "+s.Path+": "+s.Reason)
	}
	if len(tools) > 0 {
		p.line("", "skipped directories of tools: "+strings.Join(tools, ", "))
	}
}

// once leaves out further names of a file, links before others, and sorts.
func once(all []input) []input {
	known := map[string]bool{}
	directories := map[string]string{} // their real paths
	var files, links, kept []input
	for _, in := range all {
		if in.isLink() {
			in.real = realPath(in.path)
			links = append(links, in)
			continue
		}
		directory := filepath.Dir(in.path)
		if directories[directory] == "" {
			directories[directory] = realPath(directory)
		}
		in.real = filepath.Join(directories[directory], filepath.Base(in.path))
		files = append(files, in)
	}
	for _, in := range append(files, links...) {
		if !known[in.real] {
			known[in.real] = true
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

// isStream reports whether the input is stdin or a pipe that the shell opened,
// as opposed to a file.
func (in input) isStream() bool {
	path := filepath.ToSlash(filepath.Clean(in.path))
	return in.stdin != nil || path == "/dev/stdin" || path == "/proc/self/fd/0" || strings.HasPrefix(path, "/dev/fd/")
}

// realPath is the absolute path that the links of a path lead to.
func realPath(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	if target, err := filepath.EvalSymlinks(absolute); err == nil {
		return target
	}
	return absolute
}

// isBelow reports whether a path, its links followed, is a directory or lies
// in it.
func isBelow(directory, path string) bool { return isWithin(realPath(directory), realPath(path)) }

// isAtHome reports whether a path lies below the directory root, or in the
// repository that root is in. A repository must not make pbm read what lies
// elsewhere on the machine.
func isAtHome(root, path string) bool {
	if isBelow(root, path) {
		return true
	}
	repository := repositoryOf(realPath(root))
	return repository != "" && isBelow(repository, path)
}

// nestedTemplate says why a local template that another one nests is not read,
// in words that follow its name, or nil when it is read. root is that of the
// template that nests it: see [input].
func nestedTemplate(root, path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("does not exist: %w", fs.ErrNotExist)
	case err != nil:
		return fmt.Errorf("cannot be read: %w", err)
	case !isAtHome(root, path):
		return errors.New("lies outside the directory that was named and its repository")
	case !info.Mode().IsRegular():
		return errNotRegular
	case info.Size() > maxTemplate:
		return errTooLong
	}
	return nil
}

var (
	errNotRegular = errors.New("is not a regular file")
	errTooLong    = fmt.Errorf("is longer than any template: more than %d MB", maxTemplate>>20)
)

// walk looks for templates in a directory. It follows links to directories
// that lie below the root or in its repository, each directory once.
type walk struct {
	*looker
	root    string
	seen    map[string]bool // directories by their real path
	links   []string        // to directories, which follow when all others are seen
	found   []input
	skipped []skipped
}

func (w *walk) all(ctx context.Context) error {
	w.links = []string{w.root}
	for len(w.links) > 0 {
		link := w.links[0]
		w.links = w.links[1:]
		if !isAtHome(w.root, link) {
			w.skip(link, "it is a link to a directory outside "+w.root+" and its repository")
			continue
		}
		if err := w.directory(ctx, link); err != nil {
			return fmt.Errorf("look for templates: %w", err)
		}
	}
	if len(w.found) == 0 {
		return errNoneIn(w.root)
	}
	return nil
}

func (w *walk) skip(path, reason string) {
	w.skipped = append(w.skipped, skipped{path, reason})
}

func (w *walk) directory(ctx context.Context, directory string) error {
	if w.seen[realPath(directory)] {
		return nil
	}
	w.seen[realPath(directory)] = true
	entries, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		isLink := entry.Type()&fs.ModeSymlink != 0
		switch isDir := entry.IsDir() || isLink && isDirectory(path); {
		case ctx.Err() != nil:
			return ctx.Err()
		case isDir && isOfTools(path):
			if entry.Name() != ".git" && !isEmpty(path) {
				w.skip(path, reasonTools)
			}
		case isDir && isLink:
			w.links = append(w.links, path)
		case isDir:
			if err := w.directory(ctx, path); err != nil {
				return err
			}
		case slices.Contains(extensions, strings.ToLower(filepath.Ext(path))):
			w.file(ctx, path)
		}
	}
	return nil
}

// file takes a file that may be a template. One that cannot be read is taken,
// so that reading it reports the error.
func (w *walk) file(ctx context.Context, path string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.skip(path, "it is a broken link")
		return
	case err == nil && !info.Mode().IsRegular():
		w.skip(path, "it is not a regular file")
		return
	}
	if may, err := w.mayBeTemplate(ctx, path); may || err != nil {
		w.found = append(w.found, input{path: path, root: w.root})
	}
}

func (w *walk) mayBeTemplate(ctx context.Context, path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	return w.look(ctx, file)
}

// errNoneIn keeps a run from passing because it looked in the wrong place.
func errNoneIn(directory string) error {
	return boundary.Problem{
		What:   "there is no template in " + directory,
		Remedy: "name templates, or a directory that has some; pbm reads files that end in " + strings.Join(extensions, ", "),
	}
}

// reasonTools is why directories of tools are skipped: what is in them is
// installed or generated.
const reasonTools = "it is a directory of a tool; name it to have it checked"

// isOfTools reports whether a directory is one of a tool. Amplify keeps a copy of what
// is deployed, and the CDK the code of functions beside its templates.
func isOfTools(path string) bool {
	name := filepath.Base(path)
	return strings.HasPrefix(name, ".") || name == "node_modules" || name == "vendor" || name == "#current-cloud-backend" ||
		strings.HasPrefix(name, "asset.") && isAssembly(filepath.Dir(path))
}

// isAssembly reports whether a directory is what cdk synth writes: by the name that it
// has unless somebody chooses another, or by its file of that name.
func isAssembly(directory string) bool {
	const name = "cdk.out"
	if filepath.Base(directory) == name {
		return true
	}
	info, err := os.Stat(filepath.Join(directory, name))
	return err == nil && info.Mode().IsRegular()
}

// Tools that generate templates.
const (
	byCDK        = "the CDK"
	bySAM        = "the SAM CLI"
	byServerless = "the Serverless Framework"
	byAmplify    = "Amplify"
)

// generatorOf is the tool that generates a file, empty for a file that people
// write. To change such a file is in vain, or breaks what has a hash of it.
func generatorOf(in input) string {
	directory := filepath.Dir(in.real)
	inside := filepath.ToSlash(directory) + "/"
	switch {
	case isAssembly(directory):
		return byCDK
	case strings.Contains(inside, "/.aws-sam/"):
		return bySAM
	case strings.Contains(inside, "/.serverless/"):
		return byServerless
	case strings.Contains(inside, "/#current-cloud-backend/"):
		return byAmplify
	}
	return ""
}

// maxTemplate is more than a template can have, in bytes. CloudFormation takes
// 1 MB.
const maxTemplate = 20 << 20

// read reads the whole input, once: a pipe has its content only once. What is
// neither a stream nor a file is not opened, for it may block for ever, or never
// end.
func (in input) read() ([]byte, error) {
	if in.isStream() {
		return in.readStream()
	}
	text, _, err := atomicfile.Read(in.path, maxTemplate)
	switch {
	case errors.Is(err, atomicfile.ErrNotRegular):
		err = fmt.Errorf("%s %w", in.path, errNotRegular)
	case errors.Is(err, atomicfile.ErrTooLarge):
		err = fmt.Errorf("%s %w", in.path, errTooLong)
	}
	return text, err
}

func (in input) readStream() ([]byte, error) {
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
		err = fmt.Errorf("%s %w", in.path, errTooLong)
	}
	return text, err
}

// changeable are the files that a command may change. It refuses what cannot be
// written back, and skips links in a repository that lead out of it: a
// repository must not choose which other files are changed.
func (p *pbm) changeable(all []input, what string) ([]input, error) {
	var files []input
	for _, in := range all {
		info, err := os.Stat(in.path)
		switch {
		case in.stdin != nil || err == nil && !info.Mode().IsRegular():
			return nil, usagef("%s changes files, and %s is not a file", what, in.path)
		case !in.named && in.isLink() && repositoryOf(realPath(in.root)) != "" && !isAtHome(in.root, in.path):
			p.reportSkipped([]skipped{{in.path, "it is a link to a file outside the repository"}})
		default:
			files = append(files, in)
		}
	}
	return files, nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isEmpty(directory string) bool {
	file, err := os.Open(directory)
	if err != nil {
		return false
	}
	defer file.Close()
	_, err = file.ReadDir(1)
	return errors.Is(err, io.EOF)
}

// cause is what is wrong with a path, without the name of the call.
func cause(err error, path string) error {
	if p, ok := err.(*fs.PathError); ok {
		return fmt.Errorf("open %s: %w", path, p.Err)
	}
	return err
}
