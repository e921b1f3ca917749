package e2e_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

const (
	macroName          = "PermissionsBoundaryMacro"
	serverless         = "AWS::Serverless-2016-10-31"
	languageExtensions = "AWS::LanguageExtensions"
)

// object is a JSON object.
type object = map[string]any

// cloudFormation does with a template what CloudFormation does: it runs the
// transforms, those of AWS by AWS's own code and the macro by its function, and
// has moto create the stack. Source: CloudFormation's user guide, template
// macros; recorded answers of the service.
type cloudFormation struct {
	t     *testing.T
	macro *function
	// before has this macro run before AWS::Serverless where a template lists
	// it behind.
	before bool
}

// deploy deploys a template file and returns the boundary of each role that
// IAM then has, by logical ID. Roles of nested stacks have that of their stack
// before theirs.
func (c *cloudFormation) deploy(stack, path string, parameters map[string]string) (map[string]string, error) {
	template, err := c.process(path, parameters)
	if err != nil {
		return nil, err
	}
	// moto's UpdateStack leaves the boundaries of roles as they are, which
	// CloudFormation does not. So the stack is made anew.
	if err := tryAWS(nil, "cloudformation", "delete-stack", "--stack-name", stack); err != nil {
		return nil, err
	}
	removeUncreatable(template)
	processed := filepath.Join(c.t.TempDir(), "processed.json")
	if err := writeJSON(processed, template); err != nil {
		return nil, err
	}
	args := []string{
		"cloudformation", "create-stack", "--stack-name", stack, "--template-body", "file://" + processed,
		"--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND",
	}
	if len(parameters) > 0 {
		args = append(args, "--parameters")
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			args = append(args, "ParameterKey="+name+",ParameterValue="+parameters[name])
		}
	}
	if err := tryAWS(nil, args...); err != nil {
		return nil, err
	}
	return roles(stack, "")
}

// uncreatable are types that moto fails to create: stages of REST APIs whose
// methods are in an OpenAPI document, permissions of aliases. No role depends on
// them.
var uncreatable = []string{"AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage", "AWS::Lambda::Permission"}

func removeUncreatable(template object) {
	for id, r := range resourcesOf(template) {
		if kind, isText := r["Type"].(string); isText && slices.Contains(uncreatable, kind) {
			delete(template["Resources"].(object), id)
		}
	}
}

