// Package policies_test tries the policies of this directory request by request.
package policies_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/iameval"
)

const account = "111122223333"

// everything is what AWS's FullAWSAccess, an SCP, and AdministratorAccess allow.
const everything = `{"Version":"2012-10-17","Statement":{"Sid":"Everything","Effect":"Allow","Action":"*","Resource":"*"}}`

// documents are the policies by name: the files of this directory, and AWS's.
func documents(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"full-access": []byte(everything), "administrator": []byte(everything)}
	files, err := filepath.Glob("*.json")
	require.NoError(t, err)
	for _, file := range files {
		all[strings.TrimSuffix(file, ".json")], err = os.ReadFile(file)
		require.NoError(t, err)
	}
	return all
}

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
	archive, err := txtar.ParseFile("cases.txt")
	require.NoError(t, err)
	require.Len(t, archive.Files, len(settings))
	var cases []testCase
	for _, section := range archive.Files {
		require.Contains(t, settings, section.Name)
		for line := range strings.Lines(string(section.Data)) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "allowed ") || strings.HasPrefix(line, "denied ") {
				cases = append(cases, readCase(t, section.Name, line))
			}
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

type document struct {
	Statement []map[string]any
}

// The three policies that deny, deny the same. The SCP has exemptions, and the
// same ones in each statement; the others, which attach to single roles, deny
// detaching them, too.
func TestSameDenials(t *testing.T) {
	docs := documents(t)
	denials := func(name string) map[string]map[string]any {
		var d document
		require.NoError(t, json.Unmarshal(docs[name], &d))
		all := map[string]map[string]any{}
		for _, s := range d.Statement {
			if s["Effect"] == "Deny" {
				all[s["Sid"].(string)] = s
			}
		}
		return all
	}
	deployer, scp := denials("deployer"), denials("scp")
	assert.Equal(t, deployer, denials("boundary"))

	require.Contains(t, deployer, "DenyDetaching")
	delete(deployer, "DenyDetaching")
	var exempt any
	for sid, s := range scp {
		keys := s["Condition"].(map[string]any)["ArnNotLike"].(map[string]any)
		if exempt == nil {
			exempt = keys["aws:PrincipalArn"]
		}
		assert.True(t, reflect.DeepEqual(exempt, keys["aws:PrincipalArn"]), "%s exempts others than the other statements", sid)
		delete(keys, "aws:PrincipalArn")
		if len(keys) == 0 {
			delete(s, "Condition")
		}
	}
	assert.Equal(t, deployer, scp)
	// What is exempt is protected: nobody else may make such a role.
	assert.Subset(t, scp["DenyPlatform"]["Resource"], exempt)
}

// AWS's quotas: 6,144 characters without white space for a managed policy; for an
// SCP 10,240 since May 2026, before that 5,120, and as written if it is created
// with the AWS CLI.
func TestSizes(t *testing.T) {
	for name, text := range documents(t) {
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, text))
		t.Logf("%s.json: %d bytes, %d without white space", name, len(text), compact.Len())
		assert.LessOrEqual(t, compact.Len(), 6144, name)
		if name == "scp" {
			assert.LessOrEqual(t, len(text), 5120, name)
		}
	}
}
