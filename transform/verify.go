package transform

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
)

// What pbm writes is read and judged again before anyone sees it. The checks
// know nothing of the edits: they compare the template as it was with the result
// as it is read back.

// defective is the error of a result that fails its verification. The fault is
// ours, and the message must not repeat the template.
func defective(what string) error {
	return boundary.Problem{
		What:   "internal error: " + what + "; the result was discarded",
		Remedy: "report this as a bug with the version and the flags, without the template's content",
	}
}

// verify checks the result of a rewrite. A second run must find every role bound
// that was reported as bound, and change nothing; and the result must be the
// template but for the boundaries at the sites of the plan, and the macro in its
// section Transform.
func (m Macro) verify(ctx context.Context, event []byte, req *request, first Report, before, after *Template) error {
	whole := req.plan.fragment
	m.Options.own = true
	_, edits, second := m.decide(ctx, slices.Concat(event[:whole.start], after.fragment, event[whole.end:]))
	switch {
	case second.Err != nil:
		return defective("the macro refuses the result")
	case len(edits) > 0 || !allKept(first.Changes, second.Changes):
		return defective("a role is not bound as reported")
	}
	c := comparison{
		before: scan(event, whole),
		after:  scan(after.fragment, span{0, len(after.fragment)}),
	}
	if !c.same(req.plan, req.bound) || !sameEntries(before, after, req.macro) {
		return defective("more than the boundaries changed")
	}
	return nil
}

// allKept reports whether a second run kept the boundary of each resource that
// the first run reported. Merge keys may change their order.
func allKept(first, second []Change) bool {
	byName := func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.LogicalID, b.LogicalID), cmp.Compare(a.Type, b.Type))
	}
	first, second = slices.SortedStableFunc(slices.Values(first), byName), slices.SortedStableFunc(slices.Values(second), byName)
	return slices.EqualFunc(first, second, func(a, b Change) bool { return byName(a, b) == 0 && b.Action == Kept })
}

// sameEntries reports whether two sections Transform list the same, but for a
// macro that the second one must not list.
func sameEntries(before, after *Template, macro string) bool {
	var want, got [][]byte
	for _, entry := range entriesOf(before.section()) {
		if nameOf(entry) != macro {
			want = append(want, before.transform[entry.start:entry.end])
		}
	}
	for _, entry := range entriesOf(after.section()) {
		got = append(got, after.transform[entry.start:entry.end])
	}
	return slices.EqualFunc(want, got, bytes.Equal)
}

// sameMeaning reports whether two templates mean the same: numbers as spelled,
// members in order, those that are given twice included.
func sameMeaning(a, b *Template) bool {
	if (a.transform == nil) != (b.transform == nil) {
		return false
	}
	return sameValues(a.fragment, b.fragment) && (a.transform == nil || sameValues(a.transform, b.transform))
}

func sameValues(a, b []byte) bool {
	c := comparison{before: scan(a, span{0, len(a)}), after: scan(b, span{0, len(b)}), respelled: true}
	return c.same(&plan{}, boundValue{})
}

// comparison reads two JSON texts side by side. They may differ by the boundary
// at sites.
type comparison struct {
	before, after *cursor
	respelled     bool // strings may have other escapes

	sites    map[int]site     // by where the object begins that takes the boundary
	bodies   map[int]embedded // by where the string begins
	boundary boundValue
}

// same reports whether the texts are the same but for the boundary at the sites
// of a plan, which is of the text before.
func (c *comparison) same(p *plan, v boundValue) bool {
	c.sites, c.bodies, c.boundary = map[int]site{}, map[int]embedded{}, v
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

// nameBefore is the next name of the object before, without the boundary that
// is compared by itself: a merge key may have brought it from further behind.
func (c *comparison) nameBefore(s site) (name span, more bool) {
	for c.before.more() {
		if _, name = c.before.name(); s.existing.absent() || c.before.next() != s.existing.start {
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
	text = text[e.mark:]
	if e.yaml != nil {
		y, err := parseYAML(text, reading{own: true})
		if err != nil || !bytes.Equal(y.transform, e.yaml.transform) {
			return false
		}
		text = y.shadow
	}
	inner := comparison{before: scan(e.plan.src, span{0, len(e.plan.src)}), after: scan(text, span{0, len(text)})}
	return inner.same(e.plan, c.boundary.portable())
}

func (c *comparison) isSame(old, now span) bool {
	a, b := c.before.src[old.start:old.end], c.after.src[now.start:now.end]
	return bytes.Equal(a, b) ||
		c.respelled && !old.absent() && !now.absent() && a[0] == '"' && b[0] == '"' && bytes.Equal(unquote(a), unquote(b))
}

// recall is a store that repeats its answers, so that a verification judges by
// the boundary that was written.
type recall struct {
	boundary.Reader
	answers map[string]answer // by environment
}

type answer struct {
	record boundary.Record
	err    error
}

func (r *recall) Get(ctx context.Context, environment string) (boundary.Record, error) {
	known, ok := r.answers[environment]
	if !ok {
		known.record, known.err = r.Reader.Get(ctx, environment)
		r.answers[environment] = known
	}
	return known.record, known.err
}
