package template

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// jsonWriter writes the JSON that a template in YAML means. It keeps its first error.
type jsonWriter struct {
	text   *yamlText
	out    []byte
	flow   int // number of flow collections around
	alias  int // number of aliases around
	copies int // number of values that aliases and merge keys have added
	depth  int // number of values around
	err    error
}

func (c *jsonWriter) fail(at *yaml.Node, err error) {
	if c.err == nil {
		c.err = &LineError{at.Line, err}
	}
}

// top writes the template, except its section Transform, which it keeps apart.
func (c *jsonWriter) top(n *yaml.Node) {
	switch name := shortForm(n); {
	case n.Kind != yaml.MappingNode:
		c.value(n)
		return
	case name != "":
		c.fail(n, fmt.Errorf("the tag %s makes a function of the whole template; remove it", Tag{Name: name}))
		return
	}
	c.mark(n)
	c.enter(n)
	var rest []pair
	for _, p := range c.pairs(n, c.text.repeat) {
		if p.name.Value != TransformSection {
			rest = append(rest, p)
			continue
		}
		if c.text.transform != nil {
			c.fail(p.name, ErrTransforms)
		}
		out, values, names := c.out, c.text.values, c.text.names
		c.out = nil
		c.value(p.value)
		c.text.transform, c.out, c.text.values, c.text.names = c.out, out, values, names
	}
	c.members(rest)
	c.leave(n)
}

func (c *jsonWriter) mark(n *yaml.Node) {
	c.text.values = append(c.text.values, mark{len(c.out), n, c.flow > 0})
}

func (c *jsonWriter) enter(n *yaml.Node) {
	if n.Style&yaml.FlowStyle != 0 {
		c.flow++
	}
}

func (c *jsonWriter) leave(n *yaml.Node) {
	if n.Style&yaml.FlowStyle != 0 {
		c.flow--
	}
}

func (c *jsonWriter) value(n *yaml.Node) {
	if c.alias > 0 {
		c.copies++
	}
	c.depth++
	defer func() { c.depth-- }()
	c.bound(n)
	if c.err != nil {
		return
	}
	c.mark(n)
	if n.Kind == yaml.AliasNode {
		flow := c.flow
		c.flow = 0
		c.copies++
		c.alias++
		c.tagged(n.Alias)
		c.alias--
		c.flow = flow
		return
	}
	c.tagged(n)
}

// bound fails if the template exceeds a limit.
func (c *jsonWriter) bound(n *yaml.Node) {
	switch {
	case c.copies > maxCopies:
		c.fail(n, fmt.Errorf("more than %d values by aliases", maxCopies))
	case c.copies > 0 && len(c.out) > maxCopied:
		c.fail(n, fmt.Errorf("more than %d bytes by aliases", maxCopied))
	case c.depth > maxDepth:
		c.fail(n, fmt.Errorf("values in each other to a depth of more than %d", maxDepth))
	}
}

// errBinary is the error for a text in Base64.
var errBinary = errors.New("!!binary is not read; write the text itself")

// tagged writes a node, as a function if its tag is a short form.
func (c *jsonWriter) tagged(n *yaml.Node) {
	if n.ShortTag() == "!!binary" {
		c.fail(n, errBinary)
		return
	}
	if name := shortForm(n); name != "" {
		c.function(name, n)
		return
	}
	c.plain(n)
}

// function writes {"Fn::Name": argument}.
func (c *jsonWriter) function(name string, n *yaml.Node) {
	c.out = append(c.out, '{')
	c.out = append(c.out, Quote(Tag{Name: name}.Function())...)
	c.out = append(c.out, ':')
	c.mark(n)
	switch {
	case n.Kind == yaml.ScalarNode && name == "GetAtt":
		resource, attribute, _ := strings.Cut(n.Value, ".")
		c.out = append(c.out, '[')
		c.out = append(c.out, Quote(resource)...)
		c.out = append(c.out, ',')
		c.out = append(c.out, Quote(attribute)...)
		c.out = append(c.out, ']')
	case n.Kind == yaml.ScalarNode:
		c.out = appendQuoted(c.out, n.Value)
	default:
		c.plain(n)
	}
	c.out = append(c.out, '}')
}

// plain writes a node and ignores its tag.
func (c *jsonWriter) plain(n *yaml.Node) {
	c.enter(n)
	defer c.leave(n)
	switch n.Kind {
	case yaml.MappingNode:
		c.members(c.pairs(n, c.text.repeat))
	case yaml.SequenceNode:
		c.out = append(c.out, '[')
		for i, element := range n.Content {
			if i > 0 {
				c.out = append(c.out, ',')
			}
			c.value(element)
		}
		c.out = append(c.out, ']')
	default:
		c.out = appendScalar(c.out, n)
	}
}

func (c *jsonWriter) members(pairs []pair) {
	c.out = append(c.out, '{')
	for i, p := range pairs {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.text.names = append(c.text.names, mark{len(c.out), p.name, c.flow > 0})
		c.out = appendQuoted(c.out, p.name.Value)
		c.out = append(c.out, ':')
		c.value(p.value)
		if c.err != nil {
			return
		}
	}
	c.out = append(c.out, '}')
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// appendScalar writes a scalar as JSON: numbers as spelled; what JSON cannot spell, such
// as a date or an account ID with a leading zero, is a string.
func appendScalar(out []byte, n *yaml.Node) []byte {
	if value, is := boolean(n); is {
		return strconv.AppendBool(out, value)
	}
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		return append(out, "null"...)
	case (tag == "!!int" || tag == "!!float") && jsonNumber.MatchString(n.Value):
		return append(out, n.Value...)
	}
	return appendQuoted(out, n.Value)
}

// boolean reads a boolean of YAML 1.1, as CloudFormation does: Yes and off are
// booleans, too, unless they are quoted.
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
