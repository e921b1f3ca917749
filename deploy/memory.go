package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"permissions-boundary-macro/internal/atomicfile"
)

// memory is what the user has confirmed: decisions, by the path of the project
// file and the name of the environment.
type memory struct {
	Projects map[string]map[string]access `json:"projects"`
}

const maxMemorySize = 1 << 20

// memoryPath is where the memory is, empty where there is no home directory.
func memoryPath() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "pbm", "projects.json")
}

func readMemory(path string) memory {
	var m memory
	text, _, err := atomicfile.Read(path, maxMemorySize)
	if err != nil || json.Unmarshal(text, &m) != nil {
		return memory{} // pbm asks again
	}
	return m
}

// isConfirmed reports whether the user has confirmed where a project says that
// an environment is, or it does not say.
func (j *project) isConfirmed(environment string) bool {
	name, how := j.decision(environment)
	if how.isEmpty() {
		return true
	}
	path := memoryPath()
	if path == "" {
		return false
	}
	confirmed, known := readMemory(path).Projects[realPath(j.path)][name]
	return known && confirmed.equals(how)
}

// remember changes what the user has confirmed of a project.
func (p *pbm) remember(ctx context.Context, j *project, change func(confirmed map[string]access)) {
	path := memoryPath()
	if path == "" {
		return
	}
	if err := p.writeMemory(ctx, path, realPath(j.path), change); err != nil {
		p.line("warning: ", "cannot remember what you confirmed about "+j.path+": "+err.Error())
	}
}

func (p *pbm) writeMemory(ctx context.Context, path, project string, change func(map[string]access)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	unlock, err := atomicfile.Lock(ctx, path, p.waiting(path))
	if err != nil {
		return err
	}
	defer unlock()
	m := readMemory(path)
	maps.DeleteFunc(m.Projects, func(project string, _ map[string]access) bool {
		_, err := os.Lstat(project)
		return errors.Is(err, fs.ErrNotExist)
	})
	if m.Projects == nil {
		m.Projects = map[string]map[string]access{}
	}
	if m.Projects[project] == nil {
		m.Projects[project] = map[string]access{}
	}
	change(m.Projects[project])
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if len(text) >= maxMemorySize {
		return atomicfile.ErrTooLarge
	}
	return atomicfile.WriteMode(path, append(text, '\n'), 0o600)
}
