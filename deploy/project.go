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
	"slices"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/atomicfile"
)

// projectFile is what a project's file is called. pbm finds it in the working
// directory or in the nearest one above.
const projectFile = ".pbm.json"

// project is what pbm remembers between calls: which environment is the
// current one, and how to reach each. Boundaries are in the store alone.
type project struct {
	path  string
	isNew bool // not written yet

	Current      string            `json:"current,omitempty"`
	Environments map[string]access `json:"environments,omitempty"`
}

// use is the command that makes an environment the current one: without a project,
// one that starts it.
func (j *project) use(environment string) string {
	if j == nil || j.isNew {
		return "pbm init " + environment
	}
	return "pbm env checkout " + environment
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
			Remedy: `correct or delete it; it is JSON of the form {"current": "dev", "environments": {"dev": {"targets": [{"account": "...", "region": "...", "profile": "..."}]}}}`,
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
		if err := how.check(); err != nil {
			return fmt.Errorf("environment %s: %w", name, err)
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

// elsewhere is where the project has an environment, empty unless none of the
// places is there.
func (j *project) elsewhere(environment string, all []*place) access {
	if j == nil {
		return access{}
	}
	how := j.access(environment)
	if _, known := j.Environments[environment]; !known || slices.ContainsFunc(all, how.has) {
		return access{}
	}
	return how
}

// entry is how the project keeps places.
func (j *project) entry(all []*place) (access, error) {
	var how access
	for _, at := range all {
		if !at.inAWS() {
			file, err := j.keeps(at.file)
			return access{Store: filePrefix + file}, err
		}
		how.Targets = append(how.Targets, at.target)
	}
	return how, nil
}

// with is the access with the targets of another one added. A target that is
// reached in a new way takes the place of the old one. A file store is the only
// place of an environment.
func (a access) with(more access) access {
	if more.Store != "" || a.Store != "" {
		return more
	}
	kept := slices.DeleteFunc(slices.Clone(a.Targets), func(t target) bool {
		return slices.ContainsFunc(more.Targets, func(new target) bool { return (&place{target: new}).isTarget(t) })
	})
	return access{Targets: append(kept, more.Targets...)}
}

// enter makes an environment the current one, with an entry made from the one that
// the project file has by now. What the user has named or confirmed stays so.
func (p *pbm) enter(ctx context.Context, j *project, environment string, entry func(present access) access, confirmed bool) error {
	expected := entry(j.Environments[environment])
	var how access
	err := p.edit(ctx, j, func(j *project) {
		if j.Environments == nil {
			j.Environments = map[string]access{}
		}
		how = entry(j.Environments[environment])
		j.Environments[environment] = how
		j.Current = environment
	})
	if err == nil && confirmed && how.equals(expected) {
		p.remember(ctx, j, func(confirmed map[string]access) {
			confirmed[environment] = how
			confirmed[""] = access{Store: how.Store}
		})
	}
	return err
}

// tellEntered says what the project remembers now, which may come from
// variables, and what it remembered of the environment elsewhere.
func (p *pbm) tellEntered(j *project, environment string, old access) {
	if !old.isEmpty() {
		p.line("", fmt.Sprintf("the project had environment %s elsewhere before (%s)", environment, old))
	}
	p.line("", fmt.Sprintf("environment %s is now the current one (%s)", environment, j.access(environment)))
}

// edit changes the project file as it stands now, so that commands that run at
// the same time keep each other's entries. It says so if it creates the file.
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
	isNew := present == nil
	if isNew {
		present = &project{path: j.path}
	}
	change(present)
	if err := present.save(); err != nil {
		return err
	}
	if isNew {
		p.line("", "wrote "+fromWorkingDirectory(j.path))
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
