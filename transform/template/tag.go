package template

import (
	"iter"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/internal/printable"
)

// shortForm returns the name after the exclamation mark of a node's tag, or "" for
// a tag of YAML itself, such as !!str.
func shortForm(n *yaml.Node) string {
	if n.Style&yaml.TaggedStyle == 0 || strings.HasPrefix(n.ShortTag(), "!!") {
		return ""
	}
	name, _ := strings.CutPrefix(n.Tag, "!")
	return name
}

// maxTag is the longest tag in a message, in bytes.
const maxTag = 40

// Tag is a tag of YAML that stands for a function: a short form, or a tag of
// another tool.
type Tag struct {
	Name string // without the exclamation mark
	Line int    // of the file, from 1
}

// String returns the tag as written, clipped.
func (t Tag) String() string { return "!" + printable.Clip(t.Name, maxTag) }

// Function returns the function that the tag stands for, which may not exist.
func (t Tag) Function() string {
	if t.Name == "Ref" || t.Name == "Condition" {
		return t.Name
	}
	return "Fn::" + t.Name
}

// Tags returns the tags of a template in YAML, in order.
func (t *Document) Tags() iter.Seq[Tag] {
	return func(yield func(Tag) bool) {
		if t.yaml != nil {
			eachTag(t.yaml.root, yield)
		}
	}
}

func eachTag(n *yaml.Node, yield func(Tag) bool) bool {
	if name := shortForm(n); name != "" && !yield(Tag{name, n.Line}) {
		return false
	}
	for _, inner := range n.Content {
		if !eachTag(inner, yield) {
			return false
		}
	}
	return true
}
