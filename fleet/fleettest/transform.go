package fleettest

import (
	"encoding/json"
	"fmt"
	"strings"

	"permissions-boundary-macro/transform/template"
)

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
