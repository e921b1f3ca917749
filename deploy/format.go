package deploy

import (
	"fmt"

	"permissions-boundary-macro/transform/template"
)

// inFormat is a template in a syntax: json, yaml, or empty for its own.
func inFormat(text []byte, format string) ([]byte, error) {
	syntax, converts := map[string]template.Syntax{"json": template.JSON, "yaml": template.YAML}[format]
	if !converts {
		return text, nil
	}
	t, err := template.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the result: %w", err)
	}
	return t.Convert(syntax)
}
