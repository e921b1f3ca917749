package guard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/guard"
	"permissions-boundary-macro/internal/cases"
	"permissions-boundary-macro/internal/iameval"
)

// Each file in testdata/scopes is a scope, and requests that its policies decide in
// the form of cases.txt. Its first line says why it is there.
func TestScopes(t *testing.T) {
	cases.Run(t, "testdata/scopes", func(t *testing.T, file cases.Case) {
		decided := 0
		s := platform(t)
		for _, section := range file.Files {
			if isSetting := readSetting(t, &s, section); isSetting {
				continue
			}
			policies := s.policies(t, section.Name)
			for _, c := range casesOf(t, section) {
				decided++
				got, err := iameval.Evaluate(policies, c.request)
				require.NoError(t, err, c.line)
				assert.Equal(t, c.want, got, "%s: %s", section.Name, c.line)
			}
		}
		assert.NotZero(t, decided)
	})
}

// readSetting changes a scope by a section that is no list of cases.
func readSetting(t *testing.T, s *scope, section txtar.File) bool {
	t.Helper()
	text := strings.TrimSpace(string(section.Data))
	switch section.Name {
	case "account":
		s.Account = text
	case "others":
		for line := range strings.Lines(text) {
			s.Others = append(s.Others, value(t, strings.TrimSpace(line)))
		}
	case "values":
		s.Values = nil
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			v := value(t, fields[len(fields)-1])
			if len(fields) > 1 {
				v.Account = fields[0]
			}
			s.Values = append(s.Values, v)
		}
	case "exempt":
		s.Exempt = strings.Fields(text)
		for _, arn := range s.Exempt {
			require.NoError(t, guard.CheckExempt(arn))
		}
	case "prefix":
		s.Prefix = text
	case "stack":
		require.NoError(t, guard.CheckStack(text))
		s.Stack = text
	case "function account":
		s.FunctionAccount = text
	default:
		return false
	}
	return true
}

// policies are those of a section of cases.txt, in all their parts.
func (s scope) policies(t *testing.T, section string) iameval.Policies {
	t.Helper()
	require.Contains(t, settings, section)
	administrator, err := iameval.Parse("administrator", []byte(everything))
	require.NoError(t, err)
	var p iameval.Policies
	if settings[section].scp {
		parts, err := s.SCP()
		p.SCPs = [][]*iameval.Policy{append(parsed(t, "scp", parts, err), administrator)}
	}
	for _, name := range settings[section].identity {
		if name == "administrator" {
			p.Identity = append(p.Identity, administrator)
			continue
		}
		parts, err := s.Deployer()
		p.Identity = append(p.Identity, parsed(t, name, parts, err)...)
	}
	return p
}

func parsed(t *testing.T, name string, parts []guard.Policy, err error) []*iameval.Policy {
	t.Helper()
	require.NoError(t, err)
	all := make([]*iameval.Policy, len(parts))
	for i, part := range parts {
		all[i], err = iameval.Parse(name, []byte(part.Document.String()))
		require.NoError(t, err)
	}
	return all
}

// many are environments with boundaries of a usual length.
func many(t *testing.T, n int) scope {
	t.Helper()
	s := platform(t)
	s.Values = nil
	for i := range n {
		s.Values = append(s.Values, value(t, fmt.Sprintf("arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/team-%d/environment-%d-boundary", i%7, i)))
	}
	return s
}

// AWS takes all documents for 1, 10 and 50 environments, and the parts of a policy
// decide together what one would.
func TestSizes(t *testing.T) {
	for _, n := range []int{1, 10, 50} {
		s := many(t, n)
		scp, err := s.SCP()
		require.NoError(t, err)
		deployer, err := s.Deployer()
		require.NoError(t, err)
		for limit, parts := range map[int][]guard.Policy{5120: scp, 6144: deployer} {
			for i, part := range parts {
				t.Logf("%d environments: %s, %d characters, %d with white space", n, part.Name, part.Size(), len(part.Document.String()))
				assert.Less(t, part.Size(), limit)
				assert.Less(t, len(part.Document.String()), 10240, "the quota of an SCP since May 2026, which counts white space")
				assert.Equal(t, withoutSpace(part.Document.String()), part.Size())
				assert.True(t, strings.HasSuffix(part.Name, fmt.Sprintf("-%d", i+1)), part.Name)
			}
		}
		assert.LessOrEqual(t, len(scp), 5, "policies that can be attached to an account")
		for i := range n {
			boundary := fmt.Sprintf("policy/team-%d/environment-%d-boundary", i%7, i)
			for section, allowedBy := range map[string]string{"scp": "administrator Everything", "deployer alone": "deployer ChangeBoundRoles"} {
				policies := s.policies(t, section)
				c := readCase(t, section, "allowed  "+allowedBy+"  role/app  iam:CreateRole  role/x  boundary="+boundary)
				got, err := iameval.Evaluate(policies, c.request)
				require.NoError(t, err)
				assert.Equal(t, c.want, got, c.line)
				c = readCase(t, section, "denied  -  role/app  iam:CreatePolicyVersion  "+boundary)
				got, err = iameval.Evaluate(policies, c.request)
				require.NoError(t, err)
				assert.False(t, got.Allowed, c.line)
			}
		}
		for _, write := range []func() (string, error){s.Hook, s.ConfigRule} {
			text, err := write()
			require.NoError(t, err)
			var template struct {
				Resources map[string]any `yaml:"Resources"`
			}
			require.NoError(t, yaml.Unmarshal([]byte(text), &template))
			assert.NotEmpty(t, template.Resources)
		}
		config := policyText(t, s)
		t.Logf("%d environments: the rule of AWS Config has %d characters", n, len(config))
		assert.Less(t, len(config), 10_000)
	}
}

