package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/internal/generated"
	"permissions-boundary-macro/internal/iameval"
	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/policy/catalogue"
)

const requestsOfCase = 25

// Verdicts are proofs: of random roles and boundaries, with parts out of sight, an
// independent evaluator permits each request of a grant that is kept, and none of
// one that is lost. And no request that the role's own policies allow is without a
// grant.
func TestVerdictsAreProofs(t *testing.T) {
	first, count := generated.Seeds(t, 400)
	var total tally
	for seed := first; seed < first+count; seed++ {
		err := total.check(newCase(seed))
		require.NoError(t, err, "SEED=%d GENERATED=1", seed)
	}
	t.Logf("%d requests, %d of them of a grant; grants: %v; reasons: %v", total.requests, total.granted, total.verdicts, total.reasons)
	for _, verdict := range []policy.Verdict{policy.Kept, policy.MayBeLost, policy.Lost} {
		require.NotZero(t, total.checked[verdict], verdict)
	}
}

// What a comparison remembers of other roles, or has forgotten, changes nothing: of
// roles that share documents and have denials of their own, each has the grants that
// it has alone.
func TestRememberedVerdicts(t *testing.T) {
	grants, denied := 0, 0
	for seed := range uint64(150) {
		c := newCase(seed)
		read := func(effects ...string) *policy.Document { return mustParse(t, string(c.document(effects...).json())) }
		denial := c.statement([]string{"Deny"}) // of the boundary, and of some roles
		boundary := c.document("Allow")
		boundary.statements = append(boundary.statements, denial)
		boundaries := []*policy.Document{mustParse(t, string(boundary.json())), nil}
		shared := []*policy.Document{read("Allow"), read("Allow", "Deny")}
		remembers, forgets := policy.NewComparison(small, c.facts, boundaries...), policy.NewComparison(small, c.facts, boundaries...)
		forgets.RememberAtMost(1)
		for range 4 {
			own := read("Deny")
			if c.once(2) {
				own = mustParse(t, string(document{boundary.version, []statement{denial}}.json()))
			}
			for _, role := range [][]*policy.Document{shared, {shared[0], own}, {own, shared[1], shared[0]}} {
				want := slices.Collect(policy.NewComparison(small, c.facts, boundaries...).Grants(role...))
				require.Equal(t, want, slices.Collect(remembers.Grants(role...)), "seed %d", seed)
				require.Equal(t, want, slices.Collect(forgets.Grants(role...)), "seed %d", seed)
				grants += len(want)
			}
			denied += len(slices.Collect(remembers.Grants(shared[0]))) - len(slices.Collect(remembers.Grants(shared[0], own)))
		}
	}
	require.NotZero(t, denied)
	t.Logf("%d grants; denials of the role took %d", grants, denied)
}

