package fleettest

import (
	"crypto/sha256"
	"encoding/base32"
	"net/http"
	"net/http/httptest"

	"permissions-boundary-macro/paramstore/ssmtest"
)

// Account is an AWS account. Its methods change its state at once, as somebody
// else does; they are not calls.
type Account struct {
	ID string

	server       *Server
	stores       map[string]*ssmtest.Server     // by Region
	regions      map[string]string              // opt-in status
	trusts       map[string]Trust               // by path and name of the role
	stacks       map[string]*stacks             // by Region
	macros       map[string]func([]byte) []byte // by Region and name
	roles        listing[*Role]                 // by name
	users        listing[User]                  // by name
	policies     listing[string]                // the documents, by ARN
	accesses     map[string][]Access            // by role
	reports      map[string]*accessReport       // by job
	organization *Organization
	applied      []Applied
}

// Tag is a tag of a stack or role.
type Tag struct{ Key, Value string }

// Account returns an account, which is empty at first use.
func (s *Server) Account(id string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[id] == nil {
		s.accounts[id] = &Account{
			ID: id, server: s,
			stores: map[string]*ssmtest.Server{}, regions: map[string]string{},
			trusts: map[string]Trust{}, stacks: map[string]*stacks{}, macros: map[string]func([]byte) []byte{},
			accesses: map[string][]Access{}, reports: map[string]*accessReport{},
		}
	}
	return s.accounts[id]
}

// Store returns Parameter Store of a Region.
func (a *Account) Store(region string) *ssmtest.Server {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if a.stores[region] == nil {
		a.stores[region] = ssmtest.New()
	}
	return a.stores[region]
}

// ssmOperations are those of ssmtest.
var ssmOperations = map[string]func(*request) ([]byte, error){
	"DeleteParameter":     askStore,
	"GetParameter":        askStore,
	"GetParameterHistory": askStore,
	"GetParameters":       askStore,
	"GetParametersByPath": askStore,
	"PutParameter":        askStore,
}

// askStore passes a request to Parameter Store.
func askStore(r *request) ([]byte, error) {
	w := httptest.NewRecorder()
	r.account.Store(r.Region).Config.Handler.ServeHTTP(w, r.http)
	if w.Code == http.StatusOK {
		return w.Body.Bytes(), nil
	}
	return nil, readFailure(w.Code, w.Body.Bytes())
}

// random is text that looks random, and is the same for the same seed.
func random(seed string, length int) string {
	sum := sha256.Sum256([]byte(seed))
	return base32.StdEncoding.EncodeToString(sum[:])[:length]
}
