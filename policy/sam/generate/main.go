// Command generate writes what package sam embeds, sam.json.gz, and the license and
// notice of the data, LICENSE and NOTICE, into the current directory. It takes the data
// from a version of the PyPI package aws-sam-translator, or from a wheel of it:
//
//	generate VERSION | WHEEL
//
// The same data yield the same bytes.
package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"

	"permissions-boundary-macro/internal/published"
	"permissions-boundary-macro/policy/sam"
)

const pypiPackage = "aws-sam-translator"

func main() {
	published.Package{Extension: ".whl", Download: download, Files: generate}.Main()
}

func generate(path string) (map[string][]byte, error) {
	wheel, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer wheel.Close()
	data, err := render(wheel)
	if err != nil {
		return nil, err
	}
	license, err := fileOf(wheel, "/licenses/LICENSE")
	if err != nil {
		return nil, err
	}
	notice, err := fileOf(wheel, "/licenses/NOTICE")
	return map[string][]byte{"sam.json.gz": data, "LICENSE": license, "NOTICE": notice}, err
}

func download(version, dir string) *exec.Cmd {
	return exec.Command("python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
		"--only-binary", ":all:", "--dest", dir, pypiPackage+"=="+version)
}

// fileOf returns the one file of a wheel whose path ends so.
func fileOf(wheel *zip.ReadCloser, suffix string) ([]byte, error) {
	for _, file := range wheel.File {
		if !strings.HasSuffix(file.Name, suffix) {
			continue
		}
		content, err := file.Open()
		if err != nil {
			return nil, err
		}
		defer content.Close()
		return io.ReadAll(content)
	}
	return nil, fmt.Errorf("the wheel has no %s", suffix)
}

func unmarshal(wheel *zip.ReadCloser, suffix string, into any) error {
	text, err := fileOf(wheel, suffix)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", suffix, err)
	}
	return nil
}

func render(wheel *zip.ReadCloser) ([]byte, error) {
	t := sam.Translator{}
	metadata, err := fileOf(wheel, "dist-info/METADATA")
	if err != nil {
		return nil, err
	}
	_, behind, _ := strings.Cut(string(metadata), "\nVersion: ")
	t.Version, _, _ = strings.Cut(behind, "\n")
	if t.PolicyTemplates, err = policyTemplates(wheel); err != nil {
		return nil, err
	}
	if t.ManagedPolicies, err = managedPolicies(wheel); err != nil {
		return nil, err
	}
	var profiles connectorProfiles
	if err := unmarshal(wheel, "/connector_profiles/profiles.json", &profiles); err != nil {
		return nil, err
	}
	if t.Connectors, err = profiles.connectors(); err != nil {
		return nil, err
	}
	t.Connectables = profiles.connectables()
	return json.Marshal(t)
}

func policyTemplates(wheel *zip.ReadCloser) (map[string]sam.PolicyTemplate, error) {
	var from struct {
		Templates map[string]struct {
			Parameters map[string]any
			Definition json.RawMessage
		}
	}
	if err := unmarshal(wheel, "/policy_templates.json", &from); err != nil {
		return nil, err
	}
	all := map[string]sam.PolicyTemplate{}
	for name, t := range from.Templates {
		all[name] = sam.PolicyTemplate{Parameters: slices.Sorted(maps.Keys(t.Parameters)), Document: t.Definition}
	}
	return all, nil
}

// managedPolicies are paths and names: a policy has the same in each partition, as far
// as it is there.
func managedPolicies(wheel *zip.ReadCloser) (map[string]string, error) {
	var from map[string]map[string]string // ARN by partition and name
	if err := unmarshal(wheel, "/aws_managed_policies.json", &from); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for partition, policies := range from {
		for name, arn := range policies {
			path, found := strings.CutPrefix(arn, "arn:"+partition+":iam::aws:policy/")
			if known := all[name]; !found || known != "" && known != path {
				return nil, fmt.Errorf("the policy %s of partition %s is %s", name, partition, arn)
			}
			all[name] = path
		}
	}
	return all, nil
}

// connectorProfiles say what connectors are between, and what they make.
type connectorProfiles struct {
	Permissions           map[string]map[string]profile // by source and destination
	CfnResourceProperties map[string]struct {
		Inputs  struct{ Role any }
		Outputs struct{ Arn, Name json.RawMessage }
	}
}

type profile struct {
	Type       string
	Properties struct {
		SourcePolicy     bool
		AccessCategories json.RawMessage // of another form where Type is not rolePolicy
	}
}

// rolePolicy is the type of profiles whose connectors give a role a policy. The
// others make policies of resources.
const rolePolicy = "AWS_IAM_ROLE_MANAGED_POLICY"

func (p connectorProfiles) connectors() (map[string]map[string]sam.Connector, error) {
	all := map[string]map[string]sam.Connector{}
	for source, destinations := range p.Permissions {
		all[source] = map[string]sam.Connector{}
		for destination, of := range destinations {
			c := sam.Connector{}
			if of.Type == rolePolicy {
				c.OfSource, c.OfDestination = of.Properties.SourcePolicy, !of.Properties.SourcePolicy
				if err := json.Unmarshal(of.Properties.AccessCategories, &c.Access); err != nil {
					return nil, fmt.Errorf("the connector from %s to %s: %w", source, destination, err)
				}
			}
			all[source][destination] = c
		}
	}
	return all, nil
}

// connectables are the types of resources. The role of one may be found otherwise than
// by a property.
func (p connectorProfiles) connectables() map[string]sam.Connectable {
	all := map[string]sam.Connectable{}
	for typ, of := range p.CfnResourceProperties {
		role, _ := of.Inputs.Role.(string)
		all[typ] = sam.Connectable{Arn: of.Outputs.Arn, Name: of.Outputs.Name, Role: role}
	}
	return all
}
