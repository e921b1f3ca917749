package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	yaml "go.yaml.in/yaml/v4"
)

// toJSON writes a YAML template as CloudFormation hands it to a macro: in JSON,
// short forms of intrinsic functions expanded, numbers and dates as spelled.
func toJSON(src []byte) ([]byte, error) {
	document, err := parseYAML(src)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	c := converter{out: jsontext.NewEncoder(&out, jsontext.WithIndent("  "))}
	c.value(document)
	return out.Bytes(), c.err
}

// parseYAML reads the one document that a template is.
func parseYAML(src []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var document, next yaml.Node
	if err := dec.Decode(&document); errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&next); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, errors.New("it has several YAML documents")
	}
	return document.Content[0], nil
}

// maxNodes bounds what aliases may blow a template up to. CloudFormation takes
// 1 MB.
const maxNodes = 1_000_000

// converter writes YAML nodes as JSON. Its first error sticks.
type converter struct {
	out   *jsontext.Encoder
	nodes int
	err   error
}

func (c *converter) write(t jsontext.Token, at *yaml.Node) {
	if c.err != nil {
		return
	}
	if err := c.out.WriteToken(t); err != nil {
		c.fail(at, err)
	}
}

func (c *converter) fail(at *yaml.Node, err error) {
	if c.err == nil {
		c.err = fmt.Errorf("line %d: %w", at.Line, err)
	}
}

func (c *converter) value(n *yaml.Node) {
	if c.nodes++; c.nodes > maxNodes {
		c.fail(n, fmt.Errorf("more than %d values", maxNodes))
	}
	if c.err != nil {
		return
	}
	if n.Kind == yaml.AliasNode {
		c.value(n.Alias)
		return
	}
	if name, short := shortForm(n); short {
		c.function(name, n)
		return
	}
	c.plain(n)
}

// shortForm is the tag of an intrinsic function.
func shortForm(n *yaml.Node) (string, bool) {
	name, short := strings.CutPrefix(n.Tag, "!")
	return name, short && name != "" && !strings.HasPrefix(name, "!")
}

// shortForms are the intrinsic functions that have one, rule functions included.
// Source: CloudFormation's template reference, intrinsic functions.
var shortForms = []string{
	"And", "Base64", "Cidr", "Condition", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "FindInMap",
	"GetAtt", "GetAZs", "If", "ImportValue",
	"Join", "Not", "Or", "Ref", "RefAll", "Select", "Split", "Sub", "Transform", "ValueOf", "ValueOfAll",
}

// function writes {"Fn::Name": argument}.
func (c *converter) function(name string, n *yaml.Node) {
	if !slices.Contains(shortForms, name) {
		c.fail(n, fmt.Errorf("CloudFormation has no short form !%s", clipped(name)))
		return
	}
	long := "Fn::" + name
	if name == "Ref" || name == "Condition" {
		long = name
	}
	c.write(jsontext.BeginObject, n)
	c.write(jsontext.String(long), n)
	switch {
	case n.Kind == yaml.ScalarNode && name == "GetAtt":
		c.attribute(n)
	case n.Kind == yaml.ScalarNode:
		c.write(jsontext.String(n.Value), n)
	default:
		c.plain(n)
	}
	c.write(jsontext.EndObject, n)
}

// attribute writes "Resource.Attribute" as a list of the two.
func (c *converter) attribute(n *yaml.Node) {
	resource, attribute, _ := strings.Cut(n.Value, ".")
	c.write(jsontext.BeginArray, n)
	c.write(jsontext.String(resource), n)
	c.write(jsontext.String(attribute), n)
	c.write(jsontext.EndArray, n)
}

// plain writes a node without regard to its tag.
func (c *converter) plain(n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		c.mapping(n)
	case yaml.SequenceNode:
		c.write(jsontext.BeginArray, n)
		for _, element := range n.Content {
			c.value(element)
		}
		c.write(jsontext.EndArray, n)
	default:
		c.scalar(n)
	}
}

func (c *converter) mapping(n *yaml.Node) {
	c.write(jsontext.BeginObject, n)
	for _, p := range c.pairs(n) {
		c.write(jsontext.String(p.name.Value), p.name)
		c.value(p.value)
	}
	c.write(jsontext.EndObject, n)
}

type pair struct{ name, value *yaml.Node }

// pairs are the members of a mapping, those of merge keys included as far as
// the mapping does not have them itself.
func (c *converter) pairs(n *yaml.Node) []pair {
	var own, merged []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if name.Kind == yaml.AliasNode {
			name = name.Alias
		}
		switch {
		case name.Kind != yaml.ScalarNode:
			c.fail(name, errors.New("a key that is no scalar"))
		case name.ShortTag() == "!!merge":
			merged = append(merged, c.merge(value)...)
		default:
			own = append(own, pair{name, value})
		}
	}
	if len(merged) == 0 {
		return own
	}
	known := map[string]bool{}
	for _, p := range own {
		known[p.name.Value] = true
	}
	for _, m := range merged {
		if !known[m.name.Value] {
			known[m.name.Value] = true
			own = append(own, m)
		}
	}
	return own
}

// merge are the members that a merge key brings: of one mapping or of several.
func (c *converter) merge(value *yaml.Node) []pair {
	if c.nodes++; c.nodes > maxNodes {
		c.fail(value, fmt.Errorf("more than %d values", maxNodes))
		return nil
	}
	switch value.Kind {
	case yaml.AliasNode:
		return c.merge(value.Alias)
	case yaml.MappingNode:
		return c.pairs(value)
	case yaml.SequenceNode:
		var all []pair
		for _, element := range value.Content {
			all = append(all, c.merge(element)...)
		}
		return all
	}
	c.fail(value, errors.New("a merge key of something that is no mapping"))
	return nil
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// scalar writes numbers as spelled. What JSON cannot spell, such as a date or
// an account ID with a leading zero, is a string.
func (c *converter) scalar(n *yaml.Node) {
	if value, is := boolean(n); is {
		c.write(jsontext.Bool(value), n)
		return
	}
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		c.write(jsontext.Null, n)
	case (tag == "!!int" || tag == "!!float") && jsonNumber.MatchString(n.Value):
		if c.err == nil {
			if err := c.out.WriteValue(jsontext.Value(n.Value)); err != nil {
				c.fail(n, err)
			}
		}
	default:
		c.write(jsontext.String(n.Value), n)
	}
}

// boolean reads a boolean as YAML 1.1 does, which CloudFormation follows: Yes
// and off are such, too, unless they are quoted.
// Source: CloudFormation's user guide, template formats.
func boolean(n *yaml.Node) (value, is bool) {
	if n.Style != 0 {
		return false, false
	}
	switch n.Value {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}

// clipped makes a piece of a template fit into a message.
func clipped(text string) string {
	if len(text) > 40 {
		return text[:40] + "..."
	}
	return text
}
