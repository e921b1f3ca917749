package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// policy is the ARN of a policy below the path platform.
func policy(name string) string { return "arn:aws:iam::" + account + ":policy/platform/" + name }

// addEnvironment has pbm add an environment, whose policy it makes first, for
// pbm looks whether it is there.
func addEnvironment(t *testing.T, name, boundary string) {
	t.Helper()
	createPolicy(t, boundary)
	pbm(t, "env", "add", name, "--permissions-boundary", "platform/"+boundary)
}

func createPolicy(t *testing.T, name string) {
	t.Helper()
	aws(t, nil, "iam", "create-policy", "--path", "/platform/", "--policy-name", name,
		"--policy-document", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
}

// examples are the project's own. The one for SAM names prod.
func examples(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	named := map[string]string{}
	for name, in := range map[string]struct{ old, new string }{
		"service-plain.yaml": {"", ""},
		"orders-sam.yaml":    {"Environment: prod", "Environment: dev"},
		"website-cdk.json":   {"", ""},
	} {
		text, err := os.ReadFile(filepath.Join("../examples", name))
		require.NoError(t, err)
		source := string(text)
		require.Contains(t, source, in.old)
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(source, in.old, in.new, 1)), 0o600))
		named[strings.TrimSuffix(name, filepath.Ext(name))] = path
	}
	return named
}

func (c *cloudFormation) deployAll(paths map[string]string, want string) int {
	c.t.Helper()
	total := 0
	for stack, path := range paths {
		roles, err := c.deploy(stack, path, nil)
		require.NoError(c.t, err, stack)
		total += bound(c.t, roles, want)
	}
	return total
}

