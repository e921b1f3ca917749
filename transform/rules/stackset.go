package rules

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/template"

	"github.com/go-json-experiment/json/jsontext"
)

// maxTemplates bounds how deep templates may be inside of each other: each is
// read once for every template that it is in.
const maxTemplates = 10

// permissionModel says how a StackSet deploys its template.
type permissionModel int

const (
	selfManaged permissionModel = iota
	serviceManaged
	unsureManaged
)

func (in *inspector) permissionModel(r *resource) permissionModel {
	value := in.value(r, stackSetModel)
	switch {
	case in.mayBeReplaced(r, stackSetModel):
		return unsureManaged
	case value.Kind == jsontext.KindInvalid, value.Text == "SELF_MANAGED":
		return selfManaged
	case value.Text == "SERVICE_MANAGED":
		return serviceManaged
	}
	return unsureManaged
}

// stackSetTemplate inspects the template of a StackSet, which deploys it to other
// accounts.
var stackSetTemplate = rule{reads: []property{templateBody}, find: func(in *inspector, r *resource) {
	in.findTemplate(r, in.permissionModel(r), codeBodyElsewhere)
}}

// changeSetTemplate inspects the template of a change set for another stack. The
// change set may also use the previous template of that stack.
var changeSetTemplate = rule{reads: []property{templateBody}, find: func(in *inspector, r *resource) {
	in.findTemplate(r, selfManaged, codeSetBodyElsewhere)
}}

// findTemplate inspects the template in the property TemplateBody. Where the
// template is elsewhere, the resource is a blind spot with that code.
func (in *inspector) findTemplate(r *resource, model permissionModel, elsewhere Code) {
	body := r.props.at[templateBody]
	if body.Absent() || in.Src[body.Start] != '"' {
		in.blindSpot(elsewhere, r.id, r.typ, r.Start)
		in.Blind[len(in.Blind)-1].model = model
		return
	}
	if in.depth == maxTemplates {
		in.escape(codeBodyTooDeep, r.id, r.typ, r.Start)
		return
	}
	text := string(template.Unquote(in.Src[body.Start:body.End]))
	refers := r.loops.mayRefer(text)
	if refers {
		in.blindSpot(codeBodyReference, r.id, r.typ, r.Start)
	}
	if !r.loops.surelyPlain(text) {
		in.blindSpot(codeBodyInLoop, r.id, r.typ, r.Start)
	}
	found, err := in.inner(r, body)
	switch {
	case errors.Is(err, template.ErrTransforms):
		in.escape(codeRepeatedKey, r.id, r.typ, body.Start, "the section Transform of its template")
		return
	case errors.Is(err, errBodies):
		in.escape(codeBodyTooLong, r.id, r.typ, body.Start)
		return
	case err != nil && refers:
		return
	case err != nil:
		in.blindSpot(codeBodyNoTemplate, r.id, r.typ, r.Start)
		return
	}
	if refers && r.loops.refersInName(template.Whole(found.plan.Src)) {
		in.escape(codeReferenceInName, r.id, r.typ, body.Start)
	}
	found.typ, found.model = r.typ, model
	in.embedded = append(in.embedded, found)
}

// reference begins a dynamic reference. CloudFormation resolves those in the
// properties of a stack's resources, so also in a template that is one.
// Source: CloudFormation's user guide, dynamic references.
const reference = "{{resolve:"

// mayRefer reports whether text has a dynamic reference, or may have one once
// the loops are expanded.
func (ls loops) mayRefer(text string) bool {
	return strings.Contains(text, reference) || strings.Contains(text, "{{") && ls.vary(text)
}

