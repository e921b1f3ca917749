package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/atomicfile"
)

// docs/security.md says what a project file may decide. In short: a project file
// comes with the repository, so pbm obeys one only where its user can have put
// it, and asks before it writes to a place that only the project file names.

// maxProjectSize is how large a project file may be, in bytes. It is also read
// for the completion of names.
const maxProjectSize = 64 << 10

// reach is how far up project files are looked for: to the root of the
// repository, else to the home directory.
type reach struct {
	top          string // the outermost directory whose project file counts
	isRepository bool
}

// reachOf is the reach of a working directory.
func reachOf(dir string) reach {
	if top := repositoryOf(dir); top != "" {
		return reach{top, true}
	}
	if home, err := os.UserHomeDir(); err == nil && filepath.IsAbs(home) {
		if home = realPath(home); isWithin(home, dir) {
			return reach{home, false}
		}
	}
	return reach{dir, false}
}

// repositoryOf is the root of the repository that a directory is in, empty when
// it is in none.
func repositoryOf(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}

// isWithin reports whether a path is a directory, or in it.
func isWithin(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// readProject reads a project file that may be obeyed, nil when there is none.
func readProject(path string) (*project, error) {
	text, info, err := readNoLink(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, atomicfile.ErrNotRegular):
		return nil, notObeyed(path, "is not a regular file", "replace it with a file, or remove it")
	case err != nil:
		return nil, boundary.Problem{What: "the project file is not readable", Cause: err, Remedy: "correct or delete it"}
	}
	if err := mustBeOwn(path, info); err != nil {
		return nil, err
	}
	return parseProject(path, text)
}

// mustBeOwn refuses the file of another user than root.
func mustBeOwn(path string, info fs.FileInfo) error {
	if uid, _, known := atomicfile.Owner(info); known && uid != os.Geteuid() && uid != 0 {
		return notObeyed(path, "belongs to "+userName(uid), "take ownership of it if you trust what it says, or move or remove it; pbm obeys only project files that you or root own")
	}
	return nil
}

// readNoLink reads what the name of a project file is of, and follows no link.
func readNoLink(path string) ([]byte, fs.FileInfo, error) {
	for range 100 {
		named, err := os.Lstat(path)
		if err != nil {
			return nil, nil, err
		}
		if !named.Mode().IsRegular() {
			return nil, nil, atomicfile.ErrNotRegular
		}
		text, opened, err := atomicfile.Read(path, maxProjectSize)
		if err != nil || os.SameFile(named, opened) {
			return text, opened, err
		}
		// Another pbm has just replaced it.
	}
	return nil, nil, atomicfile.ErrNotRegular
}

func notObeyed(path, why, remedy string) error {
	return boundary.Problem{What: "the project file " + path + " " + why, Remedy: remedy}
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return "user " + u.Username
	}
	return fmt.Sprintf("user %d", uid)
}

// outOfReach is the error about a project file above all that may be obeyed.
func outOfReach(path string, info fs.FileInfo) error {
	if err := mustBeOwn(path, info); err != nil {
		return err
	}
	return notObeyed(path, "is out of reach",
		"run pbm in its directory, in a repository, or below your home directory; or remove the file")
}

// keeps is how the project keeps where a file store is: as seen from its own
// directory, which it must not leave.
func (j *project) keeps(file string) (string, error) {
	dir := realPath(filepath.Dir(j.path))
	real, err := resolve(file)
	if err != nil || !isWithin(dir, real) {
		return "", boundary.Problem{
			What:   "the store " + file + " is not in the directory of the project file " + j.path,
			Cause:  err,
			Remedy: "keep the store in that directory, or name it each time with --store file:PATH; pbm env checkout and add remember only what is inside",
		}
	}
	return filepath.ToSlash(relative(dir, real)), nil
}

// resolve is a path without links, of a file that need not exist.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	if _, e := os.Lstat(path); e == nil || path == filepath.Dir(path) {
		return "", err // a link to nothing
	}
	dir, err := resolve(filepath.Dir(path))
	return filepath.Join(dir, filepath.Base(path)), err
}

// decision is where the project says that an environment is, and under which
// name: the empty one stands for all that it does not know.
func (j *project) decision(environment string) (name string, how access) {
	if how, known := j.Environments[environment]; known {
		return environment, how
	}
	return "", access{Store: j.Environments[j.Current].Store}
}

// confirmProject asks whether to go where a project says that an environment
// is. It refuses where nobody can be asked.
func (p *pbm) confirmProject(ctx context.Context, j *project, environment string) error {
	if j.isConfirmed(environment) {
		return nil
	}
	name, how := j.decision(environment)
	unconfirmed := fmt.Sprintf("%s says where %s is (%s), and you have not confirmed that on this machine", j.path, theEnvironment(name), how)
	if p.canAsk() {
		p.line("warning: ", unconfirmed)
	}
	flags := "--store ssm --profile NAME --region REGION"
	if len(how.Targets) > 1 || slices.ContainsFunc(how.Targets, func(t target) bool { return t.Role != "" }) {
		flags = "--store ssm and --" + targetFlagName + " for each account and Region"
	}
	err := p.confirm(ctx, "yes", "type yes to use that place, now and until that entry changes: ", boundary.Problem{
		What:   unconfirmed,
		Remedy: "name the place with flags: " + flags + ", or --store file:PATH; or follow the project file with --yes",
	})
	if err == nil && !p.yes && !p.dryRun {
		p.remember(ctx, j, func(confirmed map[string]access) { confirmed[name] = how })
	}
	return err
}

func theEnvironment(environment string) string {
	if environment == "" {
		return "any environment that it does not name"
	}
	return "environment " + environment
}
