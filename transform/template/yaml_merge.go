package template

import (
	"errors"
	"fmt"

	yaml "go.yaml.in/yaml/v4"
)

type pair struct{ name, value *yaml.Node }

// pairs returns the members of a mapping, with those of merge keys that the mapping
// does not have itself. A key in two merge keys is an error: some readers take the
// first, some the last. It calls repeated for each further key of a name.
func (c *jsonWriter) pairs(n *yaml.Node, repeated func(name *yaml.Node)) []pair {
	var merged [][]pair // by merge key
	own := make([]pair, 0, len(n.Content)/2)
	known := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if name.Kind == yaml.AliasNode {
			name = name.Alias
		}
		switch {
		case name.ShortTag() == "!!binary":
			c.fail(name, errBinary)
		case name.Kind != yaml.ScalarNode:
			c.fail(name, errors.New("a key that is no scalar"))
		case shortForm(name) != "":
			c.fail(name, fmt.Errorf("the tag %s makes a function of a key; remove it", Tag{Name: shortForm(name)}))
		case isMergeKey(name):
			merged = append(merged, c.merge(value))
		default:
			if known[name.Value] {
				repeated(n.Content[i])
			}
			known[name.Value] = true
			own = append(own, pair{name, value})
		}
	}
	by := make(map[string]int, len(merged)) // the merge key of each name
	for i, pairs := range merged {
		for _, m := range pairs {
			first, isBrought := by[m.name.Value]
			switch {
			case isBrought && first != i:
				c.fail(n, errors.New("two merge keys that bring the same key; write one with a list, whose first entry counts"))
			case !known[m.name.Value]:
				known[m.name.Value] = true
				by[m.name.Value] = i
				own = append(own, m)
			}
		}
	}
	return own
}

// refuseRepeated fails at a key that a merged mapping has twice: which of the two is
// merged differs between readers.
func (c *jsonWriter) refuseRepeated(name *yaml.Node) {
	c.fail(name, errors.New("a merge key that brings the same key twice; give it once"))
}

func isMergeKey(name *yaml.Node) bool { return name.ShortTag() == "!!merge" }

// merge returns the members in the value of a merge key: one mapping or several.
func (c *jsonWriter) merge(value *yaml.Node) []pair {
	c.copies++
	c.depth++
	defer func() { c.depth-- }()
	c.bound(value)
	if c.err != nil {
		return nil
	}
	switch {
	case value.Kind == yaml.AliasNode:
		return c.merge(value.Alias)
	case shortForm(value) != "":
	case value.Kind == yaml.MappingNode:
		pairs := c.pairs(value, c.refuseRepeated)
		c.copies += len(pairs)
		return pairs
	case value.Kind == yaml.SequenceNode:
		var all []pair
		for _, element := range value.Content {
			all = append(all, c.merge(element)...)
		}
		return all
	}
	c.fail(value, errors.New("a merge key whose value is not a mapping"))
	return nil
}
