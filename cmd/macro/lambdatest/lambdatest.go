// Package lambdatest is a Lambda runtime API for tests: it hands events to a
// function that runs as a process, and takes what the function answers.
//
// Source: Lambda developer guide, custom runtimes.
package lambdatest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// Server is the runtime API of one function. Close ends it, when the function
// is gone.
type Server struct {
	*httptest.Server
	Timeout time.Duration // of the function, for the invocations to come

	events  chan []byte
	answers chan Answer
}

// Answer is what a function posts. Path says whether it is a response.
type Answer struct {
	Path string
	Body []byte
}

// ResponsePath is the path of a response that is no function error.
const ResponsePath = "/2018-06-01/runtime/invocation/invocation/response"

// New starts a server.
func New() *Server {
	s := &Server{Timeout: 20 * time.Second, events: make(chan []byte), answers: make(chan Answer, 1)}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Environment is what Lambda sets for a function, with credentials that are
// none, and SSM at an endpoint.
func (s *Server) Environment(ssm string) []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(s.URL, "http://"),
		"AWS_LAMBDA_FUNCTION_NAME=macro", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_ENDPOINT_URL_SSM=" + ssm,
	}
}

// Invoke hands an event to the function and waits for its answer. It gives up
// after some time, whether the function lives or not.
func (s *Server) Invoke(event []byte, patience time.Duration) (Answer, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case s.events <- event:
	case <-timer.C:
		return Answer{}, fmt.Errorf("invoke the function: it asks for no event")
	}
	select {
	case answer := <-s.answers:
		return answer, nil
	case <-timer.C:
		return Answer{}, fmt.Errorf("invoke the function: no response")
	}
}

// Close ends the server and whoever waits for an event.
func (s *Server) Close() {
	close(s.events)
	s.Server.Close()
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/invocation/next") {
		event, ok := <-s.events
		if !ok {
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "invocation")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(s.Timeout).UnixMilli()))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:111122223333:function:macro")
		_, _ = w.Write(event)
		return
	}
	var body bytes.Buffer
	if _, err := io.Copy(&body, r.Body); err != nil {
		return
	}
	w.WriteHeader(http.StatusAccepted)
	s.answers <- Answer{r.URL.Path, body.Bytes()}
}
