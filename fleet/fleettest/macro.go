package fleettest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/paramstore/ssmtest"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/template"
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

// source is a template as it was given.
type source struct {
	document *template.Document
	declared map[string]declaration
}

func (a *Account) source(body string) (source, error) {
	document, err := template.Parse([]byte(body))
	if err != nil {
		return source{}, invalid("Template format error: %v", err)
	}
	declared, err := parametersOf(document)
	if err != nil {
		return source{}, invalid("Template format error: %v", err)
	}
	return source{document, declared}, nil
}

// hasTransforms reports whether CloudFormation changes the template before it
// deploys it.
func (s source) hasTransforms() bool {
	return s.document.Transform() != nil || strings.Contains(string(s.document.Fragment()), `"Fn::Transform"`)
}

// transform returns the template after its transforms: AWS::Include wherever it
// is called, then the macro that the section Transform names.
func (a *Account) transform(region string, s source, given []Parameter, find findMacro) ([]byte, error) {
	fragment, err := a.include(s.document.Fragment())
	if err != nil || s.document.Transform() == nil {
		return fragment, err
	}
	entries := s.document.Entries()
	if len(entries) != 1 || strings.HasPrefix(entries[0].Name, "AWS::") {
		return nil, fmt.Errorf("fleettest runs one macro only, not %q", s.document.Transforms())
	}
	params, err := a.macroParameters(region, s.document, entries[0], given)
	if err != nil {
		return nil, err
	}
	name := a.ID + "::" + entries[0].Name
	macro, known := find(entries[0].Name)
	if !known {
		return nil, invalid("No transform named %s found.", name)
	}
	answer := macro(mustMarshal(map[string]any{
		"region": region, "accountId": a.ID, "transformId": name, "requestId": requestID,
		"fragment": json.RawMessage(fragment), "params": params, "templateParameterValues": templateParameterValues(s.declared, given),
	}))
	return readResponse(name, answer)
}

// macroParameters are the parameters of a macro, evaluated.
func (a *Account) macroParameters(region string, document *template.Document, entry template.Entry, given []Parameter) (map[string]any, error) {
	e := a.evaluation(region, given, nil)
	params := map[string]any{}
	for _, m := range entry.Parameters.Members {
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
	return params, nil
}

// templateParameterValues are the parameters of the stack as a macro gets them.
func templateParameterValues(declared map[string]declaration, given []Parameter) map[string]any {
	all := map[string]any{}
	for _, p := range given {
		all[p.Key] = p.text()
		if kind := declared[p.Key].Type; kind == "CommaDelimitedList" || strings.Contains(kind, "List<") {
			all[p.Key] = strings.Split(p.text(), ",")
		}
	}
	return all
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
