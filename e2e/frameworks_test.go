package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// What docs/frameworks.md says about the CDK and the Serverless Framework.
func TestFrameworks(t *testing.T) {
	scenario(t, "CDK: an aspect for an app with nested stacks, stages and references between Regions", func(t *testing.T) string {
		c := &cloudFormation{t: t, macro: startFunction(t)}
		addEnvironment(t, "dev", "dev-boundary")
		addEnvironment(t, "prod", "prod-boundary")
		out := t.TempDir()
		run(t, "cdk", environ(), "npx", "cdk", "synth", "--quiet", "--app", "node whole-app.js", "--output", out)

		seen := 0
		for path, want := range map[string]string{
			"Orders.template.json":                           policy("dev-boundary"),
			"assembly-Prod/ProdOrders525171E2.template.json": policy("prod-boundary"),
		} {
			roles, err := c.deploy("orders", filepath.Join(out, path), nil)
			require.NoError(t, err)
			require.Len(t, roles, 3, path) // of the custom resources, and one in the nested stack
			seen += bound(t, roles, want)
		}
		// moto cannot create the custom resources of references between Regions.
		for path, count := range map[string]int{"Certificates.template.json": 1, "Site.template.json": 2} {
			template, err := c.process(filepath.Join(out, path), nil)
			require.NoError(t, err)
			roles := boundaries(template)
			require.Len(t, roles, count, path)
			seen += bound(t, roles, policy("dev-boundary"))
		}

		checked := check(t, out)
		// The CDK's own property reaches one role of three, and the aspect of the
		// app no stage.
		require.Equal(t, map[string]int{"bound by the macro": seen - 1, "replaced by the macro": 1, "unbound": 1}, checked)
		return fmt.Sprintf("%d roles bound, 2 of them where the CDK's own property does not reach; 1 in a stage without the aspect, found by pbm check", seen)
	})

	scenario(t, "Serverless Framework: a service with roles of its own", func(t *testing.T) string {
		c := &cloudFormation{t: t, macro: startFunction(t)}
		addEnvironment(t, "dev", "dev-boundary")
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS("serverless")))
		serverless, err := filepath.Abs("node_modules/.bin/serverless")
		require.NoError(t, err)
		// It keeps settings at home.
		run(t, dir, environ("HOME="+dir, "SLS_TRACKING_DISABLED=1", "SLS_NOTIFICATIONS_MODE=off"), serverless, "package")

		roles, err := c.deploy("service", filepath.Join(dir, ".serverless/cloudformation-template-update-stack.json"), nil)
		require.NoError(t, err)
		require.Len(t, roles, 3)
		bound(t, roles, policy("dev-boundary"))
		require.Equal(t, map[string]int{"bound by the macro": 2, "replaced by the macro": 1}, check(t, filepath.Join(dir, ".serverless")))
		return "3 roles bound, one of them instead of the provider's permissionsBoundary; pbm check agrees"
	})
}

// boundaries are those of a template's roles, by logical ID.
func boundaries(template object) map[string]string {
	all := map[string]string{}
	for id, r := range resourcesOf(template) {
		if r["Type"] == "AWS::IAM::Role" {
			all[id], _ = r["Properties"].(object)["PermissionsBoundary"].(string)
		}
	}
	return all
}

// check counts roles and blind spots by the status that pbm check gives them.
func check(t *testing.T, directory string) map[string]int {
	t.Helper()
	// It fails if a role would be unbound, and says so in what it prints.
	out, _ := try(t.TempDir(), environ(), pbmBinary(t), "check", directory, "--output", "json")
	var result struct {
		Templates []struct{ Roles, BlindSpots []struct{ Status string } }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	statuses := map[string]int{}
	for _, template := range result.Templates {
		for _, found := range slices.Concat(template.Roles, template.BlindSpots) {
			statuses[found.Status]++
		}
	}
	return statuses
}