func withoutSpace(text string) int { return len(strings.Join(strings.Fields(text), "")) }

// A statement with many resources is divided: together the parts deny the same.
func TestDividedStatement(t *testing.T) {
	s := platform(t)
	s.Values = nil
	for i := range 27 {
		s.Values = append(s.Values, value(t, fmt.Sprintf("arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/%s-%d/boundary", strings.Repeat("p", 120), i)))
	}
	parts, err := s.SCP()
	require.NoError(t, err)
	var sids []string
	for _, part := range parts {
		require.Less(t, part.Size(), 5120)
		for _, statement := range part.Document.Statement {
			sids = append(sids, statement.Sid)
		}
	}
	assert.Equal(t, []string{"DenyUnbound", "DenyUnbinding", "DenyGroups", "DenyPlatform1", "DenyPlatform2", "DenyLeaving"}, sids)
	policies := s.policies(t, "scp")
	resources := []string{"role/platform/admin", "role/stacksets-exec-1"}
	for i := range s.Values {
		resources = append(resources, fmt.Sprintf("policy/%s-%d/mine", strings.Repeat("p", 120), i))
	}
	for _, resource := range resources {
		c := readCase(t, "scp", "denied  -  role/developer  iam:DeletePolicy  "+resource)
		got, err := iameval.Evaluate(policies, c.request)
		require.NoError(t, err)
		assert.False(t, got.Allowed, c.line)
	}
}

// A statement of an SCP that cannot be divided may be longer than other parts: since
// May 2026 AWS takes 10,240 characters.
func TestLongStatement(t *testing.T) {
	s := many(t, 120)
	parts, err := s.SCP()
	require.NoError(t, err)
	require.Len(t, parts, 2)
	assert.Len(t, parts[0].Document.Statement, 1)
	assert.Greater(t, parts[0].Size(), 5120)
	assert.Less(t, parts[1].Size(), 5120)
}

// What does not fit into one policy and cannot be divided is an error that says so.
func TestTooLong(t *testing.T) {
	s := many(t, 200)
	_, err := s.SCP()
	assert.EqualError(t, err, "a policy with the statement DenyUnbound has 11259 characters, and AWS takes 10240")
	_, err = s.Deployer()
	var tooLong *guard.TooLongError
	assert.ErrorAs(t, err, &tooLong)
	_, err = s.ConfigRule()
	assert.ErrorAs(t, err, &tooLong)
	_, err = s.Rule()
	assert.NoError(t, err)
}

// IAM takes no root user as a resource.
func TestRootIsNoResource(t *testing.T) {
	s := platform(t)
	s.Exempt = []string{"arn:aws:iam::111122223333:root"}
	for _, write := range []func() ([]guard.Policy, error){s.SCP, s.Deployer} {
		policies, err := write()
		require.NoError(t, err)
		for _, policy := range policies {
			for _, statement := range policy.Document.Statement {
				assert.NotContains(t, statement.Resource, s.Exempt[0])
			}
		}
	}
}

// With a wildcard in its path, or in place of the beginning of its name, a boundary
// would be any policy.
func TestRegionOfAnyPolicy(t *testing.T) {
	for name, isTaken := range map[string]bool{
		"dev-${AWS::Region}": true, "platform/dev-${AWS::Region}": true, "platform/${AWS::Region}": true, "platform/${AWS::Region}-dev": true,
		"${AWS::Region}": false, "${AWS::Region}-dev": false, "${AWS::Region}/dev": false, "platform-${AWS::Region}/dev": false, "platform/${AWS::Region}/dev": false,
	} {
		s := platform(t)
		s.Values = append(s.Values, value(t, "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/"+name))
		for document, write := range writers {
			if _, err := write(s); isTaken {
				assert.NoError(t, err, "%s of %s", document, name)
			} else {
				assert.ErrorContains(t, err, name, document)
			}
		}
	}
}

