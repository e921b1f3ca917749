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
	policyType = "AWS::IAM::ManagedPolicy"
)

// Deploy creates or updates a stack from a template in JSON or YAML, whose only
// transform is the macro, or none. It does what CloudFormation does: it calls
// macro with a macro request, and keeps the template and what the macro made of
// it. It creates, changes and deletes the stack's roles. A role whose properties
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
	document, err := template.Parse([]byte(body))
	if err != nil {
		return invalid("Template format error: %v", err)
	}
	declared, err := parametersOf(document)
	if err != nil {
		return err
	}
	given, err := a.parameterValues(region, declared, parameters)
	if err != nil {
		return err
	}
	processed := document.Fragment()
	if document.Transform() != nil {
		if processed, err = a.transform(region, document, declared, given, macro); err != nil {
			return err
		}
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

// transform calls the macro, and returns the processed template.
func (a *Account) transform(region string, document *template.Document, declared map[string]declaration, given []Parameter, macro func([]byte) []byte) ([]byte, error) {
	entries := document.Entries()
	if len(entries) != 1 || strings.HasPrefix(entries[0].Name, "AWS::") {
		return nil, fmt.Errorf("fleettest runs one macro only, not %q", document.Transforms())
	}
	e := a.evaluation(region, given, nil)
	params := map[string]any{}
	for _, m := range entries[0].Parameters.Members {
		var value any
		if err := json.Unmarshal(document.Transform()[m.Value.Start:m.Value.End], &value); err != nil {
			return nil, err
		}
		resolved, err := e.value(value)
		if err != nil {
			return nil, err
		}
		params[m.Name] = resolved
	}
	values := map[string]any{}
	for _, p := range given {
		values[p.Key] = p.text()
		if kind := declared[p.Key].Type; kind == "CommaDelimitedList" || strings.Contains(kind, "List<") {
			values[p.Key] = strings.Split(p.text(), ",")
		}
	}
	name := a.ID + "::" + entries[0].Name
	answer := macro(mustMarshal(map[string]any{
		"region": region, "accountId": a.ID, "transformId": name, "requestId": requestID,
		"fragment": json.RawMessage(document.Fragment()), "params": params, "templateParameterValues": values,
	}))
	return readResponse(name, answer)
}

// readResponse returns the fragment of a macro's answer. The errors are those
// that CloudFormation shows.
func readResponse(macro string, answer []byte) ([]byte, error) {
	var response struct {
		RequestID, Status, ErrorMessage string
		Fragment                        json.RawMessage
	}
	switch err := json.Unmarshal(answer, &response); {
	case err != nil || response.RequestID != requestID:
		return nil, invalid("Received malformed response from transform %s", macro)
	case !strings.EqualFold(response.Status, "success") && response.ErrorMessage == "":
		return nil, invalid("Transform %s failed without an error message.", macro)
	case !strings.EqualFold(response.Status, "success"):
		return nil, invalid("Transform %s failed with: %s", macro, response.ErrorMessage)
	case !template.IsJSONObject(response.Fragment):
		return nil, invalid("Template format error: unsupported structure.")
	}
	return response.Fragment, nil
}

// deploy creates or updates a stack and its roles.
func (a *Account) deploy(region string, s Stack) error {
	before := Stack{}
	if existing := a.stack(region, s.Name); existing != nil {
		before = *existing
		s.ID, s.Created, s.Status, s.Updated = before.ID, before.Created, updateComplete, a.server.tick()
	}
	was := map[string]Role{}
	if before.Processed != "" {
		old, _, err := a.resources(region, before, before)
		if err != nil {
			return err
		}
		was = old
	}
	roles, resources, err := a.resources(region, s, before)
	if err != nil {
		return err
	}
	for id, r := range roles {
		if a.roles.values[r.Name] != nil && was[id].Name != r.Name {
			return invalid("%s already exists in another stack or outside of stacks", r.Name)
		}
	}
	s.Resources = resources
	s.Capabilities = []string{"CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"}
	a.putStack(region, s)
	for id, old := range was {
		if roles[id].Name != old.Name {
			a.roles.remove(old.Name)
		}
	}
	for id, r := range roles {
		a.applyRole(was[id], r)
	}
	return nil
}

// applyRole makes a role what a template says. Only what the template changes is
// changed: CloudFormation compares templates, and does not look at the role.
func (a *Account) applyRole(was, r Role) {
	live := a.roles.values[r.Name]
	if live == nil {
		a.putRole(r)
		return
	}
	r.Created = live.Created
	if r.Boundary == was.Boundary {
		r.Boundary = live.Boundary
	}
	a.putRole(r)
}

// processedTemplate is what counts in a processed template.
type processedTemplate struct {
	Conditions map[string]any
	Resources  map[string]struct {
		Type, Condition string
		Properties      map[string]any
	}
}

// resources are what a stack's processed template makes: the roles by logical
// ID, and all resources. Resources that the stack had before keep their physical
// IDs, unless they are named.
func (a *Account) resources(region string, s, before Stack) (map[string]Role, []Resource, error) {
	var t processedTemplate
	if err := json.Unmarshal([]byte(s.Processed), &t); err != nil {
		return nil, nil, invalid("Template format error: %v", err)
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
	nameProperty := map[string]string{roleType: "RoleName", policyType: "ManagedPolicyName"}[kind]
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
