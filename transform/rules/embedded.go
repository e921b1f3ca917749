package rules

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/template"
)

// embedded is a template in a string: the TemplateBody of a StackSet or change
// set.
type embedded struct {
	template.Span // of the string
	id, typ       string
	model         permissionModel
	mark          int // length of the byte order mark that the template begins with
	doc           *template.Document
	verdict       *Verdict
}

// maxTemplates bounds how deep templates may be nested: each is read once for
// every template around it.
const maxTemplates = 10

// reference begins a dynamic reference. CloudFormation resolves them in the
// properties of resources, and so in a template that is such a property.
// Source: CloudFormation's user guide, dynamic references.
const reference = "{{resolve:"

// onlyReference matches a template that has nothing but dynamic references.
var onlyReference = regexp.MustCompile(`^\s*(\{\{resolve:[^{}]*\}\}\s*)+$`)

// mayRefer reports whether text has a dynamic reference, or may have one after
// the loops are expanded.
func (ls loops) mayRefer(text string) bool {
	return strings.Contains(text, reference) || strings.Contains(text, "{{") && ls.vary(text)
}

// refersInName reports whether a name in a template, or the Type of a resource or
// event, may have a dynamic reference.
func (ls loops) refersInName(n template.Node) bool {
	return slices.ContainsFunc(n.Elements, ls.refersInName) || slices.ContainsFunc(n.Members, func(m template.Member) bool {
		return ls.mayRefer(m.Name) || m.Name == "Type" && ls.mayRefer(m.Value.Text) || ls.refersInName(m.Value)
	})
}

// rolelessTransforms are AWS's transforms that add no role, or only roles that
// are bound or reported with the resource they are for.
var rolelessTransforms = []string{
	serverless,
	"AWS::CodeDeployBlueGreen",
	"AWS::LanguageExtensions",
	"AWS::SecretsManager-2020-07-23",
	"AWS::SecretsManager-2024-09-16",
}

// MayAddRoles reports whether a transform may add roles, so that the macro must be
// listed after it. AWS::Include and macros may; SAM and other transforms of AWS
// do not.
func MayAddRoles(name string) bool { return !slices.Contains(rolelessTransforms, name) }

// gather adds the findings of embedded templates, in source order. Those of a
// template that lists the macro last are left out: the macro runs again where
// that template is deployed, after its other transforms, unless a loop may put
// another list in the place of Transform.
func (v *Verdict) gather(macro string) {
	for _, e := range v.embedded {
		e.verdict.gather(macro)
		transforms := e.doc.Entries()
		mayBeReplaced := slices.ContainsFunc(e.verdict.Escapes, func(f Finding) bool { return f.Code == codeSectionInLoop })
		if len(transforms) > 0 && transforms[len(transforms)-1].Name == macro && !mayBeReplaced {
			continue
		}
		for _, f := range e.verdict.Escapes {
			v.Escapes = append(v.Escapes, e.outer(f))
		}
		for _, f := range e.verdict.Blind {
			v.Blind = append(v.Blind, e.outer(f))
		}
		for _, f := range e.verdict.Excuses {
			v.Excuses = append(v.Excuses, e.outer(f))
		}
		for _, listed := range transforms {
			if name := listed.Name; name != macro && MayAddRoles(name) {
				v.Blind = append(v.Blind, Finding{
					Code: codeBodyTransform, LogicalID: e.id, Type: e.typ, Names: transformName(name),
					Offset: e.Start, Embedded: true, model: e.model,
				})
			}
		}
	}
	bySource := func(a, b Finding) int { return cmp.Compare(a.Offset, b.Offset) }
	slices.SortStableFunc(v.Escapes, bySource)
	slices.SortStableFunc(v.Blind, bySource)
	v.applyExcuses()
	slices.SortStableFunc(v.Excuses, bySource)
}