// Roles that may do everything, but for a denial of their own, need little more
// memory than one of them, and there is a limit.
func TestMemoryOfOwnDenials(t *testing.T) {
	role := func(condition string, number int) *policy.Document {
		return mustParse(t, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"%s},{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::b%d"}]}`, condition, number))
	}
	comparison := policy.NewComparison(catalogue.Embedded(), policy.Facts{Partition: "aws"}, mustParse(t, workload.Boundary()))
	read := func(role *policy.Document) {
		grants := 0
		for range comparison.Grants(role) {
			grants++
		}
		require.Greater(t, grants, 20000)
	}
	read(role("", 0))
	first := comparison.Remembered()
	for number := range 20 {
		read(role("", number))
	}
	require.Less(t, comparison.Remembered(), first*3/2)
	comparison.RememberAtMost(first)
	for number := range 4 {
		read(role(fmt.Sprintf(`,"Condition":{"StringEquals":{"aws:username":"%d"}}`, number), number))
		require.Less(t, comparison.Remembered(), first*3)
	}
}

// tally counts what the checks have seen.
type tally struct {
	requests, granted int
	verdicts, checked map[policy.Verdict]int
	reasons           map[policy.Reason]int
}

// situation is a random case, with what each side sees of it.
type situation struct {
	*randomCase
	roles      []document // as IAM has them
	seen       []document // as the comparison sees them
	whole      []*iameval.Policy
	boundaries []*iameval.Policy // nil: none
	grants     []policy.Grant
	origins    map[*policy.Statement][2]int // the numbers of its document and in that
	statements map[*policy.Statement]*iameval.Policy
	reduced    map[int]*iameval.Policy // a policy that has the grant only; nil if nothing is granted
}

func (c *tally) check(random *randomCase) error {
	s := random.situation()
	if c.verdicts == nil {
		c.verdicts, c.checked, c.reasons = map[policy.Verdict]int{}, map[policy.Verdict]int{}, map[policy.Reason]int{}
	}
	for _, g := range s.grants {
		c.verdicts[g.Outcomes[0].Verdict]++
		c.reasons[g.Outcomes[0].Reason]++
	}
	for range requestsOfCase {
		reading := iameval.Reading{StarsInSegments: s.once(2), RegionsInSegments: s.once(2), IncompleteARNs: s.once(2), InvalidWithoutValue: s.once(2)}
		r, err := s.allowedRequest(reading)
		if err != nil {
			return err
		}
		c.requests++
		if err := c.checkRequest(s, r, reading); err != nil {
			return fmt.Errorf("%w\n%+v\n%+v\nfacts %+v\n%s", err, r, reading, s.facts, s)
		}
	}
	return nil
}

func (c *tally) checkRequest(s *situation, r iameval.Request, reading iameval.Reading) error {
	allowed, err := decide(iameval.Policies{Identity: s.whole, Reading: reading}, r)
	if err != nil {
		return err
	}
	isGranted := false
	for number, g := range s.grants {
		has, err := s.has(number, r, reading)
		if err != nil {
			return err
		}
		if !has {
			continue
		}
		isGranted = true
		for i, boundary := range s.boundaries {
			permitted := true
			if boundary != nil {
				if permitted, err = decide(iameval.Policies{Identity: []*iameval.Policy{everything}, Boundary: boundary, Reading: reading}, r); err != nil {
					return err
				}
			}
			if g.Outcomes[i].ByCatalogue && !reading.RegionsInSegments {
				continue
			}
			verdict := g.Outcomes[i].Verdict
			c.checked[verdict]++
			if verdict == policy.Kept && allowed && !permitted || verdict == policy.Lost && permitted {
				return fmt.Errorf("%s on %q is %s under boundary %d, which permits it: %v", g.Action, g.Resource, verdict, i, permitted)
			}
		}
	}
	if isGranted {
		c.granted++
	}
	if allowed && !isGranted && reading.RegionsInSegments && !slices.Contains(unlisted, r.Action) {
		return fmt.Errorf("the role allows it, but no grant has it")
	}
	return nil
}

var everything = mustEvaluate(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)

func mustEvaluate(text string) *iameval.Policy {
	p, err := iameval.Parse("p", []byte(text))
	if err != nil {
		panic(fmt.Errorf("%w: %s", err, text))
	}
	return p
}

func decide(policies iameval.Policies, r iameval.Request) (bool, error) {
	decision, err := iameval.Evaluate(policies, r)
	return decision.Allowed, err
}

func (c *randomCase) situation() *situation {
	s := &situation{randomCase: c, origins: map[*policy.Statement][2]int{}, statements: map[*policy.Statement]*iameval.Policy{}, reduced: map[int]*iameval.Policy{}}
	hides := c.once(3)
	see := func(d document) (document, *policy.Document) {
		if !hides {
			read, err := policy.Parse(d.json())
			if err != nil {
				panic(fmt.Errorf("%w: %s", err, d.json()))
			}
			return d, read
		}
		hidden := c.hide(d)
		read, err := policy.Read(hidden.value())
		if err != nil {
			panic(fmt.Errorf("%w: %s", err, d.json()))
		}
		return hidden, read
	}
	var role []*policy.Document
	for i := range 1 + c.IntN(2) {
		d := c.document("Allow", "Allow", "Deny")
		seen, read := see(d)
		s.roles, s.seen, s.whole = append(s.roles, d), append(s.seen, seen), append(s.whole, mustEvaluate(string(d.json())))
		for j, statement := range read.Statements {
			s.origins[statement] = [2]int{i, j}
			s.statements[statement] = mustEvaluate(string(document{d.version, d.statements[j : j+1]}.json()))
		}
		role = append(role, read)
	}
	var boundaries []*policy.Document
	for range 2 {
		d := c.document("Allow", "Allow", "Allow", "Deny")
		_, read := see(d)
		boundaries, s.boundaries = append(boundaries, read), append(s.boundaries, mustEvaluate(string(d.json())))
	}
	boundaries, s.boundaries = append(boundaries, nil), append(s.boundaries, nil)
	comparison := policy.NewComparison(small, c.facts, boundaries...)
	for range 2 { // what is remembered is the same
		s.grants = slices.Collect(comparison.Grants(role...))
	}
	return s
}

// reducedTo is a policy that grants what a grant does.
func (s *situation) reducedTo(number int) *iameval.Policy {
	if reduced, known := s.reduced[number]; known {
		return reduced
	}
	g := s.grants[number]
	origin := s.origins[g.Statement]
	is, seen := s.roles[origin[0]].statements[origin[1]], s.seen[origin[0]].statements[origin[1]]
	if !seen.hidden {
		if !is.ExceptResources {
			is.Resources = those(is.Resources, seen.Resources, seen.hideResource, g.Resource)
		}
		if !is.Except && !isListed(g.Action) {
			is.Actions = those(is.Actions, seen.Actions, seen.hideAction, g.Action)
		}
	}
	var reduced *iameval.Policy
	if is.Effect == "Allow" {
		reduced = mustEvaluate(string(document{s.roles[origin[0]].version, []statement{is}}.json()))
	}
	s.reduced[number] = reduced
	return reduced
}

// those are the texts that are seen as one text.
func those(texts, seen []string, firstIsHidden bool, as string) []string {
	var chosen []string
	for i, text := range texts {
		if seen[i] == as && !(firstIsHidden && i == 0) || firstIsHidden && i == 0 && as == policy.NotInSight {
			chosen = append(chosen, text)
		}
	}
	return chosen
}

func isListed(action string) bool {
	return formats[strings.ToLower(action)] != nil || action == "iam:ListRoles" || action == "s3:ListAllMyBuckets"
}

// has reports whether a grant has a request: its statement allows it, also with
// nothing but the grant's texts.
func (s *situation) has(number int, r iameval.Request, reading iameval.Reading) (bool, error) {
	g, reduced := s.grants[number], s.reducedTo(number)
	if reduced == nil || isListed(g.Action) && !strings.EqualFold(g.Action, r.Action) {
		return false, nil
	}
	for _, p := range []*iameval.Policy{reduced, s.statements[g.Statement]} {
		if allows, err := decide(iameval.Policies{Identity: []*iameval.Policy{p}, Reading: reading}, r); !allows || err != nil {
			return false, err
		}
	}
	return true, nil
}

// request is a request that AWS may ask IAM about, often one of a grant.
func (s *situation) request() iameval.Request {
	r := iameval.Request{Context: map[string][]string{"aws:PrincipalAccount": {s.account}}}
	for key, values := range map[string][]string{
		"aws:username": {"a", "k", "a*", "x:y", "1", "K/k"}, "aws:Tag/t": {"a", "?", ":", "k"},
		"c:text": {"a", "b", "A", "ab", "a*", "?", "k", "1", "2"}, "c:bool": {"true", "false"}, "c:number": {"1", "2", "3", "1.0"}, "c:ip": {"192.0.2.1", "192.0.3.1", "203.0.113.1"},
		"c:arn": {"arn:aws:iam::1:role/a", "arn:aws:iam::1:role/p/a", "arn:aws:iam::2:role/p/a", "a"},
	} {
		if value := pick(s.Rand, values...); !s.once(4) {
			r.Context[key] = []string{value}
		}
	}
	r.Context["c:known"] = []string{pick(s.Rand, "a", "b", "true", "ab")}
	if value, known := s.facts.Keys["C:Known"]; known {
		r.Context["c:known"] = []string{value}
	} else if s.once(3) {
		delete(r.Context, "c:known")
	}
	for range s.IntN(3) {
		r.Context["c:texts"] = append(r.Context["c:texts"], pick(s.Rand, "a", "b", "ab", "c"))
	}
	for {
		action := small.Actions[s.IntN(len(small.Actions))].Name
		text := pick(s.Rand, append(slices.Clone(s.resources), arns...)...)
		if len(s.grants) > 0 && !s.once(3) {
			g := pick(s.Rand, s.grants...)
			text = pick(s.Rand, g.Resource, text)
			if isListed(g.Action) {
				action = g.Action
			}
		}
		if s.once(8) {
			action = pick(s.Rand, unlisted...)
		}
		if of := patterns[strings.ToLower(action)]; of != nil && s.once(4) {
			text = pick(s.Rand, of...)
		}
		r.Action, r.Resource = action, s.instance(s.deployed(text), r.Context)
		if s.facts.Partition != "" && strings.HasPrefix(r.Resource, "arn:") && !strings.HasPrefix(r.Resource, "arn:aws:") {
			continue
		}
		if isAskedWith(r.Action, r.Resource) {
			return r
		}
	}
}

// allowedRequest is a request that the role's own policies allow, if a few tries
// find one.
func (s *situation) allowedRequest(reading iameval.Reading) (iameval.Request, error) {
	var r iameval.Request
	for range 6 {
		r = s.request()
		allowed, err := decide(iameval.Policies{Identity: s.whole, Reading: reading}, r)
		if allowed || err != nil {
			return r, err
		}
	}
	return r, nil
}

// instance is a text that a pattern matches.
func (s *situation) instance(pattern string, context map[string][]string) string {
	if s.once(3) && (pattern == "*" || inNoResource.MatchString(pattern)) {
		return pattern
	}
	var out strings.Builder
	for pattern != "" {
		name, behind, isVariable := strings.Cut(strings.TrimPrefix(pattern, "${"), "}")
		switch {
		case strings.HasPrefix(pattern, "${") && isVariable:
			out.WriteString(strings.Join(context[name], ""))
			pattern = behind
			continue
		case pattern[0] == '*' && strings.HasSuffix(out.String(), "arn:"):
			out.WriteString(pick(s.Rand, "aws", "aws-cn"))
		case pattern[0] == '*' || pattern[:1] == policy.NotInSight:
			out.WriteString(pick(s.Rand, "", "a", "k", "K", "/", ":", "1", "x:y", "b/k", "1:role/a", "arn:aws:s3:::a/k", "q"))
		case pattern[0] == '?':
			out.WriteString(pick(s.Rand, "a", "k", ":", "/"))
		default:
			out.WriteByte(pattern[0])
		}
		pattern = pattern[1:]
	}
	return out.String()
}

func (s *situation) String() string {
	var out strings.Builder
	for i, d := range s.roles {
		fmt.Fprintf(&out, "role:     %s\nseen as:  %+v\n", d.json(), s.seen[i])
	}
	fmt.Fprintf(&out, "%+v", s.boundaries)
	return out.String()
}
