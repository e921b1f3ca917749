package template

import (
	"cmp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/internal/printable"
)

// maxName is the longest key in a message, in bytes.
const maxName = 255

// RepeatedKey is a key that its object or mapping already has.
type RepeatedKey struct {
	Name string // clipped, on one line
	Line int
}

// RepeatedKeys returns the repeated keys of the template, sorted by line.
func (t *Document) RepeatedKeys() []RepeatedKey {
	var keys []RepeatedKey
	if t.yaml != nil {
		for n := range t.yaml.repeated {
			keys = append(keys, RepeatedKey{printable.Clip(n.Value, maxName), n.Line})
		}
	} else if !jsontext.Value(t.src).IsValid(jsontext.AllowInvalidUTF8(true)) {
		s := NewCursor(t.src, Span{0, len(t.src)})
		s.repeated(func(name []byte, at Span) {
			keys = append(keys, RepeatedKey{printable.Clip(string(name), maxName), lineOf(t.lines(), at.Start)})
		})
	}
	slices.SortStableFunc(keys, func(a, b RepeatedKey) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	return keys
}

// repeated reads the next value, and reports each repeated name in it.
func (c *Cursor) repeated(report func(name []byte, at Span)) {
	switch c.Peek() {
	case jsontext.KindBeginObject:
		seen := map[string]bool{}
		for c.Enter(); c.More(); {
			name, at := c.Name()
			if seen[string(name)] {
				report(name, at)
			}
			seen[string(name)] = true
			c.repeated(report)
		}
	case jsontext.KindBeginArray:
		for c.Enter(); c.More(); {
			c.repeated(report)
		}
	default:
		c.Skip()
	}
}

// repeat records a repeated key.
func (y *yamlText) repeat(name *yaml.Node) {
	if y.repeated == nil {
		y.repeated = map[*yaml.Node]bool{}
	}
	y.repeated[name] = true
}
