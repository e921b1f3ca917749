// Package fleettest is AWS for tests of a fleet: CloudFormation, IAM, S3, STS,
// Organizations, Account Management and Parameter Store of any number of
// accounts and Regions, at one endpoint, for the real SDK clients. What it does
// is what AWS's API references say, and where they are silent, behaviour that
// was recorded on AWS.
//
// [New] starts a [Server]. [Server.Account] is an account, whose methods set up
// stacks, roles and Regions; [Account.Deploy] and [Account.Fill] make stacks as
// CloudFormation does. [Server.Fail], [Server.Throttle], [Server.Page],
// [Server.OnCall] and [Server.CrashAt] make it behave awkwardly, and
// [Server.Calls], [Server.Count] and [Server.Writes] tell what was asked for.
//
// Change sets run the macros of [Account.InstallMacro] on a template that is
// given, and not on the previous one. Their creation, and the updates that they
// are executed with, need no clock: a change set moves on when it is described or
// listed, and an update takes a step, such as one role, when one of its stacks is
// described. [Account.FailUpdates] has updates roll back, [Account.Settle]
// finishes all of them, and [Account.Applied] and [Account.ChangeSets] tell what
// they did and what is left.
//
// Who calls, and where, is what the request was signed for, as with AWS: the
// access key AKIA<account> is a user of that account, and AssumeRole returns
// keys ASIA<account> with a session token. Signatures are not verified. Operations
// that the package does not know count as writes, and are refused with
// AccessDenied.
package fleettest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"permissions-boundary-macro/boundary"
)

// Server is the endpoint of all accounts, Regions and services. It is safe for
// concurrent use. The caller closes it.
type Server struct {
	*httptest.Server

	mu       sync.Mutex // guards everything below, and what accounts and organizations hold
	accounts map[string]*Account
	sessions map[string]*session // by session token
	now      time.Time           // see tick

	calls           []Call
	onCall          func(Call)
	faults          []*Fault
	paging          map[string]Paging // by operation
	crash           *crashing         // nil: none
	throttle        *bucket           // what each of buckets starts as; nil: no limit
	buckets         map[string]*bucket
	callsOfASession int // 0: no limit
	maxChangeSets   int // of a stack
	s3Buckets       map[string]*s3Bucket
}

// New starts a server without stacks and roles.
func New() *Server {
	s := &Server{
		accounts: map[string]*Account{},
		sessions: map[string]*session{},
		now:      time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		paging:   map[string]Paging{},

		maxChangeSets: 1000,
		s3Buckets:     map[string]*s3Bucket{},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Close closes the server and the Parameter Stores of its accounts.
func (s *Server) Close() {
	s.Server.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		for _, store := range a.stores {
			store.Close()
		}
	}
}

// tick returns the time of a change. Each is a second later than the one
// before, so that tests do not depend on the clock.
func (s *Server) tick() time.Time {
	s.now = s.now.Add(time.Second)
	return s.now
}

// request is a call, with what it was called with.
type request struct {
	Call
	caller  caller
	form    url.Values // of the Query protocol
	body    []byte
	http    *http.Request
	account *Account
}

// partition is that of the Region that was called: an account has no partition
// of its own here.
func (r *request) partition() string { return boundary.PartitionOf(r.Region) }

// credential is the scope of a Signature Version 4: key, date, Region, service.
var credential = regexp.MustCompile(`Credential=([A-Z]{4})([0-9]{12})/[0-9]+/([a-z0-9-]+)/([a-z0-9]+)/`)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	signed := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if signed == nil {
		http.Error(w, "the request is not signed with the key of an account", http.StatusForbidden)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	req := &request{
		Call: Call{Account: signed[2], Region: signed[3], Service: signed[4]},
		body: body, http: r, account: s.Account(signed[2]),
	}
	req.name()
	authentication := s.authenticate(req, signed[1], r.Header.Get("X-Amz-Security-Token"))
	ignored, end := s.crashes(req.Call)
	if ignored {
		end()
	}
	index, onCall := s.note(req.Call)
	if onCall != nil {
		onCall(req.Call)
	}
	var answer []byte
	var cut bool
	if err = authentication; err == nil {
		answer, cut, err = s.answer(req)
	}
	status, contentType := http.StatusOK, contentTypes[req.Service]
	if err != nil {
		f := s.failed(index, req, err.(failure))
		status, answer = f.status, f.body(req.Service)
		w.Header().Set("X-Amzn-Errortype", f.code)
	}
	if end != nil {
		end()
	}
	w.Header().Set("Content-Type", contentType)
	send(w, status, answer, cut)
}

// name says which operation a request is for, and on what.
func (r *request) name() {
	switch _, isQuery := namespaces[r.Service]; {
	case isQuery:
		r.form, _ = url.ParseQuery(string(r.body)) // an unreadable form has no action
		r.Operation = r.form.Get("Action")
	case r.Service == "s3":
		r.Operation = s3Methods[r.http.Method]
	case r.Service == "account":
		path := strings.TrimPrefix(r.http.URL.Path, "/")
		r.Operation = strings.ToUpper(path[:min(1, len(path))]) + path[min(1, len(path)):]
	default:
		_, r.Operation, _ = strings.Cut(r.http.Header.Get("X-Amz-Target"), ".")
	}
	r.Resource = r.resource()
}

// answer does what a request asks for, unless something else is to happen.
func (s *Server) answer(r *request) (answer []byte, cut bool, err error) {
	fault := s.intervene(r)
	if fault.Code != "" {
		return nil, false, failure{code: fault.Code, message: fault.Message}
	}
	if err := s.authorize(r); err != nil {
		return nil, false, err
	}
	do, known := operations[r.Service][r.Operation]
	if !known {
		return nil, false, failure{code: "AccessDenied"}
	}
	answer, err = do(r)
	return answer, fault.Cut, err
}

// authorize refuses what the session policy of the caller does not allow, and
// Regions that the account has not enabled.
func (s *Server) authorize(r *request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !isGlobal[r.Service] && !r.account.isEnabled(r.Region) {
		return failure{code: "InvalidClientTokenId"}
	}
	return r.caller.session.authorize(r)
}

// operations are those that the server does. Each locks what it needs.
var operations = map[string]map[string]func(*request) ([]byte, error){
	"account":        accountOperations,
	"cloudformation": cloudFormationOperations,
	"iam":            iamOperations,
	"organizations":  organizationsOperations,
	"s3":             s3Operations,
	"ssm":            ssmOperations,
	"sts":            stsOperations,
}

// isGlobal are the services that an account has once, not in each Region.
var isGlobal = map[string]bool{"account": true, "iam": true, "organizations": true}

// send sends an answer; one that is cut ends in the middle.
func send(w http.ResponseWriter, status int, answer []byte, cut bool) {
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(status)
	if cut {
		_, _ = w.Write(answer[:len(answer)/2])
		_ = http.NewResponseController(w).Flush()
		abort()
	}
	_, _ = w.Write(answer) // fails when the client is gone
}
