package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// Where the peers and what they need are, in the repository.
const (
	nodeDir   = "bench/peers/node"
	pythonDir = "bench/peers/python"
	venv      = ".venv-bench"
)

// programs are the functions that are compared.
type programs struct {
	macro, bare program
	peers       []program // Node and Python, those that are there
	pbm         string
}

// build builds all that runs apart from this process.
func build(dir string) (programs, error) {
	var p programs
	flags := []string{"build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o"}
	for _, b := range []struct {
		name, pkg string
		to        *program
	}{
		{"macro", "./cmd/macro", &p.macro},
		{"bare handler, Go", "./bench/peers/bare", &p.bare},
		{"pbm", "./cmd/pbm", &program{}},
	} {
		path := filepath.Join(dir, filepath.Base(b.pkg))
		if err := run("", "go", append(flags, path, b.pkg)...); err != nil {
			return programs{}, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return programs{}, err
		}
		*b.to = program{b.name, []string{path}, info.Size()}
	}
	p.pbm = filepath.Join(dir, "pbm")
	return p, nil
}

// addPeers adds those that are installed.
func (p *programs) addPeers(dir string) error {
	if hasNode() {
		bundle := filepath.Join(dir, "bundle.cjs")
		err := run(nodeDir, "node_modules/.bin/esbuild", "bootstrap.mjs", "--bundle", "--minify", "--platform=node", "--target=node20", "--log-level=warning", "--outfile="+bundle)
		if err != nil {
			return err
		}
		info, err := os.Stat(bundle)
		if err != nil {
			return err
		}
		size, err := treeSize(filepath.Join(nodeDir, "node_modules"), "esbuild", "@esbuild", ".bin")
		if err != nil {
			return err
		}
		p.peers = append(p.peers,
			program{"Node, AWS SDK v3", []string{"node", filepath.Join(nodeDir, "bootstrap.mjs")}, size},
			program{"Node, in one file", []string{"node", bundle}, info.Size()})
	}
	if hasPython() {
		libraries, err := filepath.Glob(filepath.Join(venv, "lib/python3*/site-packages"))
		if err != nil || len(libraries) == 0 {
			return errors.Join(err, errors.New("no packages in "+venv))
		}
		var size int64
		for _, name := range []string{"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3"} {
			some, err := treeSize(filepath.Join(libraries[0], name))
			if err != nil {
				return err
			}
			size += some
		}
		p.peers = append(p.peers, program{"Python, boto3", []string{filepath.Join(venv, "bin/python"), filepath.Join(pythonDir, "bootstrap.py")}, size})
	}
	return nil
}

func hasNode() bool {
	_, err := os.Stat(filepath.Join(nodeDir, "node_modules/@aws-sdk/client-ssm"))
	return err == nil
}

func hasPython() bool {
	found, err := filepath.Glob(filepath.Join(venv, "lib/python3*/site-packages/boto3"))
	return err == nil && len(found) > 0
}

// treeSize is the size of a directory's files, without some of its entries.
func treeSize(root string, without ...string) (int64, error) {
	left := map[string]bool{}
	for _, name := range without {
		left[filepath.Join(root, name)] = true
	}
	var size int64
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && left[path]:
			return filepath.SkipDir
		case entry.Type().IsRegular():
			info, err := entry.Info()
			if err != nil {
				return err
			}
			size += info.Size()
		}
		return nil
	})
	return size, err
}

func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", name, err, out)
	}
	return nil
}
