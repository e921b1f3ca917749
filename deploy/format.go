package deploy

import (
	"fmt"

	"permissions-boundary-macro/transform"
)

// inFormat is a template in a syntax: json, yaml, or empty for its own.
func inFormat(text []byte, format string) ([]byte, error) {
	syntax, converts := map[string]transform.Syntax{"json": transform.JSON, "yaml": transform.YAML}[format]
	if !converts {
		return text, nil
	}
	t, err := transform.ParseTemplate(text)
	if err != nil {
		return nil, fmt.Errorf("read the result: %w", err)
	}
	return t.Convert(syntax)
}
