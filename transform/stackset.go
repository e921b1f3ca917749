package transform

import (
	"bytes"
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const stackSetType = "AWS::CloudFormation::StackSet"

// stackSetRules: the template of a StackSet may be written into this one, as a
// string.
func stackSetRules() map[string]rule {
	return map[string]rule{
		stackSetType: {apply: stackSet, decides: []property{templateBody}},
	}
}

// stackSet walks the template inside of a StackSet's TemplateBody. Its roles
// are of other accounts.
func stackSet(w *walk, r *resource, typ string) {
	body := r.props.at[templateBody]
	if body.absent() || w.src[body.start] != '"' {
		w.blindSpot(r.id, typ, "has a template that is not written out in TemplateBody", addTransform)
		return
	}
	inner := w.inner(r, body)
	if inner == nil {
		w.blindSpot(r.id, typ, "has a TemplateBody that is not JSON", "write the template in JSON, or add the macro to its Transform")
		return
	}
	if !r.loops.surelyPlain(string(inner.src)) {
		w.blindSpot(r.id, typ, "has a TemplateBody made by a loop, which may put more than names into it", afterLanguageExtensions)
	}
	w.plan.embedded = append(w.plan.embedded, embedded{body, w.id(r.id), inner.plan})
}

// rolelessTransforms are AWS's own that add no role, or none that is not
// bound or reported by the resource that it is made for.
var rolelessTransforms = []string{
	serverless,
	"AWS::CodeDeployBlueGreen",
	"AWS::LanguageExtensions",
	"AWS::SecretsManager-2020-07-23",
	"AWS::SecretsManager-2024-09-16",
}

// gather adds the findings of embedded templates to the plan's, in source
// order. A template that lists the macro last is bound again where it is
// deployed, after whatever its transforms have made.
func (p *plan) gather(macro string) {
	for _, e := range p.embedded {
		e.plan.gather(macro)
		transforms := transformNames(parse(e.plan.src, e.plan.transform))
		if len(transforms) > 0 && transforms[len(transforms)-1] == macro {
			continue
		}
		for _, f := range e.plan.escapes {
			f.at = e.start
			p.escapes = append(p.escapes, f)
		}
		for _, f := range e.plan.blind {
			f.at = e.start
			p.blind = append(p.blind, f)
		}
		for _, name := range transforms {
			if name != macro && !slices.Contains(rolelessTransforms, name) {
				p.blind = append(p.blind, Finding{
					LogicalID: e.id, Type: stackSetType,
					Reason: "has a template with the transform " + clip(name, maxID) + ", which may add roles",
					Remedy: "list " + MacroName + " last in the Transform of that template, too",
					at:     e.start,
				})
			}
		}
	}
	bySource := func(a, b Finding) int { return cmp.Compare(a.at, b.at) }
	slices.SortStableFunc(p.escapes, bySource)
	slices.SortStableFunc(p.blind, bySource)
}

// transformNames are the names in a section Transform: one or a list, each
// spelled out or as the Name of an object.
func transformNames(section node) []string {
	list := section.elements
	if !section.isArray() {
		list = []node{section}
	}
	var names []string
	for _, entry := range list {
		if entry.isObject() {
			entry = entry.get("Name")
		}
		if entry.isString() {
			names = append(names, entry.text)
		}
	}
	return names
}

// inner walks the template in the string at a span, nil when it is no JSON
// object.
func (w *walk) inner(r *resource, body span) *walk {
	src, ok := unquoteExactly(w.src[body.start:body.end])
	if !ok || !bytes.HasPrefix(bytes.TrimLeft(src, " \t\r\n"), []byte("{")) {
		return nil
	}
	inner := &walk{
		scanner: scan(src, span{0, len(src)}),
		plan:    &plan{src: src},
		options: w.options,
		within:  w.id(r.id) + "/",
		loops:   r.loops,
	}
	inner.template()
	inner.end()
	if inner.err != nil {
		return nil
	}
	inner.finish()
	return inner
}

// unquoteExactly is the meaning of a JSON string, or false when part of it
// means no character, so that positions could not be told apart.
func unquoteExactly(quoted []byte) ([]byte, bool) {
	if !utf8.Valid(quoted) {
		return nil, false
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	return text, err == nil
}

// requote turns edits of the text that a JSON string means into edits of the
// string, which starts at an offset of the source. The bytes between the edits
// stay as they are, escapes included.
func requote(quoted []byte, start int, text []byte, edits []edit) []edit {
	outer := make([]edit, len(edits))
	at := positions{quoted: quoted, in: 1}
	for i, e := range edits {
		piece := quote(string(e.append(nil, text)))
		outer[i] = edit{
			start:    start + at.of(e.start),
			end:      start + at.of(e.end),
			piece:    requoted,
			boundary: piece[1 : len(piece)-1],
		}
	}
	return outer
}

// positions maps offsets in the text that a JSON string means to offsets in
// the string. Offsets are asked for in ascending order.
type positions struct {
	quoted []byte
	in     int // in quoted, behind the opening quote
	out    int // in the text
}

func (p *positions) of(offset int) int {
	for p.out < offset {
		p.step()
	}
	return p.in
}

func (p *positions) step() {
	if p.quoted[p.in] != '\\' {
		p.in++
		p.out++
		return
	}
	escape := 2
	if p.quoted[p.in+1] == 'u' {
		escape = 6
		if utf16Surrogate(p.quoted[p.in:]) {
			escape = 12
		}
	}
	// A string of one escape is valid, so the only error cannot be.
	one, _ := jsontext.AppendUnquote(nil, append(append([]byte{'"'}, p.quoted[p.in:p.in+escape]...), '"'))
	p.in += escape
	p.out += len(one)
}

// utf16Surrogate reports whether an escape is the first half of a pair.
func utf16Surrogate(escape []byte) bool {
	high := bytes.ToLower(escape[2:4])
	return high[0] == 'd' && bytes.IndexByte([]byte("89ab"), high[1]) >= 0
}
