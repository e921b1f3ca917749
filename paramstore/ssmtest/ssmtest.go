// Package ssmtest is an SSM endpoint for tests: the calls of Parameter Store
// that this project makes, over HTTP, for the real SDK client. What it does is
// what the SSM API reference says; the same tests run against moto.
package ssmtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is an endpoint with parameters in memory.
type Server struct {
	*httptest.Server

	mu         sync.Mutex
	parameters map[string][]Version
	tags       map[string][]string
	fault      Fault
	calls      []string
	race       func()
}

// Version is one value of a parameter.
type Version struct {
	Value, User string
	Secure      bool // a SecureString
}

// Fault is how the server answers instead of what was asked for.
type Fault struct {
	Operation     string        // which; empty is all
	Code, Message string        // an error of AWS
	Status        int           // of an error; 0 is 400
	Body          string        // the whole of an answer, whatever it is
	Cut           Cut           // where the connection is reset
	Clock         time.Duration // how far the server's clock is ahead
	Times         int           // how often; 0 is always
	Delay         time.Duration // before each answer, unless the client gives up
}

// Cut is where a connection is reset.
type Cut int

// Places where a connection is reset.
const (
	Uncut      Cut = iota
	BeforeBody     // before the answer begins
	InBody         // in the middle of the answer
)

// longestSkew is how far a request's time may be from the server's. Source: AWS
// Signature Version 4, requests expire.
const longestSkew = 5 * time.Minute

