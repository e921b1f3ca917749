package fleettest

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Role is a role of an account.
type Role struct {
	Name     string
	Path     string // empty is /
	Boundary string // the ARN of its permissions boundary, empty for none
	Trust    string // its trust policy in JSON, empty is one for Lambda
	Inline   []Policy
	Attached []string // ARNs of managed policies
	Tags     []Tag
	Created  time.Time // the zero time is now
}

// User is a user of an account.
type User struct {
	Name     string
	Boundary string
}

// Policy is an inline policy in JSON.
type Policy struct{ Name, Document string }

const trustOfLambda = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// PutRole creates a role, or replaces it.
func (a *Account) PutRole(r Role) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.putRole(r)
}

func (a *Account) putRole(r Role) {
	r.Path, r.Trust = cmp.Or(r.Path, "/"), cmp.Or(r.Trust, trustOfLambda)
	if r.Created.IsZero() {
		r.Created = a.server.tick()
	}
	a.roles.put(r.Name, &r)
}

// Role returns a role as it is now. Its slices must not be modified.
func (a *Account) Role(name string) (r Role, exists bool) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if role := a.roles.values[name]; role != nil {
		return *role, true
	}
	return Role{}, false
}

// Roles returns the names of all roles.
func (a *Account) Roles() []string {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return slices.Clone(a.roles.keys())
}

// SetBoundary sets the boundary of a role by hand, and removes it when it is
// empty. CloudFormation does not learn of it.
func (a *Account) SetBoundary(role, boundary string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.roles.values[role].Boundary = boundary
}

// DeleteRole deletes a role by hand.
func (a *Account) DeleteRole(name string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.roles.remove(name)
}

// PutUser creates a user, or replaces it.
func (a *Account) PutUser(u User) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.users.put(u.Name, u)
}

// PutPolicy creates a managed policy, or replaces its document. The ARN of one of
// AWS has the account aws.
func (a *Account) PutPolicy(arn, document string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.policies.put(arn, document)
}

// roleARN is the ARN of a role, as well as it is known.
func (a *Account) roleARN(partition, name string) string {
	path := "/"
	if r := a.roles.values[name]; r != nil {
		path = r.Path
	}
	return "arn:" + partition + ":iam::" + a.ID + ":role" + path + name
}

var iamOperations = map[string]func(*request) ([]byte, error){
	"CreatePolicy":                       locked(createPolicy),
	"GenerateServiceLastAccessedDetails": locked(generateServiceLastAccessedDetails),
	"GetAccountAuthorizationDetails":     locked(getAccountAuthorizationDetails),
	"GetPolicy":                          locked(getPolicy),
	"GetPolicyVersion":                   locked(getPolicyVersion),
	"GetRole":                            locked(getRole),
	"GetServiceLastAccessedDetails":      locked(getServiceLastAccessedDetails),
	"ListRoles":                          locked(listRoles),
	"PutRolePermissionsBoundary":         locked(putRolePermissionsBoundary),
}

// locked is an operation of the Query protocol that has the server's state for
// itself.
func locked(do func(*request, *result) error) func(*request) ([]byte, error) {
	return func(r *request) ([]byte, error) {
		r.account.server.mu.Lock()
		defer r.account.server.mu.Unlock()
		x := &result{}
		if err := do(r, x); err != nil {
			return nil, err
		}
		return x.answer(r)
	}
}

// iamPage writes a page of keys, and where the next one begins.
func iamPage(r *request, x *result, keys []string) (page []string, err error) {
	size := 100
	if text := r.form.Get("MaxItems"); text != "" {
		if size, err = strconv.Atoi(text); err != nil || size < 1 || size > 1000 {
			return nil, invalid("1 validation error detected: Value '%s' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000", text)
		}
	}
	s := r.account.server
	page, next, err := s.page(r.Operation, r.form.Get("Marker"), keys, size)
	if err != nil {
		return nil, err
	}
	x.text("IsTruncated", strconv.FormatBool(next != ""))
	if !s.paging[r.Operation].LoseMarker {
		x.text("Marker", next)
	}
	return page, nil
}