func TestStacks(t *testing.T) {
	scenario(t, "a, b, c: pbm env add and update, and none, with each example deployed", func(t *testing.T) string {
		c := &cloudFormation{t: t, macro: startFunction(t)}
		all := examples(t)
		// What cdk bootstrap leaves in an account.
		aws(t, nil, "ssm", "put-parameter", "--type", "String", "--name", "/cdk-bootstrap/hnb659fds/version", "--value", "21")

		addEnvironment(t, "dev", "dev-boundary")
		first := c.deployAll(all, policy("dev-boundary"))
		require.Equal(t, 10, first)

		createPolicy(t, "dev-boundary-2")
		pbm(t, "env", "update", "dev", "--permissions-boundary", "platform/dev-boundary-2")
		second := c.deployAll(all, policy("dev-boundary-2"))
		require.Equal(t, first, second)

		pbm(t, "env", "update", "dev", "--permissions-boundary", "", "--yes")
		none := 0
		for stack, path := range all {
			roles, err := c.deploy(stack, path, nil)
			require.NoError(t, err)
			for id, got := range roles {
				// The one that its template gives one keeps it: none changes nothing.
				if id == "AuditRole" {
					assert.Equal(t, "arn:aws:iam::"+account+":policy/some-old-boundary", got)
				} else {
					assert.Empty(t, got, id)
				}
				none++
			}
		}
		require.Equal(t, first, none)
		return fmt.Sprintf("%d roles of %d stacks with the boundary, %d with the new one, %d as their templates have them", first, len(all), second, none)
	})

	scenario(t, "d: unknown environment", func(t *testing.T) string {
		c := &cloudFormation{t: t, macro: startFunction(t)}
		_, err := c.deploy("unknown", "../examples/service-plain.yaml", map[string]string{"Stage": "prod"})
		require.EqualError(t, err, "Transform "+account+"::"+macroName+` failed with: environment "prod" is unknown: parameter /permissions-boundary/prod in `+region+
			" "+emulatorAccount+` does not exist; run "pbm env add prod --region `+region+`" with credentials `+emulatorAccount+" to add it")
		return "refused by name"
	})

	scenario(t, "e: each kind of role that SAM makes", func(t *testing.T) string {
		c := &cloudFormation{t: t, macro: startFunction(t)}
		addEnvironment(t, "dev", "dev-boundary")
		roles, err := c.deploy("kitchen-sink", "testdata/kitchen-sink.yaml", nil)
		require.NoError(t, err)
		require.Len(t, roles, 16)
		bound(t, roles, policy("dev-boundary"))

		before := &cloudFormation{t: t, macro: c.macro, before: true}
		_, err = before.deploy("refused", "testdata/kitchen-sink.yaml", nil)
		require.ErrorContains(t, err, "list PermissionsBoundaryMacro after AWS::Serverless-2016-10-31 in Transform")
		for _, id := range []string{"Deployed", "Fleet", "Wire", "Image", "Site", "Graph"} {
			require.ErrorContains(t, err, id+" (AWS::Serverless::")
		}
		return fmt.Sprintf("%d kinds bound behind SAM, refused before it", len(roles))
	})

	scenario(t, "f: a stack of the CDK with roles of its constructs", func(t *testing.T) string {
		c := &cloudFormation{t: t, macro: startFunction(t)}
		addEnvironment(t, "dev", "dev-boundary")
		out := t.TempDir()
		run(t, "cdk", environ(), "npx", "cdk", "synth", "--quiet", "--output", out)
		roles, err := c.deploy("website", filepath.Join(out, "Website.template.json"), nil)
		require.NoError(t, err)
		require.Greater(t, len(roles), 5)
		return fmt.Sprintf("%d roles bound, one of them written by hand", bound(t, roles, policy("dev-boundary")))
	})

	scenario(t, "g: Fn::Transform in a resource, and in its Properties", func(t *testing.T) string {
		c := &cloudFormation{t: t, macro: startFunction(t)}
		addEnvironment(t, "dev", "dev-boundary")
		roles, err := c.deploy("inside", "testdata/role-in-resource.yaml", nil)
		require.NoError(t, err)
		require.Equal(t, 2, bound(t, roles, policy("dev-boundary")))
		return "both bound"
	})

	scenario(t, "h: loops of AWS::LanguageExtensions", func(t *testing.T) string {
		c := &cloudFormation{t: t, macro: startFunction(t)}
		addEnvironment(t, "dev", "dev-boundary")
		behind, err := c.deploy("behind", "testdata/loops.yaml", nil)
		require.NoError(t, err)
		require.Equal(t, 4, bound(t, behind, policy("dev-boundary")))
		before := &cloudFormation{t: t, macro: c.macro, before: true}
		first, err := before.deploy("before", "testdata/loops.yaml", nil)
		require.NoError(t, err)
		require.Equal(t, behind, first)
		return "4 roles bound behind the language extensions, and before"
	})

	scenario(t, "i: values by hand and by pbm", func(t *testing.T) string {
		c := &cloudFormation{t: t, macro: startFunction(t)}
		byHand := "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/by-hand"
		aws(t, nil, "ssm", "put-parameter", "--type", "String", "--name", "/permissions-boundary/dev", "--value", byHand)
		require.Contains(t, pbm(t, "env", "get", "dev", "--output", "json"), byHand)
		c.deployAll(map[string]string{"plain": "../examples/service-plain.yaml"}, policy("by-hand"))

		addEnvironment(t, "prod", "prod-boundary")
		var written struct {
			Parameter struct{ Value, Type string }
		}
		aws(t, &written, "ssm", "get-parameter", "--name", "/permissions-boundary/prod")
		require.Equal(t, "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/prod-boundary", written.Parameter.Value)
		require.Equal(t, "String", written.Parameter.Type)
		return "pbm reads what the AWS CLI wrote, and the other way round"
	})

	scenario(t, "j: nested stacks", func(t *testing.T) string {
		c := &cloudFormation{t: t, macro: startFunction(t)}
		addEnvironment(t, "dev", "dev-boundary")
		addEnvironment(t, "prod", "prod-boundary")
		roles, err := c.deploy("parent", "testdata/parent.yaml", nil)
		require.NoError(t, err)
		require.Equal(t, map[string]string{
			"Own": policy("dev-boundary"), "Dev/Worker": policy("dev-boundary"), "Prod/Worker": policy("prod-boundary"),
		}, roles)

		// What the macro cannot see it says, or refuses.
		roles, err = c.deploy("forgotten", "testdata/parent-of-unbound.yaml", nil)
		require.NoError(t, err)
		require.Contains(t, roles, "Forgotten/Worker")
		require.Empty(t, roles["Forgotten/Worker"])
		require.Len(t, c.macro.lines(`"blindSpots":["Forgotten (AWS::CloudFormation::Stack) [nested-stack]"]`), 1)
		strict := &cloudFormation{t: t, macro: startFunction(t, "BLIND_SPOTS=reject")}
		_, err = strict.deploy("strict", "testdata/parent-of-unbound.yaml", nil)
		require.ErrorContains(t, err, "Forgotten (AWS::CloudFormation::Stack) is a nested stack")
		return "3 roles bound, each by its own template; one that does not list the macro is a blind spot"
	})

	scenario(t, "k: the macro's own stack, with a boundary for its role", func(t *testing.T) string {
		c := &cloudFormation{t: t}
		own := map[string]string{"FunctionPermissionsBoundary": policy("dev-boundary"), "OrganizationId": "o-a1b2c3d4e5"}
		template, err := c.process("../template.yaml", own)
		require.NoError(t, err)
		resources := resourcesOf(template)
		alias := object{"Ref": "MacroAlias"}
		require.Equal(t, alias, resources["Macro"]["Properties"].(object)["FunctionName"])
		require.Equal(t, alias, resources["OrganizationPermission"]["Properties"].(object)["FunctionName"])
		// What is deployed is what macros call, settings included.
		require.Equal(t, object{"Ref": "FunctionVersion"}, resources["MacroAlias"]["Properties"].(object)["FunctionVersion"])
		require.Equal(t, "$LATEST", template["Parameters"].(object)["FunctionVersion"].(object)["Default"])
		roles, err := c.deploy("macro", "../template.yaml", own)
		require.NoError(t, err)
		require.Equal(t, 1, bound(t, roles, policy("dev-boundary")))
		return "1 role, bound; the macro calls the function by its alias"
	})

	scenario(t, "make aws-smoke", func(t *testing.T) string {
		for _, tc := range []struct {
			variables []string
			want      string
		}{
			{nil, "ACCOUNT must name the account"},
			{[]string{"ACCOUNT=" + account, "STACK=smoke"}, "REGION must name the Region"},
			{[]string{"ACCOUNT=" + account, "REGION=" + region}, "STACK must name the stack"},
			{[]string{"ACCOUNT=999999999999", "REGION=" + region, "STACK=smoke"}, "the credentials are of account " + account + ", not of 999999999999"},
		} {
			_, err := try("..", environ(tc.variables...), "e2e/aws-smoke")
			require.ErrorContains(t, err, tc.want)
		}
		aws(t, nil, "cloudformation", "create-stack", "--stack-name", "smoke", "--template-body", `{"Resources":{"T":{"Type":"AWS::SNS::Topic"}}}`)
		_, err := try("..", environ("ACCOUNT="+account, "REGION="+region, "STACK=smoke"), "e2e/aws-smoke")
		require.ErrorContains(t, err, "stack smoke is there already")
		var stacks struct{ Stacks []any }
		aws(t, &stacks, "cloudformation", "describe-stacks", "--stack-name", "smoke")
		require.Len(t, stacks.Stacks, 1)
		return "refuses without an account, with credentials of another, and names that are taken"
	})
}
