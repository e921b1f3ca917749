package fleettest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Call is a call of an operation. As a pattern, its empty fields match any
// value.
type Call struct {
	Account   string // of the caller's credentials
	Region    string // that the request was signed for
	Service   string // such as cloudformation
	Operation string // such as DescribeStacks
	Resource  string // what it names: a stack, role, policy, parent, parameters, or bucket/key; empty for all of an account

	Caller        string // the ARN of the user or session; empty when the credentials are not valid
	SessionPolicy string // the session policy that limits the caller, empty for none
	Code          string // of the error that was answered; empty for none. OnCall does not know it yet
}

// matches reports whether a call has the values that a pattern gives.
func (c Call) matches(pattern Call) bool {
	for _, field := range [][2]string{
		{c.Account, pattern.Account},
		{c.Region, pattern.Region},
		{c.Service, pattern.Service},
		{c.Operation, pattern.Operation},
		{c.Resource, pattern.Resource},
		{c.Caller, pattern.Caller},
		{c.SessionPolicy, pattern.SessionPolicy},
		{c.Code, pattern.Code},
	} {
		if field[1] != "" && field[0] != field[1] {
			return false
		}
	}
	return true
}

// Calls returns all calls, in the order in which they came in.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Count returns the number of calls that match a pattern.
func (s *Server) Count(pattern Call) int {
	n := 0
	for _, c := range s.Calls() {
		if c.matches(pattern) {
			n++
		}
	}
	return n
}

// Writes returns the number of calls of operations that are not known to only
// read, whether they were refused or not.
func (s *Server) Writes() int {
	n := 0
	for _, c := range s.Calls() {
		if !slices.Contains(reads[c.Service], c.Operation) {
			n++
		}
	}
	return n
}

// ForgetCalls empties the record of calls.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// OnCall runs do for each call, before it takes effect: the place to change the
// state of an account while somebody reads it. Calls may come in at the same
// time; do may use all methods of the server.
func (s *Server) OnCall(do func(Call)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = do
}

// note takes note of a call.
func (s *Server) note(c Call) (index int, onCall func(Call)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
	return len(s.calls) - 1, s.onCall
}

// failed takes note of the error of a call, and completes it.
func (s *Server) failed(index int, r *request, f failure) failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	f = f.as(r)
	if index < len(s.calls) { // else the calls are forgotten
		s.calls[index].Code = f.code
	}
	return f
}

// reads are the operations that change nothing in an account.
var reads = map[string][]string{
	"account":        {"ListRegions"},
	"cloudformation": {"DescribeChangeSet", "DescribeStackEvents", "DescribeStacks", "GetTemplate", "ListChangeSets", "ListStackResources"},
	"iam": {
		"GenerateServiceLastAccessedDetails", "GetAccountAuthorizationDetails", "GetPolicy", "GetPolicyVersion", "GetRole",
		"GetServiceLastAccessedDetails", "ListRoles",
	},
	"organizations": {"ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent"},
	"s3":            {"GetObject"},
	"ssm":           {"GetParameter", "GetParameterHistory", "GetParameters", "GetParametersByPath"},
	"sts":           {"AssumeRole", "GetCallerIdentity"},
}

// resource is what a request names.
func (r *request) resource() string {
	switch r.Service {
	case "cloudformation":
		return cmp.Or(r.form.Get("StackName"), r.form.Get("ChangeSetName"))
	case "iam":
		return r.form.Get("RoleName") + r.form.Get("PolicyArn") + r.form.Get("Arn")
	case "s3":
		bucket, key := s3Object(r.http)
		return bucket + "/" + key
	case "sts":
		return r.form.Get("RoleArn")
	}
	var named struct {
		Name, Path, ParentID, AccountID string
		Names                           []string
	}
	_ = json.Unmarshal(r.body, &named) // an unreadable body names nothing
	return named.Name + named.Path + named.ParentID + named.AccountID + strings.Join(named.Names, " ")
}

// resourceARNs are what IAM compares with the resources of a policy: ARNs, or *
// for what is not about single stacks, roles, policies or parameters. Source:
// AWS's service authorization reference.
func (r *request) resourceARNs() []string {
	prefix := "arn:" + r.partition() + ":" + r.Service + ":" + r.Region + ":" + r.Account + ":"
	switch {
	case strings.HasPrefix(r.Resource, "arn:"):
		return []string{r.Resource}
	case r.Service == "cloudformation":
		return []string{prefix + "stack/" + cmp.Or(r.Resource, "*") + "/*"}
	case r.Service == "iam" && r.form.Has("RoleName"):
		return []string{r.account.roleARN(r.partition(), r.Resource)}
	case r.Service == "s3":
		return []string{"arn:" + r.partition() + ":s3:::" + r.Resource}
	case r.Service == "ssm" && r.Resource != "":
		var arns []string
		for name := range strings.FieldsSeq(r.Resource) {
			arns = append(arns, prefix+"parameter/"+strings.TrimPrefix(name, "/"))
		}
		return arns
	}
	return []string{"*"}
}

// permission is an action on a resource.
type permission struct{ action, resource string }

// permissions are those that a request needs. DescribeStacks of all stacks also
// needs ListStacks. Source: CloudFormation API, DescribeStacks, StackName.
func (r *request) permissions() []permission {
	var all []permission
	for _, resource := range r.resourceARNs() {
		all = append(all, permission{r.action(), resource})
	}
	if r.Operation == "DescribeStacks" && r.Resource == "" {
		all = append(all, permission{"cloudformation:ListStacks", "*"})
	}
	return all
}

// notAuthorized is AWS's text for a request that no policy of a kind allows.
func (r *request) notAuthorized(p permission, kind string) string {
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no %s policy allows the %[2]s action",
		r.Caller, p.action, p.resource, kind)
}

// action is the name of an operation in policies.
func (r *request) action() string { return r.Service + ":" + r.Operation }
