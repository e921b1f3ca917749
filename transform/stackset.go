package transform

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// stackSetRules: the template of a StackSet may be written into this one, as a
// string.
func stackSetRules() map[string]rule {
	return map[string]rule{
		"AWS::CloudFormation::StackSet": {apply: stackSet, decides: []property{templateBody}},
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
	w.plan.embedded = append(w.plan.embedded, embedded{body, inner.plan})
	w.plan.escapes = append(w.plan.escapes, inner.plan.escapes...)
	w.plan.blind = append(w.plan.blind, inner.plan.blind...)
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
		within:  w.within + string(r.id) + "/",
		loops:   r.loops,
	}
	inner.template()
	inner.end()
	if inner.err != nil {
		return nil
	}
	inner.finish()
	for i := range inner.plan.escapes {
		inner.plan.escapes[i].at = body.start
	}
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
