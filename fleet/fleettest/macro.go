package fleettest

import (
	"context"
	"fmt"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/paramstore/ssmtest"
	"permissions-boundary-macro/transform"
)

// InstallMacro makes a macro known to the change sets of a Region. It gets a
// macro request, and returns the response.
func (a *Account) InstallMacro(region, name string, macro func(event []byte) []byte) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.macros[region+" "+name] = macro
}

// Macro is the product's macro, with Parameter Store of a Region, where the
// values have the default prefix. It reads them directly: a run is no call.
func (a *Account) Macro(region string, options transform.Options) func(event []byte) []byte {
	macro := transform.Macro{Options: options, Store: values{a.Store(region), region}}
	return func(event []byte) []byte {
		answer, _ := macro.Respond(context.Background(), event)
		return answer
	}
}

// values are the boundary values in a Parameter Store.
type values struct {
	store  *ssmtest.Server
	region string
}

// Effective implements [boundary.Reader].
func (v values) Effective(_ context.Context, key boundary.Key) (boundary.Record, error) {
	for _, k := range []boundary.Key{key, {Environment: key.Environment}} {
		if texts, _ := v.store.Values(paramstore.Name(paramstore.DefaultPrefix, k)); len(texts) > 0 {
			return boundary.Record{Key: k, Text: texts[len(texts)-1], Version: int64(len(texts))}, nil
		}
	}
	return boundary.Record{}, fmt.Errorf("%w: %s", boundary.ErrUnknown, key.Environment)
}

// Location implements [boundary.Reader].
func (v values) Location(key boundary.Key) string {
	return "parameter " + paramstore.Name(paramstore.DefaultPrefix, key) + " in " + v.region
}

// Correction implements [boundary.Reader].
func (v values) Correction(boundary.Key) string { return "correct it" }

// findMacro finds a macro by its name.
type findMacro func(name string) (macro func([]byte) []byte, known bool)

// installed finds what InstallMacro has installed.
func (a *Account) installed(region string) findMacro {
	return func(name string) (func([]byte) []byte, bool) {
		a.server.mu.Lock()
		defer a.server.mu.Unlock()
		macro, known := a.macros[region+" "+name]
		return macro, known
	}
}
