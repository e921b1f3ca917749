package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// errTemplating is what errors wrap about the sources of templating engines,
// such as Jinja, Helm and ERB: CloudFormation takes what they render, and not
// them.
var errTemplating = errors.New("it is the source of a templating engine")

// maxIndicators bounds how much is decoded to say what a text is: so many
// characters that may each begin a value. A text that has more stays an error.
const maxIndicators = 100_000

// kindOf says what a text is that cannot be read as a template: errNoTemplate
// where no parser finds a template in it, errTemplating where the marks of a
// templating engine are what no parser takes. It is nil where the text may be a
// template that CloudFormation takes, or that somebody broke.
func kindOf(src []byte, err error) error {
	isJSON := template.Validate(src) == nil
	isObject := bytes.HasPrefix(bytes.TrimLeft(src, " \t\r\n"), []byte("{"))
	switch {
	case errors.Is(err, errNoResources), errors.Is(err, template.ErrNotObject), isJSON && !isObject:
		return errNoTemplate
	case isJSON, countIndicators(src) > maxIndicators:
		return nil
	}
	documents, broken := decode(src)
	switch {
	case broken == nil && !slices.ContainsFunc(documents, hasTemplateSection):
		return errNoTemplate
	case broken == nil && slices.ContainsFunc(documents, hasEngineValue):
		return errTemplating
	case broken != nil && decodes(withoutMarks(src)):
		return errTemplating
	}
	return nil
}

func countIndicators(text []byte) int {
	count := 0
	for _, indicator := range []string{"\n", ",", "[", "{", ":"} {
		count += bytes.Count(text, []byte(indicator))
	}
	return count
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

// foreignTag says which tag of a template is not a short form of CloudFormation's,
// the first if there are several, and nothing if there is none.
func foreignTag(doc *template.Document) string {
	for tag := range doc.Tags() {
		if !rules.HasShortForm(tag.Function()) {
			return fmt.Sprintf("line %d: CloudFormation has no short form %s", tag.Line, tag)
		}
	}
	return ""
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

// hasEngineValue reports whether {{ }} stands somewhere as a value. It is a mapping
// whose key is a mapping then, which JSON has not.
func hasEngineValue(n *yaml.Node) bool {
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Kind == yaml.MappingNode && key.Style&yaml.FlowStyle != 0 {
				return true
			}
		}
	}
	return slices.ContainsFunc(n.Content, hasEngineValue)
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
