package fleettest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/iameval"
)

// Trust is the trust policy of a role.
type Trust struct {
	ExternalID  string        // that a caller must give; empty for any or none
	Accounts    []string      // whose users and roles may assume it; empty for all
	MaxDuration time.Duration // the longest session; 0 is an hour
}

// Trust lets a role of the account be assumed. The role is given by its name,
// or path and name such as audit/pbm-auditor, and is in listings only if
// [Account.PutRole] has made it. All other roles refuse everybody. Sessions may
// do everything that their session policy allows.
func (a *Account) Trust(role string, t Trust) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.trusts[role] = t
}

// session is an assumed role.
type session struct {
	account, role, name string
	policy              *iameval.Policy // nil for none
	policyText          string
	expires             time.Time
	calls               int
}

// caller is who has signed a request.
type caller struct{ session *session } // nil: the account's user

func (c caller) arn(partition, account string) string {
	if c.session == nil {
		return "arn:" + partition + ":iam::" + account + ":user/operator"
	}
	role := c.session.role[strings.LastIndex(c.session.role, "/")+1:]
	return "arn:" + partition + ":sts::" + account + ":assumed-role/" + role + "/" + c.session.name
}

// authenticate finds the caller of a request.
func (s *Server) authenticate(r *request, kind, token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kind == "ASIA" {
		session := s.sessions[token]
		if session == nil || session.account != r.Account {
			return failure{code: "InvalidClientTokenId"}
		}
		r.caller.session, r.SessionPolicy = session, session.policyText
		session.calls++
		if time.Now().After(session.expires) || s.callsOfASession > 0 && session.calls > s.callsOfASession {
			return failure{code: "ExpiredToken"}
		}
	} else if kind != "AKIA" {
		return failure{code: "InvalidClientTokenId"}
	}
	r.Caller = r.caller.arn(r.partition(), r.Account)
	return nil
}

// authorize refuses what a session policy does not allow. GetCallerIdentity
// needs no permission.
func (s *session) authorize(r *request) error {
	if s == nil || s.policy == nil || r.action() == "sts:GetCallerIdentity" {
		return nil
	}
	for _, p := range r.permissions() {
		decision, err := iameval.Evaluate(iameval.Policies{Identity: []*iameval.Policy{s.policy}}, iameval.Request{
			Action: p.action, Resource: p.resource,
			Context: map[string][]string{"aws:PrincipalArn": {r.Caller}, "aws:PrincipalAccount": {r.Account}, "aws:RequestedRegion": {r.Region}},
		})
		if err != nil {
			return failure{code: "InternalFailure", message: "fleettest cannot evaluate the session policy: " + err.Error()}
		}
		if !decision.Allowed {
			return failure{code: "AccessDenied", message: r.notAuthorized(p, "session")}
		}
	}
	return nil
}

var stsOperations = map[string]func(*request) ([]byte, error){
	"AssumeRole":        assumeRole,
	"GetCallerIdentity": getCallerIdentity,
}

func getCallerIdentity(r *request) ([]byte, error) {
	x := &result{}
	x.text("Account", r.Account)
	x.text("UserId", "AIDA"+random(r.Caller, 16))
	x.text("Arn", r.Caller)
	return x.answer(r)
}

// Limits of AssumeRole. Source: STS API reference, AssumeRole.
var (
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	roleARN     = regexp.MustCompile(`^arn:([a-z-]+):iam::([0-9]{12}):role/([!-~]+)$`)
)

const (
	shortestSession   = 15 * time.Minute
	usualSession      = time.Hour
	longestSession    = 12 * time.Hour
	longestChained    = time.Hour
	maxSessionPolicy  = 2048
	longestExternalID = 1224
)

func assumeRole(r *request) ([]byte, error) {
	s, duration, err := newSession(r)
	if err != nil {
		return nil, err
	}
	server := r.account.server
	of := server.Account(s.account)
	server.mu.Lock()
	defer server.mu.Unlock()
	trust, trusted := of.trusts[s.role]
	switch {
	case !trusted, trust.ExternalID != "" && trust.ExternalID != r.form.Get("ExternalId"),
		len(trust.Accounts) > 0 && !slices.Contains(trust.Accounts, r.Account):
		return nil, failure{code: "AccessDenied", message: fmt.Sprintf(
			"User: %s is not authorized to perform: sts:AssumeRole on resource: %s", r.Caller, r.form.Get("RoleArn"))}
	case r.caller.session != nil && duration > longestChained:
		return nil, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case duration > max(trust.MaxDuration, usualSession):
		return nil, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	s.expires = time.Now().Add(duration)
	token := encodeSession(s, len(server.sessions))
	server.sessions[token] = s

	x := &result{}
	x.open("Credentials")
	x.text("AccessKeyId", "ASIA"+s.account)
	x.text("SecretAccessKey", "secret")
	x.text("SessionToken", token)
	x.time("Expiration", s.expires)
	x.close("Credentials")
	x.open("AssumedRoleUser")
	x.text("AssumedRoleId", "AROA"+random(s.role, 16)+":"+s.name)
	x.text("Arn", caller{s}.arn(r.partition(), s.account))
	x.close("AssumedRoleUser")
	return x.answer(r)
}

// newSession is the session that a request asks for. Its input is checked, but
// not whether the role may be assumed.
func newSession(r *request) (*session, time.Duration, error) {
	arn := roleARN.FindStringSubmatch(r.form.Get("RoleArn"))
	if arn == nil || arn[1] != boundary.PartitionOf(r.Region) {
		return nil, 0, invalid("Request ARN is invalid")
	}
	s := &session{account: arn[2], role: arn[3], name: r.form.Get("RoleSessionName"), policyText: r.form.Get("Policy")}
	duration := usualSession
	if text := r.form.Get("DurationSeconds"); text != "" {
		seconds, err := strconv.Atoi(text)
		duration = time.Duration(seconds) * time.Second
		if err != nil || duration < shortestSession || duration > longestSession {
			return nil, 0, invalid("1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint")
		}
	}
	switch {
	case !sessionName.MatchString(s.name):
		return nil, 0, invalid("1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint")
	case r.form.Has("ExternalId") && (!externalID.MatchString(r.form.Get("ExternalId")) || len(r.form.Get("ExternalId")) > longestExternalID):
		return nil, 0, invalid("1 validation error detected: Value at 'externalId' failed to satisfy constraint")
	case len(s.policyText) > maxSessionPolicy:
		return nil, 0, invalid("1 validation error detected: Value at 'policy' failed to satisfy constraint")
	case s.policyText != "":
		policy, err := iameval.Parse("session policy", []byte(s.policyText))
		if err != nil {
			return nil, 0, failure{code: "MalformedPolicyDocument", message: err.Error()}
		}
		s.policy = policy
	}
	return s, duration, nil
}

// encodeSession is the session token. A failing test can be understood by what
// it says.
func encodeSession(s *session, number int) string {
	text, err := json.Marshal(map[string]any{"role": s.role, "session": s.name, "policy": s.policyText, "number": number})
	if err != nil {
		panic(err)
	}
	return encodeToken("", string(text))
}
