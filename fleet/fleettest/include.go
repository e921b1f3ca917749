package fleettest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"permissions-boundary-macro/transform/template"
)

// includeTransform is the transform of CloudFormation that inserts a snippet of
// S3.
const includeTransform = "AWS::Include"

// include replaces each call of AWS::Include in a fragment by the members of the
// snippet that it names. A fragment without one stays as it is.
func (a *Account) include(fragment []byte) ([]byte, error) {
	if !strings.Contains(string(fragment), `"`+includeTransform+`"`) {
		return fragment, nil
	}
	var tree any
	if err := json.Unmarshal(fragment, &tree); err != nil {
		return nil, err
	}
	if err := a.includeIn(tree); err != nil {
		return nil, err
	}
	return mustMarshal(tree), nil
}

func (a *Account) includeIn(tree any) error {
	switch tree := tree.(type) {
	case []any:
		for _, element := range tree {
			if err := a.includeIn(element); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, member := range tree {
			if err := a.includeIn(member); err != nil {
				return err
			}
		}
		return a.includeHere(tree)
	}
	return nil
}

// includeHere replaces the call that is a member of an object, if there is one.
func (a *Account) includeHere(object map[string]any) error {
	call, _ := object["Fn::Transform"].(map[string]any)
	if call["Name"] != includeTransform {
		return nil
	}
	parameters, _ := call["Parameters"].(map[string]any)
	text, err := a.snippetAt(fmt.Sprint(parameters["Location"]))
	if err != nil {
		return invalid("Transform %s failed with: %s", includeTransform, messageOf(err))
	}
	document, err := template.Parse([]byte(text))
	if err != nil {
		return invalid("Transform %s failed with: The specified S3 object's content should be valid Yaml/JSON", includeTransform)
	}
	var snippet map[string]any
	if err := json.Unmarshal(document.Fragment(), &snippet); err != nil {
		return err
	}
	delete(object, "Fn::Transform")
	maps.Copy(object, snippet)
	return nil
}
