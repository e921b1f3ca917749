package deploy

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/transform"
)

// inFormat is a template in a syntax: json, yaml, or empty for its own.
// Converted to JSON, short forms of intrinsic functions are expanded.
// Converted to YAML, JSON's quotes and brackets go where YAML needs none.
func inFormat(text []byte, format string) ([]byte, error) {
	t, err := transform.ParseTemplate(text)
	if err != nil {
		return nil, fmt.Errorf("read the result: %w", err)
	}
	switch {
	case format == "json" && t.Syntax() == transform.YAML:
		return toJSON(t)
	case format == "yaml" && t.Syntax() == transform.JSON:
		return toYAML(text)
	}
	return text, nil
}

// toJSON writes a template in JSON, its section Transform first.
func toJSON(t *transform.Template) ([]byte, error) {
	whole := t.Fragment()
	if section := t.Transform(); section != nil {
		head := slices.Concat([]byte(`{"Transform":`), section)
		if string(whole) != "{}" {
			head = append(head, ',')
		}
		whole = append(head, whole[1:]...)
	}
	value := jsontext.Value(bytes.Clone(whole))
	if err := value.Indent(jsontext.WithIndent("  ")); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return value, nil
}

// meansElse is what the YAML library writes without quotes, and YAML 1.1 takes
// for something else: a number to the base of 60, a default value.
// Source: yaml.org/type, int, float and value.
var meansElse = regexp.MustCompile(`^(=|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$`)

func toYAML(text []byte) ([]byte, error) {
	// With characters instead of escapes: the YAML library refuses surrogates.
	plain := jsontext.Value(bytes.Clone(text))
	if err := plain.Format(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(plain, &document); err != nil {
		return nil, fmt.Errorf("read JSON as YAML: %w", err)
	}
	inBlocks(&document)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&document); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), nil
}

// inBlocks has nodes written in block style, and strings quoted only where
// they would be taken for something else.
func inBlocks(n *yaml.Node) {
	if len(n.Content) > 0 {
		n.Style &^= yaml.FlowStyle
	}
	if n.Kind == yaml.ScalarNode && n.Style == yaml.DoubleQuotedStyle && !transform.IsBoolean(n.Value) && !meansElse.MatchString(n.Value) {
		n.Style = 0
		n.Tag = "!!str"
	}
	for _, inner := range n.Content {
		inBlocks(inner)
	}
}
