package fleettest

import (
	"encoding/json"
	"fmt"
	"slices"
)

// States of an account in an organization. Source: Organizations API,
// AccountState.
const (
	Active    = "ACTIVE"
	Suspended = "SUSPENDED"
	Closed    = "CLOSED"
)

// Organization is a tree of organizational units and accounts.
type Organization struct {
	management *Account
	delegated  []string
	units      []unit
	members    listing[member] // by account ID
}

// root is the ID of the root of every organization.
const root = "r-f1ee"

type unit struct{ id, name, parent string }

type member struct{ id, name, state, parent string }

// Organization returns the organization of an account. An account without one
// becomes the management account of a new one.
func (a *Account) Organization() *Organization {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if a.organization == nil {
		a.organization = &Organization{management: a}
		a.organization.members.put(a.ID, member{a.ID, "management", Active, root})
	}
	return a.organization
}

// Root returns the ID of the root.
func (o *Organization) Root() string { return root }

// AddUnit adds an organizational unit below the root or another unit, and
// returns its ID.
func (o *Organization) AddUnit(parent, name string) (id string) {
	o.management.server.mu.Lock()
	defer o.management.server.mu.Unlock()
	id = fmt.Sprintf("ou-f1ee-%08d", len(o.units)+1)
	o.units = append(o.units, unit{id, name, parent})
	return id
}

// AddAccount adds an account below the root or a unit, in a state such as
// [Active].
func (o *Organization) AddAccount(parent, id, name, state string) {
	a := o.management.server.Account(id)
	o.management.server.mu.Lock()
	defer o.management.server.mu.Unlock()
	a.organization = o
	o.members.put(id, member{id, name, state, parent})
}

// Delegate makes an account a delegated administrator.
func (o *Organization) Delegate(id string) {
	o.management.server.mu.Lock()
	defer o.management.server.mu.Unlock()
	o.delegated = append(o.delegated, id)
}

// administers reports whether an account may ask for another one of its
// organization.
func (a *Account) administers(other *Account) bool {
	o := a.organization
	return o != nil && o == other.organization && (o.management == a || slices.Contains(o.delegated, a.ID))
}

var organizationsOperations = map[string]func(*request) ([]byte, error){
	"ListAccounts":                     ofOrganization((*Organization).listAccounts),
	"ListAccountsForParent":            ofOrganization((*Organization).listAccounts),
	"ListOrganizationalUnitsForParent": ofOrganization((*Organization).listUnits),
}

// organizationsInput holds the inputs of all operations.
type organizationsInput struct {
	ParentID   string `json:"ParentId"`
	MaxResults *int
	NextToken  string
}

// ofOrganization is an operation for the management account and delegated
// administrators.
func ofOrganization(do func(*Organization, *request, organizationsInput, int) (map[string]any, error)) func(*request) ([]byte, error) {
	return func(r *request) ([]byte, error) {
		var in organizationsInput
		if err := json.Unmarshal(r.body, &in); err != nil {
			return nil, failure{code: "SerializationException"}
		}
		r.account.server.mu.Lock()
		defer r.account.server.mu.Unlock()
		size, err := sizeOf(in.MaxResults, 20)
		switch o := r.account.organization; {
		case o == nil:
			return nil, failure{code: "AWSOrganizationsNotInUseException", message: "Your account is not a member of an organization."}
		case !r.account.administers(r.account):
			return nil, failure{code: "AccessDenied", message: "You don't have permissions to access this resource."}
		case err != nil:
			return nil, err
		case r.Operation != "ListAccounts" && !o.isParent(in.ParentID):
			return nil, failure{code: "ParentNotFoundException", message: "You specified parent that doesn't exist."}
		default:
			out, err := do(o, r, in, size)
			if err != nil {
				return nil, err
			}
			return mustMarshal(out), nil
		}
	}
}

func (o *Organization) isParent(id string) bool {
	return id == root || slices.ContainsFunc(o.units, func(u unit) bool { return u.id == id })
}

// listAccounts lists the accounts right below a parent, or all without one.
func (o *Organization) listAccounts(r *request, in organizationsInput, size int) (map[string]any, error) {
	var ids []string
	for _, id := range o.members.keys() {
		if in.ParentID == "" || o.members.values[id].parent == in.ParentID {
			ids = append(ids, id)
		}
	}
	page, next, err := o.management.server.page(r.Operation, in.NextToken, ids, size)
	if err != nil {
		return nil, err
	}
	accounts := []map[string]any{}
	for _, id := range page {
		m := o.members.values[id]
		accounts = append(accounts, map[string]any{
			"Id": m.id, "Name": m.name, "State": m.state, "Email": m.id + "@example.com",
			"Arn":          o.arn(r, "account", m.id),
			"JoinedMethod": "INVITED", "JoinedTimestamp": 1767225600,
		})
	}
	return withToken(map[string]any{"Accounts": accounts}, next), nil
}

// listUnits lists the units right below a parent.
func (o *Organization) listUnits(r *request, in organizationsInput, size int) (map[string]any, error) {
	names := map[string]string{}
	var ids []string // sorted, as IDs count up
	for _, u := range o.units {
		if u.parent == in.ParentID {
			names[u.id], ids = u.name, append(ids, u.id)
		}
	}
	page, next, err := o.management.server.page(r.Operation, in.NextToken, ids, size)
	if err != nil {
		return nil, err
	}
	units := []map[string]any{}
	for _, id := range page {
		units = append(units, map[string]any{"Id": id, "Name": names[id], "Arn": o.arn(r, "ou", id)})
	}
	return withToken(map[string]any{"OrganizationalUnits": units}, next), nil
}

func (o *Organization) arn(r *request, kind, id string) string {
	return "arn:" + r.partition() + ":organizations::" + o.management.ID + ":" + kind + "/o-exampleorgid/" + id
}