// Keys of what GetAccountAuthorizationDetails lists: its place in the answer
// and its name.
const (
	keyOfUser   = "1"
	keyOfRole   = "2"
	keyOfPolicy = "3"
)

// getAccountAuthorizationDetails lists users, roles and managed policies, up to
// MaxItems of them together in a page. AWS's own policies are listed only where
// they are attached, and not as boundaries.
func getAccountAuthorizationDetails(r *request, x *result) error {
	a := r.account
	page, err := iamPage(r, x, a.authorizationKeys(filters(r.form)))
	if err != nil {
		return err
	}
	byKind := map[string][]string{}
	for _, key := range page {
		byKind[key[:1]] = append(byKind[key[:1]], key[1:])
	}
	writeList(x, "UserDetailList", byKind[keyOfUser], func(name string) {
		u := a.users.values[name]
		x.text("Path", "/")
		x.text("UserName", u.Name)
		x.text("UserId", "AIDA"+random(u.Name, 16))
		x.text("Arn", "arn:"+r.partition()+":iam::"+a.ID+":user/"+u.Name)
		x.boundary(u.Boundary)
	})
	x.open("GroupDetailList")
	x.close("GroupDetailList")
	writeList(x, "RoleDetailList", byKind[keyOfRole], func(name string) {
		role := a.roles.values[name]
		x.role(a, r.partition(), role)
		x.boundary(role.Boundary)
		writeList(x, "RolePolicyList", role.Inline, func(p Policy) {
			x.text("PolicyName", p.Name)
			x.text("PolicyDocument", escape(p.Document))
		})
		writeList(x, "AttachedManagedPolicies", role.Attached, func(arn string) {
			x.text("PolicyName", arn[strings.LastIndex(arn, "/")+1:])
			x.text("PolicyArn", arn)
		})
		x.open("InstanceProfileList")
		x.close("InstanceProfileList")
		x.tags(role.Tags)
	})
	writeList(x, "Policies", byKind[keyOfPolicy], func(arn string) {
		x.policy(a, arn)
		writeList(x, "PolicyVersionList", []string{a.policies.values[arn]}, x.policyVersion)
	})
	return nil
}

func createPolicy(r *request, x *result) error {
	arn := "arn:" + r.partition() + ":iam::" + r.account.ID + ":policy" + cmp.Or(r.form.Get("Path"), "/") + r.form.Get("PolicyName")
	r.account.policies.put(arn, r.form.Get("PolicyDocument"))
	x.open("Policy")
	x.policy(r.account, arn)
	x.close("Policy")
	return nil
}

// filters are the kinds of entities that a form asks for; none is all.
func filters(form url.Values) []string {
	var kinds []string
	for i := 1; form.Has("Filter.member." + strconv.Itoa(i)); i++ {
		kinds = append(kinds, form.Get("Filter.member."+strconv.Itoa(i)))
	}
	if kinds == nil {
		return []string{"User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"}
	}
	return kinds
}

func (a *Account) authorizationKeys(kinds []string) []string {
	var keys []string
	if slices.Contains(kinds, "User") {
		keys = appendKeys(keys, keyOfUser, a.users.keys())
	}
	if slices.Contains(kinds, "Role") {
		keys = appendKeys(keys, keyOfRole, a.roles.keys())
	}
	for _, arn := range a.policies.keys() {
		ofAWS := strings.Contains(arn, ":iam::aws:")
		if ofAWS && slices.Contains(kinds, "AWSManagedPolicy") && a.attachments(arn) > 0 ||
			!ofAWS && slices.Contains(kinds, "LocalManagedPolicy") {
			keys = append(keys, keyOfPolicy+arn)
		}
	}
	return keys
}

func appendKeys(keys []string, kind string, names []string) []string {
	for _, name := range names {
		keys = append(keys, kind+name)
	}
	return keys
}

func (a *Account) attachments(arn string) int {
	n := 0
	for r := range maps.Values(a.roles.values) {
		if slices.Contains(r.Attached, arn) {
			n++
		}
	}
	return n
}

