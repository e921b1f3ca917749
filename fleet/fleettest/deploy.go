package fleettest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/transform/template"
)

// Types of resources whose names matter.
const (
	roleType   = "AWS::IAM::Role"
	userType   = "AWS::IAM::User"
	policyType = "AWS::IAM::ManagedPolicy"
	stackType  = "AWS::CloudFormation::Stack"
)

// Deploy creates or updates a stack from a template in JSON or YAML, whose only
// transforms are the macro and AWS::Include, or none. It does what CloudFormation
// does, all at once: it calls macro with a macro request, and keeps the template
// and what the macro made of it. The stack's change sets become obsolete, and its
// tags and other settings stay. It creates, changes and deletes the stack's roles. A role whose properties
// are the same in both templates is left alone, so what somebody has done to it
// by hand stays. Other resources only get physical IDs.
//
// A parameter of a type AWS::SSM::Parameter::Value reaches the macro as the value
// in Parameter Store; what AWS passes is not documented.
//
// An error, such as the macro's refusal, leaves the stack as it was. Intrinsic
// functions other than Ref, Fn::Sub, Fn::Join, Fn::If and those of conditions
// are errors where a boundary, a name or a condition of a role depends on them.
func (a *Account) Deploy(region, stack, body string, parameters map[string]string, macro func(event []byte) []byte) error {
	source, err := a.source(body)
	if err != nil {
		return err
	}
	given, err := a.parameterValues(region, source.declared, parameters)
	if err != nil {
		return err
	}
	processed, err := a.transform(region, source, given, func(string) (func([]byte) []byte, bool) { return macro, true })
	if err != nil {
		return err
	}
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return a.deploy(region, Stack{Name: stack, Parameters: given, Original: body, Processed: string(processed)})
}

// declaration is a parameter of a template.
type declaration struct {
	Type    string
	Default any
	NoEcho  any // true, or "true"
}

func parametersOf(document *template.Document) (map[string]declaration, error) {
	var read struct{ Parameters map[string]declaration }
	err := json.Unmarshal(document.Fragment(), &read)
	return read.Parameters, err
}

// parameterValues are the values that a stack gets.
func (a *Account) parameterValues(region string, declared map[string]declaration, given map[string]string) ([]Parameter, error) {
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if _, known := declared[key]; !known {
			return nil, invalid("Parameters: [%s] do not exist in the template", key)
		}
	}
	var values []Parameter
	for _, key := range slices.Sorted(maps.Keys(declared)) {
		d := declared[key]
		value, isGiven := given[key]
		switch {
		case isGiven:
		case d.Default == nil:
			return nil, invalid("Parameters: [%s] must have values", key)
		default:
			value = fmt.Sprint(d.Default)
		}
		p := Parameter{Key: key, Value: value, NoEcho: fmt.Sprint(d.NoEcho) == "true"}
		if strings.HasPrefix(d.Type, "AWS::SSM::Parameter::Value<") {
			stored, _ := a.Store(region).Values(value)
			if len(stored) == 0 {
				return nil, invalid("Unable to fetch parameters [%s] from parameter store for this account.", value)
			}
			p.Resolved = stored[len(stored)-1]
		}
		values = append(values, p)
	}
	return values, nil
}

// text is the value that the template works with.
func (p Parameter) text() string {
	if p.Resolved != "" {
		return p.Resolved
	}
	return p.Value
}

// deploy creates or updates a stack and its roles, all at once.
func (a *Account) deploy(region string, s Stack) error {
	before := Stack{}
	if existing := a.stack(region, s.Name); existing != nil {
		before = *existing
		after := before
		after.Parameters, after.Original, after.Processed = s.Parameters, s.Original, s.Processed
		after.Status, after.StatusReason, after.Updated = updateComplete, "", a.server.tick()
		s = after
	}
	roles, resources, err := a.roleChanges(region, before, s)
	if err != nil {
		return err
	}
	for id, r := range roles.after {
		if a.roles.values[r.Name] != nil && roles.before[id].Name != r.Name {
			return invalid("%s already exists in another stack or outside of stacks", r.Name)
		}
	}
	s.Resources = resources
	s.Capabilities = []string{"CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"}
	a.outdate(region, a.putStack(region, s).ID)
	for id, old := range roles.before {
		if roles.after[id].Name != old.Name {
			a.roles.remove(old.Name)
		}
	}
	for id, r := range roles.after {
		a.applyRole(roles.before[id], r)
	}
	return nil
}

// roleChanges are the roles of a stack before and after an update, by logical
// ID, as its templates say.
type roleChanges struct{ before, after map[string]Role }

// roleChanges evaluates the templates of a stack before and after an update. It
// also returns the resources after it.
func (a *Account) roleChanges(region string, before, after Stack) (roles roleChanges, resources []Resource, err error) {
	if before.processed() != "" {
		if roles.before, _, err = a.resources(region, before, before); err != nil {
			return roles, nil, err
		}
	}
	roles.after, resources, err = a.resources(region, after, before)
	return roles, resources, err
}

