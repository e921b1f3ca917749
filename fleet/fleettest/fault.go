package fleettest

import "time"

// Fault is how the server answers calls instead of what they ask for.
type Fault struct {
	On    Call // which calls: a pattern
	Every int  // only every nth of them; 0 is 1
	Times int  // how often at most; 0 is always

	// Code is an error of AWS in the spelling of the Query protocol, such as
	// Throttling, AccessDenied, ExpiredToken, InvalidClientTokenId or
	// InternalFailure. Each service answers it in its own spelling and shape.
	Code    string
	Message string // empty is AWS's text

	Cut bool // without a Code: the call takes effect, but the answer ends in the middle

	seen, done int
}

// Fail adds a fault. The first that applies to a call counts.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal removes all faults and the limit of [Server.Throttle].
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.throttle = nil, nil
}

// Throttle limits calls, for each account, Region and service, to a number per
// second and to burst at once. What exceeds it is answered with Throttling.
func (s *Server) Throttle(perSecond float64, burst int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttle = &bucket{rate: perSecond, size: float64(burst), tokens: float64(burst)}
	s.buckets = map[string]*bucket{}
}

// ExpireSessionsAfter lets the credentials of each assumed role expire after a
// number of calls; 0 is never.
func (s *Server) ExpireSessionsAfter(calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callsOfASession = calls
}

// intervene returns the fault that applies to a call, the zero Fault for none.
func (s *Server) intervene(r *request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.throttle != nil && !s.bucket(r.Call).take(time.Now()) {
		return Fault{Code: "Throttling"}
	}
	for _, f := range s.faults {
		if r.Call.matches(f.On) && f.applies() {
			return *f
		}
	}
	return Fault{}
}

func (f *Fault) applies() bool {
	f.seen++
	if f.seen%max(f.Every, 1) != 0 || f.Times > 0 && f.done == f.Times {
		return false
	}
	f.done++
	return true
}

// bucket is a token bucket.
type bucket struct {
	rate, size, tokens float64
	filled             time.Time
}

func (s *Server) bucket(c Call) *bucket {
	key := c.Account + " " + c.Service
	if !isGlobal[c.Service] {
		key += " " + c.Region
	}
	if s.buckets[key] == nil {
		b := *s.throttle
		s.buckets[key] = &b
	}
	return s.buckets[key]
}

func (b *bucket) take(now time.Time) bool {
	if !b.filled.IsZero() {
		b.tokens = min(b.size, b.tokens+now.Sub(b.filled).Seconds()*b.rate)
	}
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
