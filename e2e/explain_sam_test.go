package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/corpus"
	"permissions-boundary-macro/policy/sam"
)

// What pbm explain reads of SAM's resources is what it reads of the roles that the SAM
// translator makes of them: in the project's templates, in one with each policy
// template, and in those that CORPUS has.
func TestExplainSAM(t *testing.T) {
	scenario(t, "pbm explain before and after the SAM translator", func(t *testing.T) string {
		templates := samTemplates(t)
		if corpus.IsThere() {
			addCorpus(t, templates)
		}
		before, after := t.TempDir(), t.TempDir()
		var names []string
		for _, name := range slices.Sorted(maps.Keys(templates)) {
			file := fmt.Sprintf("%05d.json", len(names))
			require.NoError(t, writeJSON(filepath.Join(before, file), templates[name]))
			c := cloudFormation{t: t}
			translated, err := c.transform(templates[name], nil)
			if err != nil {
				require.Contains(t, name, "/", "%s: %v", name, err) // of the corpus
				require.NoError(t, os.Remove(filepath.Join(before, file)))
				continue
			}
			require.NoError(t, writeJSON(filepath.Join(after, file), translated))
			names = append(names, name)
		}
		source, processed := explained(t, before), explained(t, after)
		var c samComparison
		for i, name := range names {
			file := fmt.Sprintf("%05d.json", i)
			c.compare(t, name, source[file], processed[file])
		}
		require.Less(t, c.notInSight*20, c.roles)
		return fmt.Sprintf("%d templates; %s", len(names), c)
	})
}

// addCorpus adds the templates of the corpus that have resources of SAM.
func addCorpus(t *testing.T, templates map[string]object) {
	t.Helper()
	for _, in := range corpus.Lines[input](t, "templates.jsonl.gz") {
		if strings.Contains(string(in.Fragment), "AWS::Serverless::") {
			templates[in.Name] = withoutApplications(in.template(t, serverless))
		}
	}
}

// samTemplates are the project's own, and one with a function for each policy template.
func samTemplates(t *testing.T) map[string]object {
	t.Helper()
	all := map[string]object{}
	for _, path := range []string{"testdata/sam-policies.yaml", "../examples/orders-sam.yaml", "../template.yaml"} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		template, err := transforms.ask(object{"do": "load", "text": string(text)})
		require.NoError(t, err)
		template["Transform"] = serverless
		all[filepath.Base(path)] = template
	}
	functions := object{}
	for name, of := range sam.Embedded().PolicyTemplates {
		values := object{}
		for i, parameter := range of.Parameters {
			values[parameter] = fmt.Sprintf("arn:aws:service:::value-%d", i)
		}
		functions[strings.ReplaceAll(name, "_", "")] = object{"Type": "AWS::Serverless::Function", "Properties": object{
			"Runtime": "python3.12", "Handler": "index.handler", "InlineCode": "pass", "Policies": []any{object{name: values}},
		}}
	}
	all["each policy template"] = object{"Transform": serverless, "Resources": functions}
	return all
}

// withoutApplications removes applications, about which the translator asks AWS.
func withoutApplications(template object) object {
	for id, r := range resourcesOf(template) {
		if r["Type"] == "AWS::Serverless::Application" {
			delete(template["Resources"].(object), id)
		}
	}
	return template
}

// explainedRole is a role as pbm explain shows it.
type explainedRole struct {
	Role, Path string
	Grants     []struct{ Action, Resource string }
	NotInSight []string
}

// explained are the roles of the templates of a folder, by file and logical ID.
func explained(t *testing.T, dir string) map[string]map[string]explainedRole {
	t.Helper()
	boundary := filepath.Join(t.TempDir(), "boundary.json")
	require.NoError(t, os.WriteFile(boundary, []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "none:None", "Resource": "*"}}`), 0o600))
	var result struct{ Roles []explainedRole }
	text := pbm(t, "explain", dir, "--policy", boundary, "--actions", "--json")
	require.NoError(t, json.Unmarshal([]byte(text), &result))
	all := map[string]map[string]explainedRole{}
	for _, role := range result.Roles {
		file := filepath.Base(role.Path)
		if all[file] == nil {
			all[file] = map[string]explainedRole{}
		}
		all[file][role.Role] = role
	}
	return all
}

// samComparison counts roles of the translated templates.
type samComparison struct{ roles, same, notInSight int }

func (c samComparison) String() string {
	return fmt.Sprintf("%d roles: %d the same, %d not wholly in sight before, by name", c.roles, c.same, c.notInSight)
}

// madeOf begins what is not in sight of a resource of which SAM makes roles.
const madeOf = "what SAM makes of "

func (c *samComparison) compare(t *testing.T, name string, before, after map[string]explainedRole) {
	t.Helper()
	for id, role := range after {
		c.roles++
		source, found := before[id]
		if !found {
			assert.True(t, isMadeOf(id, before), "%s: role %s is not explained", name, id)
			c.notInSight++
			continue
		}
		want, got := role.texts(), source.texts()
		if slices.ContainsFunc(got, func(text string) bool { return isBeyond(text) && !slices.Contains(want, text) }) {
			assert.Subset(t, want, slices.DeleteFunc(got, isBeyond), "%s: role %s", name, id)
			c.notInSight++
			continue
		}
		if assert.Equal(t, want, got, "%s: role %s", name, id) {
			c.same++
		}
	}
	for id, role := range before {
		_, found := after[id]
		assert.True(t, found || slices.ContainsFunc(role.texts(), isBeyond), "%s: role %s is not there", name, id)
	}
}

// isMadeOf reports whether a role is of a resource of which SAM makes roles that are
// not in sight.
func isMadeOf(id string, roles map[string]explainedRole) bool {
	for made, role := range roles {
		if strings.HasPrefix(id, made) && slices.ContainsFunc(role.NotInSight, func(text string) bool { return strings.HasPrefix(text, madeOf) }) {
			return true
		}
	}
	return false
}

// isBeyond reports whether a text is about what only SAM has in sight: policies that it
// makes, and values of parameters, which it writes into some.
func isBeyond(text string) bool {
	for _, prefix := range []string{madeOf, "what SAM adds for ", "policy template ", "an entry of Policies "} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return strings.HasSuffix(text, " on {...}")
}

// texts are what a role is granted, and what is not in sight of it, each once, as they
// are in the partition aws.
func (r explainedRole) texts() []string {
	all := slices.Clone(r.NotInSight)
	for _, g := range r.Grants {
		all = append(all, g.Action+" on "+g.Resource)
	}
	for i, text := range all {
		text, _, _ = strings.Cut(text, " (AWSXRayDaemonWriteAccess")
		all[i] = strings.ReplaceAll(text, "${AWS::Partition}", "aws")
	}
	slices.Sort(all)
	return slices.Compact(all)
}
