package fleettest

import "net/http"

// Crash is the end of a client in the middle of its work.
type Crash struct {
	On    Call   // which calls count: a pattern
	After int    // at which of them the client ends, from 1
	Done  bool   // that call takes effect, and only its answer is lost; otherwise AWS never gets it
	Kill  func() // ends the client while it waits for the answer that never comes; may be nil
}

// crashing is a Crash that is to come, or has come.
type crashing struct {
	Crash
	seen int
	over bool
}

// CrashAt ends the client at one of its calls. From then on no call has an
// effect, is answered or recorded: the connections break, until [Server.Restart]
// is called. Work in progress goes on as somebody looks at it, or by
// [Account.Settle].
func (s *Server) CrashAt(c Crash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash = &crashing{Crash: c}
}

// Crashed reports whether the client has come to its end.
func (s *Server) Crashed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.crash != nil && s.crash.over
}

// Restart lets calls through again, those of the next client.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash = nil
}

// crashes reports whether a call is ignored, because the client is gone. end
// ends an exchange that the client does not see the end of; it is nil for all
// others. While the last call takes effect, others that the client has made at the
// same time do, too.
func (s *Server) crashes(c Call) (ignored bool, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	crash := s.crash
	switch {
	case crash == nil:
		return false, nil
	case crash.over:
		return true, abort
	case !c.matches(crash.On):
		return false, nil
	}
	crash.seen++
	if crash.seen != crash.After {
		return false, nil
	}
	crash.over = !crash.Done
	return !crash.Done, func() {
		s.mu.Lock()
		crash.over = true
		s.mu.Unlock()
		if crash.Kill != nil {
			crash.Kill()
		}
		abort()
	}
}

// abort breaks the connection of a request.
func abort() { panic(http.ErrAbortHandler) }
