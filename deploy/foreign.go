package deploy

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"

	yaml "go.yaml.in/yaml/v4"
)

// errTemplating is what errors wrap about the sources of templating engines,
// such as Jinja, Helm and ERB: CloudFormation takes what they render, and not
// them.
var errTemplating = errors.New("it is the source of a templating engine")

// kindOf says what a text is that cannot be read as a template: errNoTemplate
// where no parser finds a template in it, errTemplating where the marks of a
// templating engine are what no parser takes. It is nil where the text may be a
// template that CloudFormation takes, or that somebody broke.
func kindOf(src []byte, err error) error {
	documents, broken := decode(src)
	switch {
	case errors.Is(err, errNoResources):
		return errNoTemplate
	case broken == nil && !slices.ContainsFunc(documents, hasTemplateSection):
		return errNoTemplate
	case broken == nil && slices.ContainsFunc(documents, hasMark):
		return errTemplating
	case broken != nil && decodes(withoutMarks(src)):
		return errTemplating
	}
	return nil
}

// decode reads the documents of a text in YAML or JSON.
func decode(text []byte) ([]*yaml.Node, error) {
	var all []*yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		switch err := documents.Decode(&document); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, document.Content...)
	}
}

func decodes(text []byte) bool {
	_, err := decode(text)
	return err == nil
}

// hasTemplateSection reports whether a document is a mapping with a key that
// makes a template of it, or with a merge key, which may bring one.
func hasTemplateSection(document *yaml.Node) bool {
	if document.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i < len(document.Content); i += 2 {
		key := document.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if slices.Contains([]string{"Resources", "Transform", "<<"}, key.Value) || slices.Contains(sectionsOfTemplates, key.Value) {
			return true
		}
	}
	return false
}

// hasMark reports whether {{ }} stands somewhere as a value. It is a mapping
// whose key is a mapping then, which JSON has not.
func hasMark(n *yaml.Node) bool {
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Kind == yaml.MappingNode && key.Style&yaml.FlowStyle != 0 {
				return true
			}
		}
	}
	return slices.ContainsFunc(n.Content, hasMark)
}

var (
	// markedLine is a line of nothing but a statement of a templating engine.
	markedLine = regexp.MustCompile(`(?m)^([ \t]*)(?:\{[{%#]|<%)(.*(?:[}%#]\}|%>)[ \t]*\r?)$`)
	marks      = regexp.MustCompile(`\{[{%#]|[}%#]\}`)
)

// withoutMarks makes comments of lines that are statements of a templating
// engine, and words of the marks in others. What is between marks stays, so
// that a text which is broken for another reason stays broken: a template must
// not pass for a source by marks in a comment or a description.
func withoutMarks(text []byte) []byte {
	text = markedLine.ReplaceAll(text, []byte("$1##$2"))
	return marks.ReplaceAll(text, []byte("__"))
}
