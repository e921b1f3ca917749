package guard_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/guard"
	"permissions-boundary-macro/internal/iameval"
)

var update = flag.Bool("update", false, "rewrite the files that TestWritten compares")

const account = "111122223333"

// everything is what AWS's FullAWSAccess, an SCP, and AdministratorAccess allow.
const everything = `{"Version":"2012-10-17","Statement":{"Sid":"Everything","Effect":"Allow","Action":"*","Resource":"*"}}`

const (
	devBoundary  = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/dev-boundary"
	prodBoundary = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/prod-boundary"
)

// platform are the examples of the documentation: two environments, and roles of
// the platform that are exempt.
func platform(t *testing.T) scope {
	t.Helper()
	return scope{guard.Scope{
		Values: []guard.Value{value(t, devBoundary), value(t, prodBoundary)},
		Exempt: []string{"arn:*:iam::*:role/platform/*", "arn:*:iam::*:role/AWSCloudFormationStackSetExecutionRole"},
		Prefix: "/permissions-boundary", Stack: "permissions-boundary-macro", FunctionAccount: account,
	}}
}

// scope is a scope with policies that can be tried.
type scope struct{ guard.Scope }

func value(t *testing.T, text string) guard.Value {
	t.Helper()
	v, err := boundary.Parse(text)
	require.NoError(t, err)
	return guard.Value{Value: v}
}

// whole is the only part of policies.
func whole(t *testing.T, parts []guard.Policy, err error) guard.Document {
	t.Helper()
	require.NoError(t, err)
	require.Len(t, parts, 1)
	return parts[0].Document
}

// documents are the policies by name: those of the platform, the examples of a
// boundary and an operator's policy, and AWS's.
func documents(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"full-access": []byte(everything), "administrator": []byte(everything)}
	scp, err := platform(t).SCP()
	all["scp"] = []byte(whole(t, scp, err).String())
	deployer, err := platform(t).Deployer()
	all["deployer"] = []byte(whole(t, deployer, err).String())
	for _, name := range []string{"boundary", "operator"} {
		all[name], err = os.ReadFile(example(name))
		require.NoError(t, err)
	}
	return all
}

func example(name string) string { return filepath.Join("../examples/policies", name+".json") }

// setting is which policies apply in a section of cases.txt.
type setting struct {
	identity      []string
	scp, boundary bool
}

var settings = map[string]setting{
	"scp":            {identity: []string{"administrator"}, scp: true},
	"deployer":       {identity: []string{"deployer", "administrator"}},
	"deployer alone": {identity: []string{"deployer"}},
	"boundary":       {identity: []string{"administrator"}, boundary: true},
	"together":       {identity: []string{"deployer"}, scp: true, boundary: true},
	"operator":       {identity: []string{"operator"}, scp: true},
}

// allPolicies are the policies of each section.
func allPolicies(t *testing.T, docs map[string][]byte) map[string]iameval.Policies {
	t.Helper()
	parsed := map[string]*iameval.Policy{}
	for name, text := range docs {
		policy, err := iameval.Parse(name, text)
		require.NoError(t, err)
		parsed[name] = policy
	}
	all := map[string]iameval.Policies{}
	for section, s := range settings {
		var p iameval.Policies
		for _, name := range s.identity {
			p.Identity = append(p.Identity, parsed[name])
		}
		if s.scp {
			p.SCPs = [][]*iameval.Policy{{parsed["full-access"], parsed["scp"]}}
		}
		if s.boundary {
			p.Boundary = parsed["boundary"]
		}
		all[section] = p
	}
	return all
}

// testCase is a line of cases.txt.
type testCase struct {
	line    string
	section string
	want    iameval.Decision
	request iameval.Request
}

var column = regexp.MustCompile(`\s{2,}`)

func readCases(t *testing.T) []testCase {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/cases.txt")
	require.NoError(t, err)
	require.Len(t, archive.Files, len(settings), "each setting has a section")
	var cases []testCase
	for _, section := range archive.Files {
		require.Contains(t, settings, section.Name)
		cases = append(cases, casesOf(t, section)...)
	}
	return cases
}

// casesOf are the lines of a section that are cases. The others are for people.
func casesOf(t *testing.T, section txtar.File) []testCase {
	t.Helper()
	var cases []testCase
	for line := range strings.Lines(string(section.Data)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "allowed ") || strings.HasPrefix(line, "denied ") {
			cases = append(cases, readCase(t, section.Name, line))
		}
	}
	return cases
}

