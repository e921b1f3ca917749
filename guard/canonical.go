package guard

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Canonical returns the statements of policy documents in one form, so that
// documents which mean the same have equal texts: white space, the order of
// members, statements and lists, a list of one instead of its element, the case of
// actions, and which of several documents has a statement do not matter. Sids do.
//
// The text has JSON values, one after the other: policy documents, or objects with
// the member policies, as pbm guard prints them in JSON.
func Canonical(text []byte) ([]byte, error) {
	versions, statements, err := read(text)
	if err != nil {
		return nil, err
	}
	if len(versions) > 1 {
		return nil, fmt.Errorf("policy documents of %d versions", len(versions))
	}
	return canonical(versions, statements)
}

// Sids returns the Sid of each statement of a text as [Canonical] takes it, empty for
// one without.
func Sids(text []byte) ([]string, error) {
	_, statements, err := read(text)
	sids := make([]string, len(statements))
	for i, s := range statements {
		sids[i] = sid(s)
	}
	return sids, err
}

func sid(statement any) string {
	members, _ := statement.(map[string]any)
	name, _ := members["Sid"].(string)
	return name
}

// read returns the versions and the statements of policy documents.
func read(text []byte) (versions map[string]bool, statements []any, err error) {
	versions = map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		var value documents
		err := d.Decode(&value)
		if errors.Is(err, io.EOF) {
			return versions, statements, nil
		}
		if err != nil {
			return nil, nil, err
		}
		found := value.all()
		if len(found) == 0 {
			return nil, nil, errors.New("an object that is neither a policy document nor has the member policies")
		}
		for _, document := range found {
			versions[document.Version] = true
			statements = append(statements, elements(document.Statement)...)
		}
	}
}

type anyDocument struct {
	Version   string
	Statement any
}

// documents is one policy document or several.
type documents struct {
	anyDocument
	Policies []struct{ Document anyDocument } `json:"policies"`
}

func (d documents) all() []anyDocument {
	if d.Statement != nil {
		return []anyDocument{d.anyDocument}
	}
	var all []anyDocument
	for _, p := range d.Policies {
		all = append(all, p.Document)
	}
	return all
}

func canonical(versions map[string]bool, statements []any) ([]byte, error) {
	for i := range statements {
		statements[i] = sorted(statements[i])
	}
	slices.SortFunc(statements, func(a, b any) int { return cmp.Or(cmp.Compare(sid(a), sid(b)), compare(a, b)) })
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	for version := range versions {
		if err := e.Encode(map[string]any{"Version": version, "Statement": statements}); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// sorted is a value of a statement with its lists in order, and in place of the
// elements that IAM takes alone, lists of one.
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
