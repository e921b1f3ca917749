package transform

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// comparison reads two JSON texts side by side. They may differ by the boundary
// at sites.
type comparison struct {
	before, after *cursor
	apart         span // of the text before: the section Transform, which is compared by itself

	sites    map[int]site     // by where the object begins that takes the boundary
	bodies   map[int]embedded // by where the string begins
	boundary boundValue
}

// onlyBinds reports whether a template is another one but for the boundary at
// the sites of the plan, which is of the one before, and for the section
// Transform. It knows nothing of edits.
func (p *plan) onlyBinds(v boundValue, before, after *Template) bool {
	c := comparison{
		before: scan(before.JSON(), span{}), after: scan(after.Fragment(), span{}), apart: before.TransformSpan(),
		sites: map[int]site{}, bodies: map[int]embedded{}, boundary: v,
	}
	for _, s := range p.sites {
		c.sites[s.into.start] = s
	}
	for _, e := range p.embedded {
		c.bodies[e.start] = e
	}
	return c.value()
}

func (c *comparison) value() bool {
	kind, start := c.before.peek(), c.before.next()
	if s, is := c.sites[start]; is && s.kind == siteNull {
		old, now := c.before.skip(), c.after.skip()
		return c.isSame(old, now) || c.isBoundaryOnly(now)
	}
	if e, is := c.bodies[start]; is {
		old, now := c.before.skip(), c.after.skip()
		return c.isSame(old, now) || c.isBody(e, now)
	}
	switch {
	case kind != c.after.peek():
		return false
	case kind == jsontext.KindBeginObject:
		return c.object()
	case kind == jsontext.KindBeginArray:
		return c.array()
	}
	return c.isSame(c.before.skip(), c.after.skip())
}

func (c *comparison) array() bool {
	c.before.enter()
	for c.after.enter(); c.after.more(); {
		if !c.before.more() || !c.value() {
			return false
		}
	}
	return !c.before.more()
}

func (c *comparison) object() bool {
	s, isSite := c.sites[c.before.enter()]
	written := false
	for c.after.enter(); c.after.more(); {
		name, at := c.after.name()
		if isSite && string(name) == s.member() {
			if written || !c.isBound(s, c.after.skip()) {
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

// member is the name of the member that a boundary at the site is in.
func (s *site) member() string {
	if s.kind == siteProperties {
		return "Properties"
	}
	return propertyNames[permissionsBoundary]
}

// nameBefore is the next name of the object before, without what is compared by
// itself: the section Transform, and the boundary, which a merge key may have
// brought from further behind.
func (c *comparison) nameBefore(s site) (name span, more bool) {
	for c.before.more() {
		_, name = c.before.name()
		if at := c.before.next(); (s.existing.absent() || at != s.existing.start) && (c.apart.absent() || at != c.apart.start) {
			return name, true
		}
		c.before.skip()
	}
	return span{}, false
}

// isBound reports whether a member of the result is what a site may have.
func (c *comparison) isBound(s site, now span) bool {
	switch s.kind {
	case siteProperties:
		return c.isBoundaryOnly(now)
	case siteValue:
		return c.isReplaced(parse(c.before.src, s.existing), parse(c.after.src, now))
	}
	return c.boundary.isWritten(parse(c.after.src, now))
}

// isWritten reports whether a value is the boundary as the edits write it.
func (v boundValue) isWritten(n node) bool {
	if !v.sub {
		return n.isString() && n.text == v.text
	}
	name, argument := n.only()
	return name == "Fn::Sub" && argument.isString() && argument.text == v.text
}

func (c *comparison) isBoundaryOnly(now span) bool {
	name, value := parse(c.after.src, now).only()
	return name == propertyNames[permissionsBoundary] && c.boundary.isWritten(value)
}

// isReplaced reports whether a boundary that was there stays, as a whole or but
// for branches.
func (c *comparison) isReplaced(old, now node) bool {
	if c.isSame(old.span, now.span) || c.boundary.isWritten(now) {
		return true
	}
	oldName, before := old.only()
	nowName, after := now.only()
	return oldName == "Fn::If" && nowName == oldName && len(before.elements) == 3 && len(after.elements) == 3 &&
		c.isReplaced(before.elements[0], after.elements[0]) &&
		c.isReplaced(before.elements[1], after.elements[1]) &&
		c.isReplaced(before.elements[2], after.elements[2])
}

// isBody reports whether a string of the result holds the template that the
// string before held, with its roles bound.
func (c *comparison) isBody(e embedded, now span) bool {
	text, ok := unquoteExactly(c.after.src[now.start:now.end])
	if !ok || len(text) < e.mark {
		return false
	}
	again, err := parseBody(text[e.mark:])
	return err == nil && bytes.Equal(again.Transform(), e.doc.Transform()) && e.plan.onlyBinds(c.boundary.portable(), e.doc, again)
}

func (c *comparison) isSame(old, now span) bool {
	a, b := c.before.src[old.start:old.end], c.after.src[now.start:now.end]
	return bytes.Equal(a, b)
}
