package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// access is where an environment is: in targets, or in a file store. Empty is
// the account and Region that AWS's own variables and files name.
type access struct {
	Targets []target `json:"targets,omitempty"`
	Store   string   `json:"store,omitempty"` // file:PATH
}

// UnmarshalJSON reads what a project file says of an environment. Before an
// environment could have several targets it gave the profile and Region of the
// one; the next write of the file turns that into a target.
func (a *access) UnmarshalJSON(text []byte) error {
	var read struct {
		Targets []target `json:"targets"`
		Store   string   `json:"store"`
		Profile string   `json:"profile"`
		Region  string   `json:"region"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&read); err != nil {
		return err
	}
	if read.Targets != nil && len(read.Targets) == 0 {
		return errors.New("its list of targets is empty")
	}
	if read.Store == "ssm" {
		read.Store = ""
	}
	*a = access{Targets: read.Targets, Store: read.Store}
	only := target{Profile: read.Profile, Region: read.Region}
	switch {
	case only == (target{}):
	case read.Targets != nil:
		return errors.New("it has targets, and a profile or Region beside them")
	case read.Store == "": // a file store has neither
		a.Targets = []target{only}
	}
	return nil
}

// check finds what the form of an entry leaves open.
func (a access) check() error {
	_, isFile := storeFile(a.Store)
	switch {
	case a.Store != "" && (!isFile || !isStore(a.Store)):
		return errors.New("the store is not of the form file:PATH")
	case isFile && len(a.Targets) > 0:
		return errors.New("it has targets and a file store")
	}
	for i, t := range a.Targets {
		if err := t.check(); err != nil {
			return err
		}
		if t == (target{}) || slices.Contains(a.Targets[:i], t) {
			return fmt.Errorf("target %d is empty, or there twice", i+1)
		}
	}
	return nil
}

func (a access) isEmpty() bool { return a.Store == "" && len(a.Targets) == 0 }

// always is the access itself, whatever was there.
func (a access) always(access) access { return a }

func (a access) equals(other access) bool {
	return a.Store == other.Store && areSame(a.Targets, other.Targets)
}

// String says it in messages.
func (a access) String() string {
	if a.Store != "" {
		return "store " + a.Store
	}
	var targets []string
	for _, t := range a.Targets {
		targets = append(targets, t.String())
	}
	return strings.Join(targets, "; ")
}

// has reports whether a place is, as far as is known, one of those that the
// access leads to. Another profile may lead to the same account.
func (a access) has(at *place) bool {
	file, isFile := storeFile(a.Store)
	switch {
	case isFile || !at.inAWS():
		return isFile && !at.inAWS() && filepath.Clean(file) == filepath.Clean(at.file)
	case len(a.Targets) == 0:
		return true
	}
	return slices.ContainsFunc(a.Targets, at.isTarget)
}

// isTarget reports whether a place is a target. If either account is not known,
// both must be reached in the same way.
func (at *place) isTarget(t target) bool {
	switch account := t.account(); {
	case t.Region != "" && t.Region != at.Region:
		return false
	case account != "" && at.account() != "":
		return account == at.account()
	default:
		return t.Role == at.Role && t.Profile == at.Profile
	}
}
