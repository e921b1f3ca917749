package policy_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/cases"
	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/policy/catalogue"
)

// Each file of testdata has the policies of a role, one or two boundaries, and in
// want each grant with its outcomes; in among only some of them. A policy may be
// the path of another file. Its first line says why the case exists.
func TestCases(t *testing.T) {
	cases.Run(t, "testdata", func(t *testing.T, c cases.Case) { readCase(t, c).check(t) })
}

type policyCase struct {
	role, boundaries []*policy.Document
	facts            policy.Facts
	want, among      []string
}

func readCase(t *testing.T, from cases.Case) policyCase {
	t.Helper()
	var c policyCase
	for _, file := range from.Files {
		text := strings.TrimSpace(string(file.Data))
		switch name := strings.TrimRight(file.Name, "0123456789"); name {
		case "role":
			c.role = append(c.role, readPolicy(t, text))
		case "boundary":
			c.boundaries = append(c.boundaries, readPolicy(t, text))
		case "account":
			c.facts.Partition, c.facts.Account, _ = strings.Cut(text, " ")
		case "region":
			c.facts.Keys = map[string]string{"aws:RequestedRegion": text}
		case "want":
			c.want = lines(text)
		case "among":
			c.among = lines(text)
		default:
			t.Fatalf("a file called %s", file.Name)
		}
	}
	require.NotEmpty(t, c.role)
	require.NotEmpty(t, c.boundaries)
	require.True(t, (c.want == nil) != (c.among == nil), "want or among")
	return c
}

// readPolicy reads a policy, none, or the file whose path is given.
func readPolicy(t *testing.T, text string) *policy.Document {
	t.Helper()
	if text == "none" {
		return nil
	}
	if !strings.HasPrefix(text, "{") {
		file, err := os.ReadFile(text)
		require.NoError(t, err)
		text = string(file)
	}
	return mustParse(t, text)
}

func lines(text string) []string {
	all := strings.Split(text, "\n")
	for i, line := range all {
		all[i] = strings.Join(strings.Fields(line), " ")
	}
	return all
}

func (c policyCase) check(t *testing.T) {
	t.Helper()
	var got []string
	for g := range policy.NewComparison(catalogue.Embedded(), c.facts, c.boundaries...).Grants(c.role...) {
		columns := []string{g.Action, g.Resource}
		for _, o := range g.Outcomes {
			columns = append(columns, describe(o))
		}
		got = append(got, strings.Join(columns, " | "))
	}
	if c.want != nil {
		assert.Equal(t, strings.Join(c.want, "\n"), strings.Join(got, "\n"))
		return
	}
	for _, line := range c.among {
		if absent, isAbsent := strings.CutPrefix(line, "no "); isAbsent {
			assert.False(t, slices.ContainsFunc(got, func(other string) bool { return strings.HasPrefix(other, absent) }), line)
			continue
		}
		action, _, _ := strings.Cut(line, " | ")
		assert.Contains(t, got, line, "%s is there as %q", action, slices.DeleteFunc(slices.Clone(got), func(other string) bool { return !strings.HasPrefix(other, action+" ") }))
	}
}

// describe is an outcome, such as "may be lost: a condition, by Deny1".
func describe(o policy.Outcome) string {
	text := o.Verdict.String()
	if o.Reason.String() != "" {
		text += ": " + o.Reason.String()
	}
	if o.By != nil {
		text += ", by " + o.By.Sid
	}
	if o.ByCatalogue {
		text += ", by the catalogue"
	}
	return text
}

// What two documents say in other versions of the policy language is not the same.
func TestVersionsAreNotShared(t *testing.T) {
	const statement = `"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::${aws:username}/*"}}`
	old, current := mustParse(t, `{"Version":"2008-10-17",`+statement), mustParse(t, `{"Version":"2012-10-17",`+statement)
	comparison := policy.NewComparison(catalogue.Embedded(), policy.Facts{}, old)
	for _, tc := range []struct {
		role *policy.Document
		want policy.Verdict
	}{{current, policy.Lost}, {old, policy.Kept}} {
		grants := slices.Collect(comparison.Grants(tc.role))
		require.Len(t, grants, 1)
		assert.Equal(t, tc.want, grants[0].Outcomes[0].Verdict)
	}
}

// A document that two roles share grants each what that role does not deny.
func TestSharedDocument(t *testing.T) {
	shared := mustParse(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sqs:SendMessage","sqs:DeleteQueue"],"Resource":"*"}}`)
	denial := mustParse(t, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sqs:Delete*","Resource":"*"}}`)
	comparison := policy.NewComparison(catalogue.Embedded(), policy.Facts{}, nil)
	actions := func(role ...*policy.Document) []string {
		var all []string
		for g := range comparison.Grants(role...) {
			all = append(all, g.Action)
		}
		return all
	}
	for range 2 {
		assert.Equal(t, []string{"sqs:SendMessage", "sqs:DeleteQueue"}, actions(shared))
		assert.Equal(t, []string{"sqs:SendMessage"}, actions(denial, shared))
	}
}