// boundaries is how many roles and users have a policy as their boundary.
func (a *Account) boundaries(arn string) int {
	n := 0
	for r := range maps.Values(a.roles.values) {
		if r.Boundary == arn {
			n++
		}
	}
	for u := range maps.Values(a.users.values) {
		if u.Boundary == arn {
			n++
		}
	}
	return n
}

// role writes what all operations say of a role.
func (x *result) role(a *Account, partition string, r *Role) {
	x.text("Path", r.Path)
	x.text("RoleName", r.Name)
	x.text("RoleId", "AROA"+random(a.ID+r.Name, 16))
	x.text("Arn", a.roleARN(partition, r.Name))
	x.time("CreateDate", r.Created)
	x.text("AssumeRolePolicyDocument", escape(r.Trust))
}

func (x *result) boundary(arn string) {
	if arn != "" {
		x.open("PermissionsBoundary")
		x.text("PermissionsBoundaryType", "Policy")
		x.text("PermissionsBoundaryArn", arn)
		x.close("PermissionsBoundary")
	}
}

// policy writes what all operations say of a managed policy.
func (x *result) policy(a *Account, arn string) {
	_, path, _ := strings.Cut(arn, ":policy")
	end := strings.LastIndex(path, "/") + 1
	x.text("PolicyName", path[end:])
	x.text("PolicyId", "ANPA"+random(arn, 16))
	x.text("Arn", arn)
	x.text("Path", path[:end])
	x.text("DefaultVersionId", "v1")
	x.text("AttachmentCount", strconv.Itoa(a.attachments(arn)))
	x.text("PermissionsBoundaryUsageCount", strconv.Itoa(a.boundaries(arn)))
	x.text("IsAttachable", "true")
}

func (x *result) policyVersion(document string) {
	x.text("VersionId", "v1")
	x.text("IsDefaultVersion", "true")
	x.text("Document", escape(document))
}

// escape is the URL encoding of RFC 3986 that IAM gives policies in.
func escape(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

// listRoles leaves out boundaries and tags, as its reference says.
func listRoles(r *request, x *result) error {
	page, err := iamPage(r, x, r.account.roles.keys())
	if err != nil {
		return err
	}
	writeList(x, "Roles", page, func(name string) {
		x.role(r.account, r.partition(), r.account.roles.values[name])
	})
	return nil
}

func getRole(r *request, x *result) error {
	role, err := r.role()
	if err != nil {
		return err
	}
	x.open("Role")
	x.role(r.account, r.partition(), role)
	x.boundary(role.Boundary)
	x.tags(role.Tags)
	x.close("Role")
	return nil
}

func putRolePermissionsBoundary(r *request, _ *result) error {
	role, err := r.role()
	if err != nil {
		return err
	}
	role.Boundary = r.form.Get("PermissionsBoundary")
	return nil
}

func (r *request) role() (*Role, error) {
	name := r.form.Get("RoleName")
	if role := r.account.roles.values[name]; role != nil {
		return role, nil
	}
	return nil, failure{code: "NoSuchEntity", message: "The role with name " + name + " cannot be found."}
}

func getPolicy(r *request, x *result) error {
	arn := r.form.Get("PolicyArn")
	if _, exists := r.account.policies.values[arn]; !exists {
		return failure{code: "NoSuchEntity", message: "Policy " + arn + " was not found."}
	}
	x.open("Policy")
	x.policy(r.account, arn)
	x.close("Policy")
	return nil
}

func getPolicyVersion(r *request, x *result) error {
	arn, version := r.form.Get("PolicyArn"), r.form.Get("VersionId")
	document, exists := r.account.policies.values[arn]
	if !exists || version != "v1" {
		return failure{code: "NoSuchEntity", message: "Policy " + arn + " version " + version + " does not exist or is not attachable."}
	}
	x.open("PolicyVersion")
	x.policyVersion(document)
	x.close("PolicyVersion")
	return nil
}
