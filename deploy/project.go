package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"permissions-boundary-macro/atomicfile"
	"permissions-boundary-macro/boundary"
)

// projectFile is what a project's file is called. pbm finds it in the working
// directory or in the nearest one above.
const projectFile = ".pbm.json"

// project is what pbm remembers between calls: which environment is the
// current one, and how to reach each. Boundaries are in the store alone.
type project struct {
	path string

	Current      string            `json:"current,omitempty"`
	Environments map[string]access `json:"environments,omitempty"`
}

// access is how an environment is reached. Empty is SSM, and what AWS's own
// variables and files say.
type access struct {
	Profile string `json:"profile,omitempty"`
	Region  string `json:"region,omitempty"`
	Store   string `json:"store,omitempty"` // file:PATH
}

// isAt reports whether it may be the same store. Another profile may lead to
// the same account.
func (a access) isAt(other access) bool {
	file, isFile := storeFile(a.Store)
	otherFile, otherIsFile := storeFile(other.Store)
	if isFile || otherIsFile {
		return isFile == otherIsFile && filepath.Clean(file) == filepath.Clean(otherFile)
	}
	return a.Region == "" || a.Region == other.Region
}

// String says it in messages.
func (a access) String() string {
	var kept []string
	for _, row := range present([][]string{{"profile", a.Profile}, {"region", a.Region}, {"store", a.Store}}) {
		kept = append(kept, row[0]+" "+row[1])
	}
	return strings.Join(kept, ", ")
}

// findProject reads the project of a directory. It returns nil when there is
// none.
func findProject(dir string) (*project, error) {
	reach := reachOf(dir)
	for at := dir; ; at = filepath.Dir(at) {
		path := filepath.Join(at, projectFile)
		if isWithin(reach.top, at) {
			if j, err := readProject(path); j != nil || err != nil {
				return j, err
			}
		} else if info, err := os.Lstat(path); err == nil {
			return nil, outOfReach(path, info)
		}
		if at == filepath.Dir(at) || reach.isRepository && at == reach.top {
			return nil, nil
		}
	}
}

// parseProject reads strictly: with a member misspelled, pbm would change
// another Region than was meant.
func parseProject(path string, text []byte) (*project, error) {
	j := &project{path: path}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(j)
	if err == nil {
		err = j.check(d)
	}
	if err != nil {
		return nil, boundary.Problem{
			What:   "the project file " + path + " is not readable",
			Cause:  err,
			Remedy: `correct or delete it; it is JSON of the form {"current": "dev", "environments": {"dev": {"profile": "...", "region": "..."}}}`,
		}
	}
	return j, nil
}

func (j *project) check(d *json.Decoder) error {
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text after its end")
	}
	if j.Current != "" && boundary.CheckEnvironment(j.Current) != nil {
		return fmt.Errorf("current: %w", boundary.ErrEnvironmentName)
	}
	for name, how := range j.Environments {
		if boundary.CheckEnvironment(name) != nil {
			return fmt.Errorf("environments: %w", boundary.ErrEnvironmentName)
		}
		if how.Store != "" && !isStore(how.Store) {
			return fmt.Errorf("store of environment %s is not of the form file:PATH", name)
		}
	}
	return nil
}

// access is how the project reaches an environment. One that it does not know
// is looked for in the store of the current one.
func (j *project) access(environment string) access {
	_, how := j.decision(environment)
	// The working directory is where paths are named from; the project's is
	// where they are kept from.
	if path, isFile := storeFile(how.Store); isFile && !filepath.IsAbs(path) {
		how.Store = filePrefix + fromWorkingDirectory(filepath.Join(filepath.Dir(j.path), path))
	}
	return how
}

// workingDirectory is the working directory, without links: what is above it
// is the same for everybody.
func workingDirectory() (string, error) {
	dir, err := os.Getwd()
	return realPath(dir), err
}

func fromWorkingDirectory(path string) string {
	dir, err := workingDirectory()
	if err != nil {
		return path
	}
	return relative(dir, path)
}

// relative is a path as seen from a directory, if there is a way.
func relative(dir, path string) string {
	if seen, err := filepath.Rel(dir, path); err == nil {
		return seen
	}
	return path
}

// means reports whether an environment in a place is what the project calls so.
func (j *project) means(environment string, at *place) bool {
	return j != nil && j.access(environment).isAt(at.access)
}

// movesFrom is where the project had an environment, empty unless it enters it
// elsewhere now.
func (j *project) movesFrom(environment string, how access) access {
	old := j.access(environment)
	if _, known := j.Environments[environment]; !known || old.isAt(how) && (old.Profile == "" || old.Profile == how.Profile) {
		return access{}
	}
	return old
}

// entry is how the project keeps a place.
func (j *project) entry(at *place) (access, error) {
	if at.inAWS() {
		return at.access, nil
	}
	file, err := j.keeps(at.file)
	return access{Store: filePrefix + file}, err
}

// enter makes an environment the current one, in a place. What the user has
// named or confirmed stays so.
func (p *pbm) enter(ctx context.Context, j *project, environment string, at *place) error {
	how, err := j.entry(at)
	if err != nil {
		return err
	}
	err = p.edit(ctx, j, func(j *project) {
		if j.Environments == nil {
			j.Environments = map[string]access{}
		}
		j.Environments[environment] = how
		j.Current = environment
	})
	if err == nil && at.confirmed {
		p.remember(ctx, j, func(confirmed map[string]access) {
			confirmed[environment] = how
			confirmed[""] = access{Store: how.Store}
		})
	}
	return err
}

// entered says what the project remembers now, which may come from variables,
// and what it remembered of the environment elsewhere.
func (p *pbm) entered(environment string, old, how access) {
	if old != (access{}) {
		p.line("", fmt.Sprintf("the project had environment %s elsewhere before (%s)", environment, old))
	}
	p.line("", fmt.Sprintf("environment %s is now the current one (%s)", environment, how))
}

// edit changes the project file as it stands now, so that commands that run at
// the same time keep each other's entries.
func (p *pbm) edit(ctx context.Context, j *project, change func(*project)) error {
	unlock, err := atomicfile.Lock(ctx, j.path, p.waiting(j.path))
	if err != nil {
		return notSaved(err)
	}
	defer unlock()
	present, err := readProject(j.path)
	if err != nil {
		return err
	}
	if present == nil {
		present = &project{path: j.path}
	}
	change(present)
	if err := present.save(); err != nil {
		return err
	}
	*j = *present
	return nil
}

// save writes the file as a whole: a reader finds the old one or the new one.
func (j *project) save() error {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("write the project file: %w", err)
	}
	if len(text) >= maxProjectSize {
		return notSaved(atomicfile.ErrTooLarge)
	}
	if err := atomicfile.Write(j.path, append(text, '\n')); err != nil {
		return notSaved(err)
	}
	return nil
}

func notSaved(err error) error {
	return boundary.Problem{
		What:   "the project file was not written",
		Cause:  err,
		Remedy: "check its directory, then: pbm env checkout NAME",
	}
}