// roles asks IAM for the boundary of each role of a stack.
func roles(stack, prefix string) (map[string]string, error) {
	var resources struct {
		StackResourceSummaries []struct{ LogicalResourceId, PhysicalResourceId, ResourceType string }
	}
	if err := tryAWS(&resources, "cloudformation", "list-stack-resources", "--stack-name", stack); err != nil {
		return nil, err
	}
	boundaries := map[string]string{}
	found := make([]string, len(resources.StackResourceSummaries))
	var group errgroup.Group
	group.SetLimit(4)
	for i, r := range resources.StackResourceSummaries {
		switch r.ResourceType {
		case "AWS::CloudFormation::Stack":
			nested, err := roles(r.PhysicalResourceId, prefix+r.LogicalResourceId+"/")
			if err != nil {
				return nil, err
			}
			maps.Copy(boundaries, nested)
		case "AWS::IAM::Role":
			group.Go(func() error {
				var answer struct {
					Role struct {
						PermissionsBoundary struct{ PermissionsBoundaryArn string }
					}
				}
				err := tryAWS(&answer, "iam", "get-role", "--role-name", r.PhysicalResourceId)
				found[i] = answer.Role.PermissionsBoundary.PermissionsBoundaryArn
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, r := range resources.StackResourceSummaries {
		if r.ResourceType == "AWS::IAM::Role" {
			boundaries[prefix+r.LogicalResourceId] = found[i]
		}
	}
	return boundaries, nil
}

// process loads a template file, runs its transforms and those of the local
// templates that it nests, which it uploads.
func (c *cloudFormation) process(path string, given map[string]string) (object, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	template, err := transforms.ask(object{"do": "load", "text": string(text)})
	if err != nil {
		return nil, err
	}
	template, err = c.transform(template, given)
	if err != nil {
		return nil, err
	}
	for _, r := range resourcesOf(template) {
		if r["Type"] != "AWS::CloudFormation::Stack" {
			continue
		}
		properties := r["Properties"].(object)
		name := nestedTemplate(r)
		nested, err := c.process(filepath.Join(filepath.Dir(path), name), nestedParameters(properties))
		if err != nil {
			return nil, fmt.Errorf("nested template %s: %w", name, err)
		}
		if properties["TemplateURL"], err = c.upload(name, nested); err != nil {
			return nil, err
		}
	}
	return template, nil
}

// nestedTemplate is the file of a nested stack's template. The CDK names it in
// Metadata, because its TemplateURL is where the CDK uploads it.
func nestedTemplate(stack object) string {
	metadata, _ := stack["Metadata"].(object)
	if path, isAsset := metadata["aws:asset:path"].(string); isAsset {
		return path
	}
	return stack["Properties"].(object)["TemplateURL"].(string)
}

func nestedParameters(properties object) map[string]string {
	given := map[string]string{}
	values, _ := properties["Parameters"].(object)
	for name, value := range values {
		given[name] = fmt.Sprint(value)
	}
	return given
}

func (c *cloudFormation) upload(name string, template object) (string, error) {
	path := filepath.Join(c.t.TempDir(), "nested.json")
	if err := writeJSON(path, template); err != nil {
		return "", err
	}
	// It may be there already.
	_ = tryAWS(nil, "s3api", "create-bucket", "--bucket", "templates", "--create-bucket-configuration", "LocationConstraint="+region)
	key := rand.Text() + "-" + filepath.Base(name) // a template may be nested twice
	err := tryAWS(nil, "s3api", "put-object", "--bucket", "templates", "--key", key, "--body", path)
	return "https://templates.s3.amazonaws.com/" + key, err
}

// transform runs the transforms of a template: those in Fn::Transform from the
// inside out, then those of the section Transform in order.
func (c *cloudFormation) transform(template object, given map[string]string) (object, error) {
	values, err := parameterValues(template, given)
	if err != nil {
		return nil, err
	}
	listed, err := transformsOf(template["Transform"])
	if err != nil {
		return nil, err
	}
	delete(template, "Transform")
	var fragment any
	if fragment, err = c.inner(template, values); err != nil {
		return nil, err
	}
	for _, t := range c.ordered(listed) {
		if fragment, err = c.apply(t, fragment, values); err != nil {
			return nil, err
		}
	}
	result, isObject := fragment.(object)
	if !isObject {
		return nil, errors.New("Template format error: unsupported structure.")
	}
	for id, r := range resourcesOf(result) {
		if _, isText := r["Type"].(string); !isText {
			return nil, fmt.Errorf("Template format error: [/Resources/%s] Every Resources object must contain a Type member.", id)
		}
	}
	return result, nil
}

// ordered is the list, with the macro moved to the front where the test wants
// that.
func (c *cloudFormation) ordered(listed []transformOf) []transformOf {
	if c.before {
		slices.SortStableFunc(listed, func(a, b transformOf) int {
			return strings.Compare(fmt.Sprint(a.name != macroName), fmt.Sprint(b.name != macroName))
		})
	}
	return listed
}

// transformOf is an entry of the section Transform, or of Fn::Transform.
type transformOf struct {
	name       string
	parameters object
}

func transformsOf(spec any) ([]transformOf, error) {
	switch spec := spec.(type) {
	case nil:
		return nil, nil
	case string:
		return []transformOf{{spec, object{}}}, nil
	case object:
		name, isText := spec["Name"].(string)
		if !isText {
			return nil, errors.New("Key Name of transform definition must be a string.")
		}
		parameters, _ := spec["Parameters"].(object)
		return []transformOf{{name, parameters}}, nil
	case []any:
		var all []transformOf
		for _, entry := range spec {
			some, err := transformsOf(entry)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}
	return nil, errors.New("Key Name of transform definition must be a string.")
}

// inner runs each Fn::Transform below a value. It gets its siblings, and what
// comes back takes the place of the object that it stands in.
func (c *cloudFormation) inner(value any, values object) (any, error) {
	var err error
	switch v := value.(type) {
	case []any:
		for i := range v {
			if v[i], err = c.inner(v[i], values); err != nil {
				return nil, err
			}
		}
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name == "Fn::Transform" {
				continue
			}
			if v[name], err = c.inner(v[name], values); err != nil {
				return nil, err
			}
		}
		spec, has := v["Fn::Transform"]
		if !has {
			return v, nil
		}
		listed, err := transformsOf(spec)
		if err != nil {
			return nil, err
		}
		delete(v, "Fn::Transform")
		for _, t := range listed {
			if value, err = c.apply(t, value, values); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// apply runs one transform.
func (c *cloudFormation) apply(t transformOf, fragment any, values object) (any, error) {
	switch t.name {
	case macroName:
		return c.invoke(t, fragment, values)
	case serverless, languageExtensions:
		with := maps.Clone(values)
		maps.Copy(with, pseudoParameters)
		result, err := transforms.ask(object{"do": t.name, "template": fragment, "parameters": with})
		if err != nil {
			return nil, fmt.Errorf("Transform %s failed with: %w", t.name, err)
		}
		return result, nil
	}
	return nil, fmt.Errorf("No transform named %s::%s found.", account, t.name)
}

var pseudoParameters = object{
	"AWS::AccountId": account, "AWS::Region": region, "AWS::Partition": "aws",
	"AWS::StackName": "stack", "AWS::URLSuffix": "amazonaws.com",
}

// invoke has the macro's function answer, and judges the answer as
// CloudFormation does.
func (c *cloudFormation) invoke(t transformOf, fragment any, values object) (any, error) {
	params := object{}
	for name, value := range t.parameters {
		resolved, err := resolve(value, values)
		if err != nil {
			return nil, fmt.Errorf("The value of parameter %s under transform %s must resolve to a string, number, boolean or a list of any of these.", name, t.name)
		}
		params[name] = resolved
	}
	id := rand.Text()
	event, err := json.Marshal(object{
		"region": region, "accountId": account, "fragment": fragment, "transformId": account + "::" + t.name,
		"params": params, "requestId": id, "templateParameterValues": values,
	})
	if err != nil {
		return nil, err
	}
	response, err := c.macro.invoke(event)
	if err != nil {
		return nil, err
	}
	var answer struct {
		RequestID    string `json:"requestId"`
		Status       string
		Fragment     any
		ErrorMessage string
	}
	dec := json.NewDecoder(bytes.NewReader(response))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil || answer.RequestID != id {
		return nil, fmt.Errorf("Received malformed response from transform %s::%s", account, t.name)
	}
	if !strings.EqualFold(answer.Status, "success") {
		return nil, fmt.Errorf("Transform %s::%s failed with: %s", account, t.name, answer.ErrorMessage)
	}
	if before, whole := fragment.(object); whole && before["Parameters"] != nil {
		after, _ := answer.Fragment.(object)
		if !same(before["Parameters"], after["Parameters"]) {
			return nil, errors.New("macros are not allowed to transform Parameters")
		}
	}
	return answer.Fragment, nil
}

// same reports whether two values are the same JSON.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// resolve resolves what the parameters of a transform may refer to: parameters
// of the template, and pseudo parameters.
func resolve(value any, values object) (any, error) {
	ref, isObject := value.(object)
	if !isObject {
		return value, nil
	}
	if name, isRef := ref["Ref"].(string); isRef && len(ref) == 1 {
		for _, known := range []object{values, pseudoParameters} {
			if found, ok := known[name]; ok {
				return found, nil
			}
		}
	}
	return nil, errors.New("not resolvable")
}

// parameterValues are the values of the parameters that a template declares, as
// a macro gets them: given ones, else defaults.
func parameterValues(template object, given map[string]string) (object, error) {
	values := object{}
	declared, _ := template["Parameters"].(object)
	for name, d := range declared {
		declaration := d.(object)
		text, known := given[name]
		if !known {
			standard, has := declaration["Default"]
			if !has {
				return nil, fmt.Errorf("Parameters: [%s] must have values", name)
			}
			text = fmt.Sprint(standard)
		}
		values[name] = text
		if declaration["Type"] == "CommaDelimitedList" {
			list := []any{}
			for item := range strings.SplitSeq(text, ",") {
				list = append(list, strings.TrimSpace(item))
			}
			values[name] = list
		}
	}
	return values, nil
}

// resourcesOf are the resources of a template, by logical ID.
func resourcesOf(template object) map[string]object {
	all := map[string]object{}
	resources, _ := template["Resources"].(object)
	for id, r := range resources {
		if resource, isObject := r.(object); isObject {
			all[id] = resource
		}
	}
	return all
}

func writeJSON(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// bound asserts that each role has a boundary, and returns how many there are.
func bound(t *testing.T, roles map[string]string, want string) int {
	t.Helper()
	require.NotEmpty(t, roles)
	for id, got := range roles {
		require.Equal(t, want, got, "boundary of role %s", id)
	}
	return len(roles)
}