// applyRole makes a role what a template says. Only what the template changes is
// changed: CloudFormation compares templates, and does not look at the role.
func (a *Account) applyRole(was, r Role) {
	live := a.roles.values[r.Name]
	if live == nil {
		a.putRole(r)
		return
	}
	now := *live
	if r.Path != was.Path {
		now.Path = r.Path
	}
	if r.Boundary != was.Boundary {
		now.Boundary = r.Boundary
	}
	if r.Trust != was.Trust {
		now.Trust = r.Trust
	}
	if !slices.Equal(r.Inline, was.Inline) {
		now.Inline = r.Inline
	}
	a.putRole(now)
}

// processedTemplate is what counts in a processed template.
type processedTemplate struct {
	Conditions, Outputs map[string]any
	Resources           map[string]templateResource
}

// templateResource is a resource of a template.
type templateResource struct {
	Type, Condition                     string
	Properties                          map[string]any
	Metadata                            any
	CreationPolicy, UpdatePolicy        any
	DeletionPolicy, UpdateReplacePolicy any
}

func (s Stack) template() (processedTemplate, error) {
	var t processedTemplate
	text := []byte(s.Processed)
	if s.Processed == "" {
		document, err := template.Parse([]byte(s.Original))
		if err != nil {
			return t, invalid("Template format error: %v", err)
		}
		text = document.Fragment()
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return t, invalid("Template format error: %v", err)
	}
	return t, nil
}

// resources are what a stack's processed template makes: the roles by logical
// ID, and all resources. Resources that the stack had before keep their physical
// IDs, unless they are named.
func (a *Account) resources(region string, s, before Stack) (map[string]Role, []Resource, error) {
	t, err := s.template()
	if err != nil {
		return nil, nil, err
	}
	e := a.evaluation(region, s.Parameters, t.Conditions)
	e.pseudo["AWS::StackName"] = s.Name
	var resources []Resource
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		switch exists, err := e.conditionHolds(t.Resources[id].Condition); {
		case err != nil:
			return nil, nil, err
		case !exists:
			continue
		}
		physical, err := a.physicalID(e, s, before, id, t.Resources[id].Type, t.Resources[id].Properties)
		if err != nil {
			return nil, nil, err
		}
		e.physical[id] = physical
		resources = append(resources, Resource{id, physical, t.Resources[id].Type})
	}
	roles := map[string]Role{}
	for _, resource := range resources {
		if resource.Type != roleType {
			continue
		}
		r, err := e.role(resource.PhysicalID, t.Resources[resource.LogicalID].Properties)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", resource.LogicalID, err)
		}
		roles[resource.LogicalID] = r
	}
	return roles, resources, nil
}

// physicalID is the name of a role, the ARN of a managed policy, and something
// unique for others.
func (a *Account) physicalID(e *evaluation, s, before Stack, id, kind string, properties map[string]any) (string, error) {
	nameProperty := map[string]string{roleType: "RoleName", userType: "UserName", policyType: "ManagedPolicyName"}[kind]
	name, err := e.text(properties[nameProperty])
	if err != nil {
		return "", fmt.Errorf("%s: %w", id, err)
	}
	if name == "" {
		for _, had := range before.Resources {
			if had.LogicalID == id && had.Type == kind {
				return had.PhysicalID, nil
			}
		}
		name = physicalName(s.Name, id, a.ID+e.pseudo["AWS::Region"])
	}
	if kind != policyType {
		return name, nil
	}
	path, err := e.text(properties["Path"])
	return "arn:" + e.pseudo["AWS::Partition"] + ":iam::" + a.ID + ":policy" + cmp.Or(path, "/") + name, err
}

// physicalName is a name that CloudFormation makes, STACK-LOGICALID-RANDOM, of at
// most the 64 characters of a role's.
func physicalName(stack, id, seed string) string {
	return clip(stack) + "-" + clip(id) + "-" + random(seed+stack+"/"+id, 12)
}

func clip(text string) string { return text[:min(len(text), 24)] }

// role is the role that properties describe.
func (e *evaluation) role(name string, properties map[string]any) (r Role, err error) {
	r.Name = name
	if r.Path, err = e.text(properties["Path"]); err != nil {
		return r, fmt.Errorf("in Path: %w", err)
	}
	if r.Boundary, err = e.text(properties["PermissionsBoundary"]); err != nil {
		return r, fmt.Errorf("in PermissionsBoundary: %w", err)
	}
	if trust := properties["AssumeRolePolicyDocument"]; trust != nil {
		r.Trust = string(mustMarshal(trust))
	}
	policies, _ := properties["Policies"].([]any)
	for _, p := range policies {
		policy, _ := p.(map[string]any)
		name, err := e.text(policy["PolicyName"])
		if err != nil {
			return r, fmt.Errorf("in Policies: %w", err)
		}
		r.Inline = append(r.Inline, Policy{name, string(mustMarshal(policy["PolicyDocument"]))})
	}
	return r, nil
}
