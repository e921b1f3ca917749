package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/push"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// Foresee reads the template of a stack as it was submitted. It says what the macro
// makes of it if no other transform has a part in that.
func (r stackRules) Foresee(original string, s fleet.Stack, arn string) (push.Forecast, error) {
	t, err := parseTemplate(s.Name, []byte(original), r.macro)
	if err != nil {
		return push.Forecast{}, fmt.Errorf("its template cannot be read: %w", err)
	}
	f := push.Forecast{Parameters: slices.Sorted(maps.Keys(t.parameters)), IsJSON: t.Syntax() == template.JSON}
	if t.macro == nil || len(t.transforms) > 1 || bytes.Contains(t.JSON(), []byte(fnTransform)) {
		return f, nil
	}
	value, err := boundary.Parse(arn)
	if err != nil {
		return f, err
	}
	if value.IsNone() {
		f.Processed = string(t.Fragment())
		return f, nil
	}
	v := t.deployedWith(s)
	b, err := rules.BoundaryOf(value, boundary.TargetOf(s.Account, s.Region), v.byName)
	if err != nil {
		return f, err
	}
	edits, _, _ := rules.Inspect(t.Document, r.options.Rules(r.macro, v.byName)).Bind(b, r.options.Existing)
	bound, fault, err := t.Edited(edits)
	if fault != nil || err != nil {
		return f, nil // the macro will say what is wrong
	}
	f.Processed = string(bound.Fragment())
	return f, nil
}

// Others compares two processed templates.
func (r stackRules) Others(before, after string) ([]string, error) {
	was, err := processedValue(before)
	if err != nil {
		return nil, err
	}
	is, err := processedValue(after)
	if err != nil {
		return nil, err
	}
	var paths []string
	eachDifference("", was, is, func(path string) { paths = append(paths, path) })
	return paths, nil
}

// fixedReference is a dynamic reference whose value never changes. Source:
// CloudFormation user guide, dynamic references.
var fixedReference = regexp.MustCompile(`^\{\{resolve:ssm(-secure)?:[^:]+:[0-9]+\}\}$`)

// Reads returns the dynamic references in resources of a processed template that name
// no version.
func (r stackRules) Reads(processed string, logicalIDs []string) ([]string, error) {
	doc, err := template.Parse([]byte(processed))
	if err != nil {
		return nil, fmt.Errorf("a processed template cannot be read: %w", err)
	}
	var value struct{ Resources map[string]json.RawMessage }
	if err := json.Unmarshal(doc.Fragment(), &value); err != nil {
		return nil, fmt.Errorf("a processed template cannot be read: %w", err)
	}
	var read []string
	for _, id := range logicalIDs {
		for _, reference := range dynamicReference.FindAllString(string(value.Resources[id]), -1) {
			if text := id + ": " + reference; !fixedReference.MatchString(reference) && !slices.Contains(read, text) {
				read = append(read, text)
			}
		}
	}
	return read, nil
}

// processedValue is a processed template without Transform and the boundaries of
// roles and users.
func processedValue(text string) (map[string]any, error) {
	doc, err := template.Parse([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("a processed template cannot be read: %w", err)
	}
	var value map[string]any
	d := json.NewDecoder(bytes.NewReader(doc.Fragment()))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("a processed template cannot be read: %w", err)
	}
	delete(value, template.TransformSection)
	resources, _ := value["Resources"].(map[string]any)
	for _, resource := range resources {
		withoutBoundary(resource)
	}
	return value, nil
}

// withoutBoundary removes the boundary of a role or user, and Properties that have
// nothing else: the macro adds them to a role that has none.
func withoutBoundary(resource any) {
	r, _ := resource.(map[string]any)
	properties, _ := r["Properties"].(map[string]any)
	if kind := r["Type"]; kind != "AWS::IAM::Role" && kind != "AWS::IAM::User" {
		return
	}
	delete(properties, "PermissionsBoundary")
	if len(properties) == 0 {
		delete(r, "Properties")
	}
}

// eachDifference calls tell with the paths where two values differ, in order.
func eachDifference(path string, a, b any, tell func(path string)) {
	first, isObject := a.(map[string]any)
	second, isToo := b.(map[string]any)
	if !isObject || !isToo {
		if !reflect.DeepEqual(a, b) {
			tell(path)
		}
		return
	}
	names := maps.Clone(first)
	maps.Copy(names, second)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		eachDifference(path+"/"+name, first[name], second[name], tell)
	}
}