// refersInName reports whether a name in a template may have a dynamic
// reference, or a Type, be it that of a resource or of an event.
func (ls loops) refersInName(n template.Node) bool {
	return slices.ContainsFunc(n.Elements, ls.refersInName) || slices.ContainsFunc(n.Members, func(m template.Member) bool {
		return ls.mayRefer(m.Name) || m.Name == "Type" && ls.mayRefer(m.Value.Text) || ls.refersInName(m.Value)
	})
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

// MayAddRoles reports whether a transform may add roles that the macro must see
// behind it: AWS::Include and other macros, unlike SAM and others of AWS's own.
func MayAddRoles(name string) bool { return !slices.Contains(rolelessTransforms, name) }

// gather adds the findings of embedded templates to the plan's, in source
// order. A template that lists the macro last is bound again where it is
// deployed, after whatever its transforms have made.
func (p *Verdict) gather(macro string) {
	for _, e := range p.embedded {
		e.plan.gather(macro)
		transforms := e.doc.Transforms()
		if len(transforms) > 0 && transforms[len(transforms)-1] == macro {
			continue
		}
		for _, f := range e.plan.Escapes {
			p.Escapes = append(p.Escapes, e.found(f))
		}
		for _, f := range e.plan.Blind {
			p.Blind = append(p.Blind, e.found(f))
		}
		for _, name := range transforms {
			if name != macro && MayAddRoles(name) {
				p.Blind = append(p.Blind, Finding{
					Code: codeBodyTransform, LogicalID: e.id, Type: e.typ, Names: []string{printable.Clip(name, MaxID)},
					Offset: e.Start, Embedded: true, model: e.model,
				})
			}
		}
	}
	bySource := func(a, b Finding) int { return cmp.Compare(a.Offset, b.Offset) }
	slices.SortStableFunc(p.Escapes, bySource)
	slices.SortStableFunc(p.Blind, bySource)
}

// found is a finding of the template as one of the template that it is in.
func (e embedded) found(f Finding) Finding {
	if !f.Embedded {
		f.model, f.around = e.model, wordings[f.Code].after == languageExtensions && hasVariable(e.id)
	}
	f.Offset, f.Embedded = e.Start, true
	return f
}

// maxBodies bounds the templates in YAML inside of one template, in bytes:
// to read them takes up to 200 times as much memory. CloudFormation takes no
// template that is longer. Source: CloudFormation quotas.
const maxBodies = template.MaxYAML

var (
	errBodies = errors.New("too many bytes of templates in YAML")
	errNone   = errors.New("is no template")
)

// inner inspects the template in the string at a span.
func (in *inspector) inner(r *resource, body template.Span) (embedded, error) {
	whole, ok := template.UnquoteExactly(in.Src[body.Start:body.End])
	if !ok {
		return embedded{}, errNone
	}
	src := bytes.TrimPrefix(whole, []byte(template.ByteOrderMark))
	doc, err := in.body(src)
	if err != nil {
		return embedded{}, err
	}
	c := &collector{
		Cursor:   template.NewCursor(doc.JSON(), template.Span{}),
		Contents: Contents{Src: doc.JSON(), around: r.loops, collected: collected{findings: findings{within: in.id(r.id) + "/"}}},
		depth:    in.depth + 1,
		loops:    r.loops,
	}
	c.whole()
	inner := &inspector{Verdict: &Verdict{}, options: in.options, depth: c.depth, outside: len(r.loops.seen()), bodies: in.bodies}
	inner.run(c.Contents)
	return embedded{Span: body, id: in.id(r.id), mark: len(whole) - len(src), doc: doc, plan: inner.Verdict}, nil
}

// body reads a template that was written into a string.
func (in *inspector) body(src []byte) (*template.Document, error) {
	if template.IsJSONObject(src) {
		return template.Fragment(src), nil
	}
	if *in.bodies += len(src); *in.bodies > maxBodies && !in.options.Own {
		return nil, errBodies
	}
	doc, err := template.ParseYAML(src, in.options.Own)
	switch {
	case errors.Is(err, template.ErrTransforms):
		return nil, err
	case errors.Is(err, template.ErrTooLong):
		return nil, errBodies
	case err != nil:
		return nil, errNone
	}
	// What aliases have made of it counts, too.
	*in.bodies += max(0, len(doc.JSON())-len(src))
	return doc, nil
}

// bind binds the roles of the template inside of a string. The edits are of the
// text that the string means.
func (e embedded) bind(v Boundary, existing Existing) ([]template.TextEdit, []Change, []Finding) {
	edits, changes, conflicts := e.plan.Bind(v, existing)
	texts, fault := e.doc.Edits(edits)
	if fault != nil {
		return nil, nil, append(conflicts, NotEditable(e.doc, fault))
	}
	for i := range texts {
		texts[i].Start += e.mark
		texts[i].End += e.mark
	}
	return texts, changes, conflicts
}

// requoted is the edit of the string that a template is inside of.
func (p *Verdict) requoted(e embedded, inner []template.TextEdit) template.Edit {
	quoted := p.Src[e.Start:e.End]
	// Edits in source order never are in each other's way.
	whole, _ := template.Splice(quoted, template.Requote(quoted, 0, inner))
	return template.Edit{
		Start: e.Start, End: e.End, Piece: template.Requoted, Boundary: whole,
		ID: e.id, Type: e.typ, Inner: inner,
	}
}

// NotEditable is the finding about an edit that was not made.
func NotEditable(doc *template.Document, e *template.Edit) Finding {
	code := codeNotEditable
	if e.Piece == template.Requoted {
		code = codeBodyNotEditable
	}
	return Finding{Code: code, LogicalID: e.ID, Type: e.Type, Names: []string{strconv.Itoa(doc.Line(e.Start))}, Offset: e.Start}
}
