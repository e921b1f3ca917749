// Package ssmtest is an SSM endpoint for tests: the calls of Parameter Store
// that this project makes, over HTTP, for the real SDK client.
package ssmtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Server is an endpoint with parameters in memory.
type Server struct {
	*httptest.Server

	mu     sync.Mutex
	values map[string]string
	fault  Fault
	calls  []string
}

// Fault is how the server answers instead of what was asked for.
type Fault struct {
	Code, Message string        // an error of AWS
	Times         int           // how often; 0 is always
	Delay         time.Duration // before each answer
}

// New starts an empty server. The caller closes it.
func New() *Server {
	s := &Server{values: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Set gives a parameter a value.
func (s *Server) Set(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[name] = value
}

// Fail has the server answer with a fault from now on.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Calls returns the operations that were asked for, with the parameter's name.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name           string
		WithDecryption bool
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSSM.")
	value, found, fault := s.note(operation, in.Name)
	time.Sleep(fault.Delay)
	switch {
	case fault.Code != "":
		fail(w, fault.Code, fault.Message)
	case operation != "GetParameter" || !in.WithDecryption:
		fail(w, "ValidationException", "unexpected call of "+operation)
	case !found:
		fail(w, "ParameterNotFound", "")
	default:
		answer(w, http.StatusOK, map[string]any{"Parameter": map[string]any{
			"Name": in.Name, "Type": "String", "Value": value, "Version": 1, "LastModifiedDate": 1.7e9,
		}})
	}
}

// note takes note of a call, and returns what to answer.
func (s *Server) note(operation, name string) (value string, found bool, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, operation+" "+name)
	value, found = s.values[name]
	f = s.fault
	if s.fault.Times > 0 {
		if s.fault.Times--; s.fault.Times == 0 {
			s.fault = Fault{}
		}
	}
	return value, found, f
}

func fail(w http.ResponseWriter, code, message string) {
	answer(w, http.StatusBadRequest, map[string]string{"__type": code, "message": message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(fmt.Sprintf("answer a test: %v", err))
	}
}
