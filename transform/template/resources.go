package template

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Resource is a resource of a template, or what a loop makes resources of.
type Resource struct {
	Type        string
	Offset      int  // of its logical ID
	Conditional bool // it has a Condition, so not all deployments have it
	Properties  Node
	Metadata    Node

	// Attributes that SAM has added.
	Connectors    Node
	IgnoreGlobals Node
}

// Resources are those of some types, by logical ID. What a loop makes resources
// of is among them.
func (t *Document) Resources(types ...string) map[string]Resource {
	all := map[string]Resource{}
	if at := t.Span("Resources"); !at.Absent() && t.json[at.Start] == '{' {
		NewCursor(t.json, at).resources(all, types)
	}
	return all
}

// resources reads a map from logical ID to resource.
func (c *Cursor) resources(all map[string]Resource, types []string) {
	for c.Enter(); c.More(); {
		id, at := c.Name()
		isLoop := bytes.HasPrefix(id, []byte("Fn::ForEach::"))
		switch kind := c.Peek(); {
		case isLoop && kind == jsontext.KindBeginArray:
			c.Enter()
			for i := 0; c.More(); i++ {
				if i == 2 && c.Peek() == jsontext.KindBeginObject {
					c.resources(all, types)
				} else {
					c.Skip()
				}
			}
		case !isLoop && kind == jsontext.KindBeginObject:
			typ, r := c.resource()
			if delete(all, string(id)); slices.Contains(types, typ) {
				all[string(id)] = Resource{
					Type: typ, Offset: at.Start, Conditional: !r["Condition"].Absent(),
					Properties: NodeAt(c.Src, r["Properties"]), Metadata: NodeAt(c.Src, r["Metadata"]),
					Connectors: NodeAt(c.Src, r["Connectors"]), IgnoreGlobals: NodeAt(c.Src, r["IgnoreGlobals"]),
				}
			}
		default:
			c.Skip()
		}
	}
}

// resource reads one resource: its type, and the spans of its members.
func (c *Cursor) resource() (typ string, members map[string]Span) {
	members = map[string]Span{}
	for c.Enter(); c.More(); {
		name, _ := c.Name()
		members[string(name)] = c.Skip()
	}
	return string(c.Text(members["Type"])), members
}