// New starts an empty server. The caller closes it.
func New() *Server {
	s := &Server{parameters: map[string][]Version{}, tags: map[string][]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Set gives a parameter a value, as somebody else does.
func (s *Server) Set(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(name, Version{Value: value, User: "arn:aws:iam::111122223333:user/somebody-else"})
}

// SetSecure is Set of a SecureString, whose value is of use decrypted only.
func (s *Server) SetSecure(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(name, Version{Value: value, Secure: true})
}

func (s *Server) put(name string, v Version) { s.parameters[name] = append(s.parameters[name], v) }

// Values returns what a parameter was over time, and its tags.
func (s *Server) Values(name string) (values, tags []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.parameters[name] {
		values = append(values, v.Value)
	}
	return values, s.tags[name]
}

// Fail has the server answer with a fault from now on.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// BeforeNextWrite runs do once, right before the next PutParameter takes
// effect: somebody else is faster.
func (s *Server) BeforeNextWrite(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.race = do
}

// Calls returns the operations that were asked for, with the parameters' names.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// request holds the inputs of all operations.
type request struct {
	Name, Path, Value, Type, NextToken string
	Names                              []string
	Overwrite, WithDecryption          bool
	Recursive                          bool
	MaxResults                         int
	Tags                               []struct{ Key, Value string }
}

// awsError is an error as AWS answers it.
type awsError struct{ code, message string }

func (e awsError) Error() string { return e.code }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSSM.")
	fault, race := s.note(operation, in)
	select {
	case <-time.After(fault.Delay):
	case <-r.Context().Done():
		return
	}
	if race != nil {
		race()
	}
	status, answer := s.answer(operation, in, fault, r.Header.Get("X-Amz-Date"))
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Date", time.Now().Add(fault.Clock).UTC().Format(http.TimeFormat))
	fault.Cut.send(w, status, answer)
}

// answer is what the server says to a request of a time.
func (s *Server) answer(operation string, in request, fault Fault, signed string) (status int, answer []byte) {
	if fault.Body != "" {
		return cmp.Or(fault.Status, http.StatusOK), []byte(fault.Body)
	}
	out, err := any(nil), error(awsError{fault.Code, fault.Message})
	if fault.Code == "" {
		err = checkTime(signed, time.Now().Add(fault.Clock))
	}
	if err == nil {
		out, err = s.do(operation, in)
	}
	status = http.StatusOK
	if failure, ok := err.(awsError); ok {
		status = cmp.Or(fault.Status, http.StatusBadRequest)
		out = map[string]string{"__type": failure.code, "message": failure.message}
	}
	answer, err = json.Marshal(out)
	if err != nil {
		panic(fmt.Sprintf("answer a test: %v", err))
	}
	return status, answer
}

// checkTime refuses a request that was signed at another time than the
// server's.
func checkTime(signed string, now time.Time) error {
	at, err := time.Parse("20060102T150405Z", signed)
	if err != nil || at.Before(now.Add(-longestSkew)) || at.After(now.Add(longestSkew)) {
		return awsError{"InvalidSignatureException", fmt.Sprintf("Signature expired: %s is now earlier than %s", signed, now.UTC().Format("20060102T150405Z"))}
	}
	return nil
}

// send sends an answer, as far as the connection lasts.
func (c Cut) send(w http.ResponseWriter, status int, answer []byte) {
	if c == BeforeBody {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(status)
	if c == InBody {
		answer = answer[:len(answer)/2]
	}
	_, _ = w.Write(answer) // fails when the client is gone
	if c == InBody {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// note takes note of a call, and returns what is to happen first.
func (s *Server) note(operation string, in request) (f Fault, race func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, operation+" "+in.Name+in.Path+strings.Join(in.Names, " "))
	if operation == "PutParameter" {
		race, s.race = s.race, nil
	}
	if s.fault.Operation != "" && s.fault.Operation != operation {
		return Fault{}, race
	}
	f = s.fault
	if s.fault.Times > 0 {
		if s.fault.Times--; s.fault.Times == 0 {
			s.fault = Fault{}
		}
	}
	return f, race
}

func (s *Server) do(operation string, in request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions := s.parameters[in.Name]
	missing := len(versions) == 0
	switch operation {
	case "GetParameters":
		return s.getParameters(in)
	case "GetParametersByPath":
		return s.byPath(in), nil
	case "PutParameter":
		return s.putParameter(in, missing)
	}
	if missing {
		return nil, awsError{"ParameterNotFound", ""}
	}
	switch operation {
	case "GetParameter":
		return map[string]any{"Parameter": s.parameter(in.Name, in.WithDecryption)}, nil
	case "GetParameterHistory":
		return s.history(in), nil
	case "DeleteParameter":
		delete(s.parameters, in.Name)
		return map[string]any{}, nil
	}
	return nil, awsError{"UnknownOperationException", operation}
}

func (s *Server) parameter(name string, decrypted bool) map[string]any {
	versions := s.parameters[name]
	last := versions[len(versions)-1]
	typ, value := "String", last.Value
	if last.Secure {
		typ = "SecureString"
		if !decrypted {
			value = "AQICAHciphertext"
		}
	}
	return map[string]any{
		"Name": name, "Type": typ, "Value": value,
		"Version": len(versions), "LastModifiedDate": 1.7e9,
	}
}

// maxNames is how many parameters one call can get. Source: SSM API,
// GetParameters.
const maxNames = 10

// getParameters answers in alphabetical order. Parameters that do not exist are
// listed apart, and are not an error.
func (s *Server) getParameters(in request) (any, error) {
	if len(in.Names) == 0 || len(in.Names) > maxNames {
		return nil, awsError{"ValidationException", "Member must have length between 1 and 10"}
	}
	found, invalid := []map[string]any{}, []string{}
	for _, name := range slices.Sorted(slices.Values(in.Names)) {
		if len(s.parameters[name]) == 0 {
			invalid = append(invalid, name)
			continue
		}
		found = append(found, s.parameter(name, in.WithDecryption))
	}
	return map[string]any{"Parameters": found, "InvalidParameters": invalid}, nil
}

func (s *Server) putParameter(in request, missing bool) (any, error) {
	switch {
	case in.Value == "":
		return nil, awsError{"ValidationException", "Member must have length greater than or equal to 1"}
	case in.Overwrite && len(in.Tags) > 0:
		return nil, awsError{"ValidationException", "Invalid request: tags and overwrite can't be used together."}
	case !in.Overwrite && !missing:
		return nil, awsError{"ParameterAlreadyExists", "The parameter already exists."}
	case missing && in.Type == "":
		return nil, awsError{"ValidationException", "A parameter type is required when you create a parameter."}
	}
	s.put(in.Name, Version{Value: in.Value, User: "arn:aws:iam::111122223333:user/operator"})
	for _, tag := range in.Tags {
		s.tags[in.Name] = append(s.tags[in.Name], tag.Key+"="+tag.Value)
	}
	return map[string]any{"Version": len(s.parameters[in.Name]), "Tier": "Standard"}, nil
}

// byPath answers pages of ten, the second of which is empty: AWS may do so.
func (s *Server) byPath(in request) any {
	var all []map[string]any
	for _, name := range slices.Sorted(maps.Keys(s.parameters)) {
		rest, below := strings.CutPrefix(name, strings.TrimSuffix(in.Path, "/")+"/")
		if below && (in.Recursive || !strings.Contains(rest, "/")) {
			all = append(all, s.parameter(name, in.WithDecryption))
		}
	}
	const size = 10
	page, _ := strconv.Atoi(in.NextToken)
	from := page * size
	if page == 1 {
		return map[string]any{"Parameters": []any{}, "NextToken": "2"}
	}
	if page > 1 {
		from -= size
	}
	to := min(from+size, len(all))
	out := map[string]any{"Parameters": all[min(from, to):to]}
	if to < len(all) {
		out["NextToken"] = strconv.Itoa(page + 1)
	}
	return out
}

func (s *Server) history(in request) any {
	var all []map[string]any
	for i, v := range s.parameters[in.Name] {
		all = append(all, map[string]any{
			"Name": in.Name, "Type": "String", "Value": v.Value, "Version": i + 1,
			"LastModifiedDate": 1.7e9 + float64(i), "LastModifiedUser": v.User,
		})
	}
	return map[string]any{"Parameters": all}
}