// transformName returns the name of a transform for a finding: none for a
// transform that a function yields.
func transformName(name string) []string {
	if name == "" {
		return nil
	}
	return []string{printable.Clip(name, MaxID)}
}

// outer returns a finding in the template as a finding in the template around it.
func (e embedded) outer(f Finding) Finding {
	if !f.Embedded {
		f.model, f.around = e.model, wordings[f.Code].after == languageExtensions && hasVariable(e.id)
	}
	f.Inside = Inside{e.doc, f.Offset}
	f.Offset, f.Embedded = e.Start, true
	return f
}

// Inside is a place in the template of a StackSet or change set.
type Inside struct {
	Template *template.Document // nil for a place that is not in one
	Offset   int
}

// maxBodies bounds the YAML in the strings of one template, in bytes: reading it
// takes up to 200 times as much memory. CloudFormation accepts no longer template.
// Source: CloudFormation quotas.
const maxBodies = template.MaxYAML

// inspectBody inspects the template in the string at a span.
func (in *inspector) inspectBody(r *resource, body template.Span) (embedded, error) {
	whole, ok := template.UnquoteExactly(in.Src[body.Start:body.End])
	if !ok {
		return embedded{}, template.ErrNotObject
	}
	src := bytes.TrimPrefix(whole, []byte(template.ByteOrderMark))
	doc, err := in.parseBody(src)
	if err != nil {
		return embedded{}, err
	}
	c := &collector{
		Cursor:   template.NewCursor(doc.JSON(), template.Span{}),
		Contents: Contents{Src: doc.JSON(), apart: doc.Span(template.TransformSection), around: r.loops, collected: collected{findings: findings{within: in.id(r.id) + "/"}}},
		depth:    in.depth + 1,
		loops:    r.loops,
		macro:    in.options.Macro,
	}
	c.fragment()
	inner := &inspector{Verdict: &Verdict{}, options: in.options, depth: c.depth, outside: len(r.loops.seen()), bodies: in.bodies}
	inner.run(c.Contents)
	return embedded{Span: body, id: in.id(r.id), mark: len(whole) - len(src), doc: doc, verdict: inner.Verdict}, nil
}

// parseBody parses a template from a string, as long as the total length of YAML
// is within maxBodies.
func (in *inspector) parseBody(src []byte) (*template.Document, error) {
	limit := max(0, maxBodies-*in.bodies)
	if in.options.Own {
		limit = template.Unlimited
	}
	doc, err := template.ParseBody(src, limit)
	switch {
	case err != nil:
		*in.bodies += len(src)
		return nil, err
	case doc.Syntax() == template.YAML:
		*in.bodies += max(len(src), len(doc.JSON())) // copies made by aliases count, too
	}
	return doc, nil
}

// bind sets the boundary in the template. The edits apply to the text that the
// string stands for.
func (e embedded) bind(b Boundary, existing Existing) ([]template.TextEdit, []Change, []Finding) {
	edits, changes, conflicts := e.verdict.Bind(b, existing)
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

// requoted returns the edit of the string around an edited template.
func (v *Verdict) requoted(e embedded, inner []template.TextEdit) template.Edit {
	quoted := v.Src[e.Start:e.End]
	// Edits in source order do not overlap.
	whole, _ := template.Splice(quoted, template.Requote(quoted, 0, inner))
	return template.Edit{
		Op: template.EditString, Start: e.Start, End: e.End, Value: whole,
		ID: e.id, Type: e.typ, Inner: inner,
	}
}

// NotEditable returns the finding about an edit that the syntax of a document does
// not allow.
func NotEditable(doc *template.Document, e *template.Edit) Finding {
	code := codeNotEditable
	if e.Op == template.EditString {
		code = codeBodyNotEditable
	}
	return Finding{Code: code, LogicalID: e.ID, Type: e.Type, Names: []string{strconv.Itoa(doc.Line(e.Start))}, Offset: e.Start}
}
