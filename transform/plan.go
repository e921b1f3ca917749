package transform

import (
	"cmp"
	"slices"

	"permissions-boundary-macro/boundary"
)

// plan is what the walk of a template found: where a boundary goes, and what
// stands in the way. It does not know the boundary yet, so that no value is
// looked up for a template that needs none.
type plan struct {
	src      []byte
	fragment span

	sites    []site     // in source order, once finished
	embedded []embedded // in source order
	escapes  []Finding  // in source order, once finished
	blind    []Finding
	metadata node // Metadata.PermissionsBoundaryMacro
}

// site is a place that takes a boundary.
type site struct {
	id, typ  string
	into     object // the properties, or the resource when it has none
	kind     siteKind
	existing node // absent, unless kind is siteValue
	// inherits is set on a function that has no boundary of its own, and would
	// get the one in Globals.
	inherits bool
}

type siteKind int

const (
	siteMember     siteKind = iota // insert the member PermissionsBoundary
	siteProperties                 // insert the member Properties
	siteNull                       // replace a Properties that stands for none
	siteValue                      // judge the existing value
)

// at is where a site's edits begin.
func (s site) at() int {
	switch s.kind {
	case siteValue:
		return s.existing.start
	case siteNull:
		return s.into.start
	}
	return s.into.insertion()
}

// insertion is where a further member goes: first, so that the difference is
// one line more in a template that has a line for each member.
func (o object) insertion() int { return o.start + 1 }

// embedded is a template inside of a string: TemplateBody of a StackSet.
type embedded struct {
	span // of the string
	plan *plan
}

// needsBoundary reports whether the boundary makes a difference to the answer.
func (p *plan) needsBoundary(o Options) bool {
	if len(p.sites) > 0 || len(p.escapes) > 0 || o.BlindSpots == RejectBlindSpots && len(p.blind) > 0 {
		return true
	}
	return slices.ContainsFunc(p.embedded, func(e embedded) bool { return e.plan.needsBoundary(o) })
}

// bind puts the boundary at every site. It returns the edits that do so, in
// source order, and what was done to each resource.
func (p *plan) bind(v boundValue, existing Existing) ([]edit, []Change, []Finding) {
	var (
		edits     = make([]edit, 0, len(p.sites))
		changes   = make([]Change, 0, len(p.sites))
		conflicts []Finding
	)
	for _, s := range p.sites {
		found, action, conflict := s.bind(v, existing)
		if conflict != nil {
			conflicts = append(conflicts, *conflict)
			continue
		}
		edits = append(edits, found...)
		changes = append(changes, Change{LogicalID: s.id, Type: s.typ, Action: action})
	}
	for _, e := range p.embedded {
		inner, done, refused := e.plan.bind(v.portable(), existing)
		edits = append(edits, requote(p.src[e.start:e.end], e.start, e.plan.src, inner)...)
		changes = append(changes, done...)
		conflicts = append(conflicts, refused...)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	return edits, changes, conflicts
}

func (s site) bind(v boundValue, existing Existing) ([]edit, Action, *Finding) {
	switch s.kind {
	case siteValue:
		return s.judge(v, existing)
	case siteProperties:
		return []edit{{s.into.insertion(), s.into.insertion(), propertiesMember, s.into, v.json}}, Added, nil
	case siteNull:
		return []edit{{s.into.start, s.into.end, propertiesValue, s.into, v.json}}, Added, nil
	}
	if s.inherits && existing == Keep {
		return nil, Kept, nil
	}
	return []edit{{s.into.insertion(), s.into.insertion(), boundaryMember, s.into, v.json}}, Added, nil
}

// boundValue is a boundary as it is written into one template.
type boundValue struct {
	json   []byte // the value of PermissionsBoundary
	text   string // the ARN, or the text of its Fn::Sub
	sub    bool   // json is a Fn::Sub
	target boundary.Target
	value  boundary.Value

	parameters node // templateParameterValues, where the template's are known
}

// literal is the boundary of the stack's own roles: an ARN spelled out.
func literal(v boundary.Value, t boundary.Target, parameters node) (boundValue, error) {
	arn, err := v.Resolve(t)
	if err != nil {
		return boundValue{}, err
	}
	return boundValue{json: quote(arn), text: arn, target: t, value: v, parameters: parameters}, nil
}

// portable is the boundary of roles that a StackSet creates in other accounts.
func (v boundValue) portable() boundValue {
	text := v.value.Portable()
	json := slices.Concat([]byte(`{"Fn::Sub":`), quote(text), []byte(`}`))
	return boundValue{json: json, text: text, sub: true, value: v.value}
}

// is reports whether the value at n surely is this boundary, now and at every
// later deployment of the same template.
func (v boundValue) is(n node) bool {
	if n.isString() {
		return !v.sub && n.text == v.text
	}
	name, argument := n.only()
	if name != "Fn::Sub" || !argument.isString() {
		return false
	}
	if v.sub {
		return argument.text == v.text
	}
	text, ok := v.target.Resolve(argument.text)
	return ok && text == v.text
}

// edit replaces bytes of the source by a piece of JSON that holds a boundary.
type edit struct {
	start, end int
	piece      piece
	into       object // whose style the piece follows
	boundary   []byte
}

// piece is what an edit writes.
type piece int

const (
	boundaryValue    piece = iota // the boundary itself
	boundaryMember                // "PermissionsBoundary": boundary
	propertiesValue               // {"PermissionsBoundary": boundary}
	propertiesMember              // "Properties": {"PermissionsBoundary": boundary}
	requoted                      // boundary holds the finished bytes
)

// append writes the edit's piece.
func (e edit) append(out, src []byte) []byte {
	switch e.piece {
	case boundaryMember:
		out = e.appendName(out, src, `"PermissionsBoundary"`)
		out = append(out, e.boundary...)
		return e.appendComma(out)
	case propertiesMember:
		out = e.appendName(out, src, `"Properties"`)
		out = e.appendProperties(out)
		return e.appendComma(out)
	case propertiesValue:
		return e.appendProperties(out)
	}
	return append(out, e.boundary...)
}

func (e edit) appendProperties(out []byte) []byte {
	out = append(out, `{"PermissionsBoundary":`...)
	out = append(out, e.boundary...)
	return append(out, '}')
}

// appendName begins a new member. White space around its name is that of the
// member that was first, so that the result looks as its author writes.
func (e edit) appendName(out, src []byte, name string) []byte {
	name1, value1 := e.into.firstName, e.into.firstValue
	if name1.absent() {
		out = append(out, name...)
		return append(out, ':')
	}
	out = append(out, src[e.start:name1.start]...)
	out = append(out, name...)
	return append(out, src[name1.end:value1.start]...)
}

func (e edit) appendComma(out []byte) []byte {
	if e.into.firstName.absent() {
		return out
	}
	return append(out, ',')
}

// length is how many bytes the piece has, or a few more.
func (e edit) length() int {
	length := len(e.boundary) + len(`"Properties":{"PermissionsBoundary":},`)
	if e.into.firstName.absent() {
		return length
	}
	return length + e.into.firstValue.start - e.into.start
}

// apply appends to out the bytes of src at a span, edited.
func apply(out, src []byte, at span, edits []edit) []byte {
	from := at.start
	for _, e := range edits {
		out = append(out, src[from:e.start]...)
		out = e.append(out, src)
		from = e.end
	}
	return append(out, src[from:at.end]...)
}
