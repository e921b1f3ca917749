package guard

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Canonical returns the statements of policy documents in one form, so that
// documents which mean the same have equal texts: white space, the order of
// members, statements and lists, what a list has twice, a list of one instead of its
// element, the case of actions, and how statements are divided do not matter. Sids
// do, but for numbers at their ends.
//
// The text has JSON values, one after the other: policy documents, or objects with
// the member policies, as pbm guard prints them in JSON. Members are spelled as AWS's
// documentation has them, and none is there twice.
func Canonical(text []byte) ([]byte, error) {
	whole, err := readDocuments(text)
	if err != nil {
		return nil, err
	}
	whole.statements = merged(whole.statements)
	slices.SortFunc(whole.statements, func(a, b any) int { return cmp.Or(cmp.Compare(sid(a), sid(b)), compare(a, b)) })
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(map[string]any{"Version": whole.version, "Statement": whole.statements})
	return out.Bytes(), err
}

// Sids returns the Sid of each statement of a text as [Canonical] takes it, without
// the number of a divided one, and empty for a statement that has none.
func Sids(text []byte) ([]string, error) {
	whole, err := readDocuments(text)
	sids := make([]string, len(whole.statements))
	for i, s := range whole.statements {
		sids[i] = sid(s)
	}
	return sids, err
}

func sid(statement any) string {
	members, _ := statement.(map[string]any)
	name, _ := members["Sid"].(string)
	return strings.TrimRight(name, "0123456789")
}

// documents are policy documents taken together.
type documents struct {
	version    string
	statements []any
}

func readDocuments(text []byte) (documents, error) {
	var whole documents
	d := jsontext.NewDecoder(bytes.NewReader(text)) // it refuses members that are there twice
	for {
		value, err := d.ReadValue()
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err == nil {
			err = whole.add(value)
		}
		if err != nil {
			return documents{}, err
		}
	}
}

// add adds a policy document, or those that pbm guard printed in JSON.
func (d *documents) add(text []byte) error {
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	all := []any{members}
	if printed, is := members["policies"].([]any); is && len(printed) > 0 {
		all = nil
		for _, policy := range printed {
			members, _ := policy.(map[string]any)
			all = append(all, members["document"])
		}
	}
	for _, document := range all {
		members, _ := document.(map[string]any)
		if members["Statement"] == nil {
			return errors.New("a value that is not a policy document")
		}
		version, _ := members["Version"].(string)
		if d.version = cmp.Or(d.version, version); version != d.version {
			return errors.New("policy documents of several versions")
		}
		d.statements = append(d.statements, elements(members["Statement"])...)
	}
	return nil
}

// merged are statements in one form. Those that have the same Sid and differ in
// nothing but their resources, as divided ones do, are one.
func merged(statements []any) []any {
	all := []any{}
	known := map[string]map[string]any{} // by all members but the resources
	for _, statement := range statements {
		members, is := sorted(statement).(map[string]any)
		resources, hasResources := members["Resource"].([]any)
		if !is || !hasResources {
			all = append(all, statement)
			continue
		}
		delete(members, "Resource")
		if name := sid(members); name != "" {
			members["Sid"] = name
		}
		key := text(members)
		if known[key] == nil {
			known[key] = members
			all = append(all, members)
		} else {
			resources = append(resources, known[key]["Resource"].([]any)...)
		}
		known[key]["Resource"] = sorted(resources)
	}
	return all
}

// sorted is a value of a statement with its lists in order, each element once, and in
// place of the elements that IAM takes alone, lists of one.
func sorted(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			switch {
			case name == "Sid" || name == "Effect":
			case isObject(member):
				value[name] = sorted(member)
			case name == "Action" || name == "NotAction":
				value[name] = sorted(lower(elements(member)))
			default:
				value[name] = sorted(elements(member))
			}
		}
	case []any:
		slices.SortFunc(value, compare)
		return slices.CompactFunc(value, func(a, b any) bool { return compare(a, b) == 0 })
	}
	return value
}

// lower are texts in lower case. IAM does not compare the case of actions.
func lower(all []any) []any {
	lowered := make([]any, len(all))
	for i, element := range all {
		lowered[i] = element
		if text, is := element.(string); is {
			lowered[i] = strings.ToLower(text)
		}
	}
	return lowered
}

func isObject(value any) bool {
	_, is := value.(map[string]any)
	return is
}

// elements are those of a list, or the one that stands in place of it.
func elements(value any) []any {
	if list, is := value.([]any); is {
		return list
	}
	return []any{value}
}

// compare orders values by their JSON, whose members are sorted.
func compare(a, b any) int { return cmp.Compare(text(a), text(b)) }

func text(value any) string {
	out, _ := json.Marshal(value) // it was decoded
	return string(out)
}