func TestHookRoles(t *testing.T) {
	s := platform(t)
	s.Exempt = []string{"arn:*:iam::*:user/break-glass"}
	for i := range 48 {
		s.Exempt = append(s.Exempt, fmt.Sprintf("arn:*:iam::*:role/admin-%d", i))
	}
	_, err := s.Hook()
	require.NoError(t, err)
	s.Exempt = append(s.Exempt, "arn:*:iam::*:role/one-more")
	_, err = s.Hook()
	assert.EqualError(t, err, "a hook takes 50 exempt roles, and there are 51")
}

// The order of values and exemptions, and one that is given twice, change nothing.
func TestDeterministic(t *testing.T) {
	s := many(t, 10)
	turned := s
	turned.Values, turned.Exempt = nil, nil
	for i := range s.Values {
		turned.Values = append([]guard.Value{s.Values[i]}, turned.Values...)
	}
	turned.Values = append(turned.Values, s.Values...)
	for _, arn := range append(s.Exempt, guard.AWSPrincipals[0]) {
		turned.Exempt = append([]string{arn}, turned.Exempt...)
	}
	for name, write := range writers {
		want, err := write(s)
		require.NoError(t, err)
		got, err := write(turned)
		require.NoError(t, err)
		assert.Equal(t, want, got, name)
	}
}

// A new environment adds lines, and changes none.
func TestDiffs(t *testing.T) {
	few, more := platform(t), platform(t)
	more.Values = append(more.Values, value(t, "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/next-boundary"))
	for name, write := range writers {
		before, err := write(few)
		require.NoError(t, err)
		after, err := write(more)
		require.NoError(t, err)
		old, added := strings.Split(before, "\n"), []string{}
		for line := range strings.SplitSeq(after, "\n") {
			if len(old) > 0 && line == old[0] {
				old = old[1:]
				continue
			}
			added = append(added, line)
		}
		assert.Empty(t, old, name)
		assert.LessOrEqual(t, len(added), 2, "%s: %q", name, added)
		for _, line := range added {
			assert.Contains(t, line, "next-boundary", name)
		}
	}
}

// Without a boundary that counts, nothing is written: the policies would deny every
// role.
func TestNoBoundary(t *testing.T) {
	elsewhere := platform(t)
	elsewhere.Account = account
	elsewhere.Values = []guard.Value{value(t, "arn:aws:iam::222233334444:policy/elsewhere/boundary")}
	for _, s := range []scope{elsewhere, {Scope: guard.Scope{}}} {
		for name, write := range writers {
			_, err := write(s)
			assert.ErrorIs(t, err, guard.ErrNoBoundary, name)
		}
	}
}

// writers write the documents of a scope as text.
var writers = map[string]func(scope) (string, error){
	"scp":        func(s scope) (string, error) { return texts(s.SCP()) },
	"deployer":   func(s scope) (string, error) { return texts(s.Deployer()) },
	"rule":       func(s scope) (string, error) { return s.Rule() },
	"hook":       func(s scope) (string, error) { return s.Hook() },
	"configRule": func(s scope) (string, error) { return s.ConfigRule() },
}

func texts(policies []guard.Policy, err error) (string, error) {
	var out strings.Builder
	for _, p := range policies {
		out.WriteString(p.Name + "\n" + p.Document.String())
	}
	return out.String(), err
}

func TestCheckExempt(t *testing.T) {
	for _, arn := range []string{
		"arn:aws:iam::111122223333:role/admin", "arn:*:iam::*:role/platform/*", "arn:*:iam::*:user/break-glass",
		"arn:aws:iam::111122223333:root", "arn:*:iam::*:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_Platform_*", "arn:aws:iam::11112222????:role/a",
	} {
		assert.NoError(t, guard.CheckExempt(arn), arn)
	}
	for _, arn := range []string{
		"", "*", "admin", "role/admin", "arn:aws:iam::111122223333:role", "arn:aws:iam::111122223333:group/admins",
		"arn:aws:sts::111122223333:assumed-role/admin/session", "arn:aws:iam::111122223333:role/a b", "arn:aws:iam::aws:role/x",
		"arn:aws:iam::*:role/*", "arn:*:iam::*:user/**", "arn:*:iam::*:role/*/*", "arn:*:iam::*:*", "arn:aws:iam::${aws:PrincipalAccount}:role/x",
		"arn:aws:iam::*:role/*a*", "arn:aws:iam::*:role/?-admin", "arn:aws:iam::*:user//a", "arn:aws:iam::12:role/admin", "arn:aws:iam::1111222233334:role/admin",
	} {
		assert.Error(t, guard.CheckExempt(arn), arn)
	}
}

func TestCheckStack(t *testing.T) {
	for _, name := range []string{"permissions-boundary-macro", "a", strings.Repeat("a", 37)} {
		assert.NoError(t, guard.CheckStack(name), name)
	}
	for _, name := range []string{"", "1a", "a_b", "a*", strings.Repeat("a", 38)} {
		assert.Error(t, guard.CheckStack(name), name)
	}
}
