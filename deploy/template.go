package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
)

// template is a template file, as far as it matters to the macro.
type template struct {
	fragment   []byte               // JSON, without Transform
	macro      *transformEntry      // how the template calls the macro, nil when it does not
	others     []json.RawMessage    // the other transforms, in order
	before     int                  // how many of the others come before the macro
	parameters map[string]parameter // declared
}

// transformEntry is one of Transform: "Name" or {"Name": ..., "Parameters": ...}.
type transformEntry struct {
	Name       string
	Parameters map[string]json.RawMessage
}

func (e *transformEntry) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &e.Name) == nil {
		return nil
	}
	type object transformEntry
	return json.Unmarshal(text, (*object)(e))
}

type parameter struct {
	Type    string
	Default json.RawMessage
}

// readTemplate reads a template in JSON or YAML. The macro is the name that the
// template calls it by.
func readTemplate(path, macro string) (*template, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	t, err := parseTemplate(src, filepath.Ext(path), macro)
	if err != nil {
		return nil, &boundary.Problem{
			What:   "not a template: " + path,
			Cause:  err,
			Remedy: "give a CloudFormation template in JSON or YAML",
		}
	}
	return t, nil
}

func parseTemplate(src []byte, extension, macro string) (*template, error) {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	isJSON := extension == ".json" || bytes.HasPrefix(bytes.TrimSpace(src), []byte("{")) && json.Valid(src)
	if !isJSON {
		var err error
		if src, err = toJSON(src); err != nil {
			return nil, err
		}
	}
	return parseJSON(bytes.TrimRight(src, " \t\r\n"), macro)
}

func parseJSON(src []byte, macro string) (*template, error) {
	fragment, transforms, err := cut(src, "Transform")
	if err != nil {
		return nil, err
	}
	t := &template{fragment: fragment}
	if err := t.splitTransform(transforms, macro); err != nil {
		return nil, err
	}
	// Into a map, for names are compared exactly then.
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(fragment, &sections); err != nil {
		return nil, err
	}
	if declared, ok := sections["Parameters"]; ok {
		if err := json.Unmarshal(declared, &t.parameters); err != nil {
			return nil, fmt.Errorf("read Parameters: %w", err)
		}
	}
	return t, nil
}

// splitTransform takes the macro out of Transform.
func (t *template) splitTransform(transforms jsontext.Value, macro string) error {
	if transforms == nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(transforms, &list) != nil {
		list = []json.RawMessage{json.RawMessage(transforms)}
	}
	for _, raw := range list {
		var entry transformEntry
		if err := json.Unmarshal(raw, &entry); err != nil {
			return fmt.Errorf("read Transform: %w", err)
		}
		if entry.Name == macro {
			t.macro, t.before = &entry, len(t.others)
		} else {
			t.others = append(t.others, raw)
		}
	}
	return nil
}

// cut takes a member out of a JSON object, and leaves all other bytes as they
// are. It returns the member's value, nil when there is none.
func cut(src []byte, name string) ([]byte, jsontext.Value, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(src))
	if _, err := dec.ReadToken(); err != nil {
		return nil, nil, err
	}
	if src[dec.InputOffset()-1] != '{' {
		return nil, nil, fmt.Errorf("it is no object")
	}
	rest, value := src, jsontext.Value(nil)
	first, before := true, dec.InputOffset()
	for dec.PeekKind() != jsontext.KindEndObject {
		member, err := dec.ReadToken()
		if err != nil {
			return nil, nil, err
		}
		found := member.String() == name
		v, err := dec.ReadValue()
		if err != nil {
			return nil, nil, err
		}
		if found {
			value = v.Clone()
			rest = without(src, int(before), int(dec.InputOffset()), first)
		}
		first, before = false, dec.InputOffset()
	}
	_, err := dec.ReadToken()
	return rest, value, err
}

// without leaves a member away, and the comma that belongs to it.
func without(src []byte, start, end int, first bool) []byte {
	rest := src[end:]
	if first {
		if after, found := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(",")); found {
			rest = after
		}
	}
	return append(bytes.Clone(src[:start]), rest...)
}

// restored is a template with its other transforms put back in front.
func (t *template) restored(fragment []byte) []byte {
	if len(t.others) == 0 {
		return fragment
	}
	list := []byte{'['}
	for i, other := range t.others {
		if i > 0 {
			list = append(list, ", "...)
		}
		list = append(list, other...)
	}
	list = append(list, ']')
	body := bytes.TrimLeft(fragment[1:], " \t\r\n")
	space := fragment[1 : len(fragment)-len(body)]
	out := append([]byte{'{'}, space...)
	out = append(out, `"Transform": `...)
	out = append(out, list...)
	if body[0] != '}' {
		out = append(append(out, ','), space...)
	}
	return append(out, body...)
}

// listsAfter reports whether the template lists the macro after another
// transform.
func (t *template) listsAfter(name string) bool {
	if t.macro == nil {
		return false
	}
	return slices.ContainsFunc(t.others[:t.before], func(raw json.RawMessage) bool {
		var entry transformEntry
		return json.Unmarshal(raw, &entry) == nil && entry.Name == name
	})
}
