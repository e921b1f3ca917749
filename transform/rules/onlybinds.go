package rules

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform/template"
)

// comparison compares two JSON texts, which may differ by the boundaries at sites.
type comparison struct {
	before, after *template.Cursor
	apart         template.Span // the section Transform before, which is not compared

	sites    map[int]site     // by the offset of the object that takes the boundary
	bodies   map[int]embedded // by the offset of the string
	boundary Boundary
}

// OnlyBinds reports whether two templates differ only by the boundary at sites and
// the section Transform. The verdict is on the template before. Edits play no
// part in the comparison, so it finds their faults.
func (v *Verdict) OnlyBinds(b Boundary, before, after *template.Document) bool {
	c := comparison{
		before: template.NewCursor(before.JSON(), template.Span{}), after: template.NewCursor(after.Fragment(), template.Span{}), apart: before.Span(template.TransformSection),
		sites: map[int]site{}, bodies: map[int]embedded{}, boundary: b,
	}
	for _, s := range v.sites {
		c.sites[s.into.Start] = s
	}
	if v.global != nil {
		c.sites[v.global.into.Start] = *v.global
	}
	for _, e := range v.embedded {
		c.bodies[e.Start] = e
	}
	return c.value()
}

func (c *comparison) value() bool {
	kind, start := c.before.Peek(), c.before.Next()
	if s, is := c.sites[start]; is && s.kind == siteNull {
		old, now := c.before.Skip(), c.after.Skip()
		return c.isSame(old, now) || c.isBoundaryOnly(now)
	}
	if e, is := c.bodies[start]; is {
		old, now := c.before.Skip(), c.after.Skip()
		return c.isSame(old, now) || c.isBody(e, now)
	}
	switch {
	case kind != c.after.Peek():
		return false
	case kind == jsontext.KindBeginObject:
		return c.object()
	case kind == jsontext.KindBeginArray:
		return c.array()
	}
	return c.isSame(c.before.Skip(), c.after.Skip())
}

func (c *comparison) array() bool {
	c.before.Enter()
	for c.after.Enter(); c.after.More(); {
		if !c.before.More() || !c.value() {
			return false
		}
	}
	return !c.before.More()
}

func (c *comparison) object() bool {
	s, isSite := c.sites[c.before.Enter()]
	written := false
	for c.after.Enter(); c.after.More(); {
		name, at := c.after.Name()
		if isSite && string(name) == s.path()[0] {
			if written || !c.isBound(s, c.after.Skip()) {
				return false
			}
			written = true
			continue
		}
		old, more := c.nameBefore(s)
		if !more || !c.isSame(old, at) || !c.value() {
			return false
		}
	}
	_, more := c.nameBefore(s)
	return !more
}

// nameBefore returns the next name of the object before. It skips the section
// Transform, and the boundary, which may move: a merge key may have set it.
func (c *comparison) nameBefore(s site) (name template.Span, more bool) {
	for c.before.More() {
		_, name = c.before.Name()
		if at := c.before.Next(); (s.existing.Absent() || at != s.existing.Start) && (c.apart.Absent() || at != c.apart.Start) {
			return name, true
		}
		c.before.Skip()
	}
	return template.Span{}, false
}

// isBound reports whether a member of the result is one that Bind may write at a
// site.
func (c *comparison) isBound(s site, now template.Span) bool {
	switch s.kind {
	case siteProperties:
		return c.isBoundaryOnly(now)
	case siteValue:
		return c.isReplaced(template.NodeAt(c.before.Src, s.existing), template.NodeAt(c.after.Src, now))
	}
	return c.boundary.isWritten(template.NodeAt(c.after.Src, now))
}

func (c *comparison) isBoundaryOnly(now template.Span) bool {
	name, value := template.NodeAt(c.after.Src, now).Only()
	return name == permissionsBoundary.String() && c.boundary.isWritten(value)
}

// isReplaced reports whether each branch of an existing boundary is as it was, or
// is the boundary.
func (c *comparison) isReplaced(old, now template.Node) bool {
	if c.isSame(old.Span, now.Span) || c.boundary.isWritten(now) {
		return true
	}
	condition, before := branches(old)
	again, after := branches(now)
	return before != nil && after != nil && c.isSame(condition.Span, again.Span) && c.isReplaced(before[0], after[0]) && c.isReplaced(before[1], after[1])
}

// isBody reports whether a string of the result is an embedded template with its
// roles bound.
func (c *comparison) isBody(e embedded, now template.Span) bool {
	text, ok := template.UnquoteExactly(c.after.Src[now.Start:now.End])
	if !ok || len(text) < e.mark {
		return false
	}
	again, err := template.ParseBody(text[e.mark:], template.Unlimited)
	return err == nil && bytes.Equal(again.Transform(), e.doc.Transform()) && e.verdict.OnlyBinds(c.boundary.Portable(), e.doc, again)
}

func (c *comparison) isSame(old, now template.Span) bool {
	a, b := c.before.Src[old.Start:old.End], c.after.Src[now.Start:now.End]
	return bytes.Equal(a, b)
}