func readCase(t *testing.T, section, line string) testCase {
	t.Helper()
	columns := column.Split(line, -1)
	require.GreaterOrEqual(t, len(columns), 5, line)
	c := testCase{
		line: line, section: section,
		want: iameval.Decision{Allowed: columns[0] == "allowed", By: columns[1]},
		request: iameval.Request{
			Action: columns[3], Resource: arn(columns[3], columns[4]),
			Context: map[string][]string{"aws:PrincipalArn": {arn("iam:", columns[2])}},
		},
	}
	for _, pair := range columns[5:] {
		key, value, _ := strings.Cut(pair, "=")
		name := map[string]string{"boundary": "iam:PermissionsBoundary", "policy": "iam:PolicyARN"}[key]
		require.NotEmpty(t, name, line)
		c.request.Context[name] = []string{arn("iam:", value)}
	}
	return c
}

// arn completes the ARN of a resource that an action is about.
func arn(action, resource string) string {
	service, _, _ := strings.Cut(strings.ToLower(action), ":")
	switch {
	case resource == "*", strings.HasPrefix(resource, "arn:"):
		return resource
	case service == "iam", service == "sts":
		return fmt.Sprintf("arn:aws:iam::%s:%s", account, resource)
	}
	return fmt.Sprintf("arn:aws:%s:eu-west-1:%s:%s", service, account, resource)
}

// Each request is decided as cases.txt says.
func TestCases(t *testing.T) {
	policies := allPolicies(t, documents(t))
	for _, c := range readCases(t) {
		got, err := iameval.Evaluate(policies[c.section], c.request)
		require.NoError(t, err, c.line)
		assert.Equal(t, c.want, got, "%s: %s", c.section, c.line)
	}
}

// Nothing in a policy is without a case: without any one element of a list of
// actions, resources or principals, some case is decided in another way. What the
// policies have in common is tried on the SCP: see TestSameDenials.
func TestCasesCoverEachElement(t *testing.T) {
	docs, cases := documents(t), readCases(t)
	for _, name := range []string{"scp", "deployer", "operator"} {
		var whole map[string]any
		require.NoError(t, json.Unmarshal(docs[name], &whole))
		for without, document := range reduced(t, whole) {
			if name == "deployer" && strings.Contains(without, "NotAction") {
				continue
			}
			changed := maps.Clone(docs)
			changed[name] = document
			assert.True(t, anyDiffers(t, cases, changed), "no case in cases.txt needs %s in %s.json", without, name)
		}
	}
}

func anyDiffers(t *testing.T, cases []testCase, docs map[string][]byte) bool {
	t.Helper()
	policies := allPolicies(t, docs)
	return slices.ContainsFunc(cases, func(c testCase) bool {
		got, err := iameval.Evaluate(policies[c.section], c.request)
		return err != nil || got != c.want
	})
}

// reduced are the documents that lack one element of one list each, by what they
// lack.
func reduced(t *testing.T, whole map[string]any) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	var walk func(path string, value any, set func(any))
	walk = func(path string, value any, set func(any)) {
		switch value := value.(type) {
		case map[string]any:
			for key, member := range value {
				walk(path+" "+key, member, func(with any) { value[key] = with })
			}
		case []any:
			for i, element := range value {
				walk(path, element, func(with any) { value[i] = with })
				if len(value) == 1 {
					continue // IAM takes no empty list
				}
				set(append(append([]any{}, value[:i]...), value[i+1:]...))
				text, err := json.Marshal(whole)
				require.NoError(t, err)
				all[fmt.Sprintf("%s %d: %v", path, i, element)] = text
				set(value)
			}
		}
	}
	walk("", whole, nil)
	return all
}

// The files in examples/policies, and those in testdata/written, are what is written
// for the platform. The example of a boundary denies what the policy of deployers
// does, so that no bound role can do more.
func TestWritten(t *testing.T) {
	scp, err := platform(t).SCP()
	want := map[string]string{example("scp"): whole(t, scp, err).String()}
	parts, err := platform(t).Deployer()
	deployer := whole(t, parts, err)
	want[example("deployer")] = deployer.String()
	want[example("boundary")] = guard.Document{Version: "2012-10-17", Statement: append(
		[]guard.Statement{{Sid: "AllowTheRest", Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}},
		slices.DeleteFunc(slices.Clone(deployer.Statement), func(s guard.Statement) bool { return s.Effect != "Deny" })...,
	)}.String()
	for path, write := range map[string]func() (string, error){
		"testdata/written/boundary.guard": platform(t).Rule,
		"testdata/written/hook.yaml":      platform(t).Hook,
		"testdata/written/config.yaml":    platform(t).ConfigRule,
	} {
		want[path], err = write()
		require.NoError(t, err)
	}
	for path, text := range want {
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
		present, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(present), "write it: go test ./guard -run TestWritten -update")
	}
}
