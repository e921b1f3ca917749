package rules

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform/template"
)

// permissionModel is how a StackSet gets its permissions in the accounts that it
// deploys to.
type permissionModel int

const (
	selfManaged permissionModel = iota
	serviceManaged
	unknownModel // not known before the deployment
)

func (in *inspector) permissionModel(r *resource) permissionModel {
	value := in.value(r, stackSetModel)
	switch {
	case in.mayBeReplaced(r, stackSetModel):
		return unknownModel
	case value.Kind == jsontext.KindInvalid, value.Text == "SELF_MANAGED":
		return selfManaged
	case value.Text == "SERVICE_MANAGED":
		return serviceManaged
	}
	return unknownModel
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
// template is elsewhere, or an unknown function may yield another one, the resource
// is a blind spot with that code.
func (in *inspector) findTemplate(r *resource, model permissionModel, elsewhere Code) {
	body := r.props.at(templateBody)
	isElsewhere := body.Absent() || in.Src[body.Start] != '"'
	if isElsewhere || isUnknown(r.props.function) {
		in.blindSpot(elsewhere, r.id, r.typ, r.Start)
		in.Blind[len(in.Blind)-1].model = model
	}
	if isElsewhere {
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
	if !r.loops.insertsNamesOnly(text) {
		in.blindSpot(codeBodyInLoop, r.id, r.typ, r.Start)
	}
	inner, err := in.inspectBody(r, body)
	switch {
	case errors.Is(err, template.ErrTransforms):
		in.escape(codeRepeatedKey, r.id, r.typ, body.Start, "TemplateBody.Transform")
		return
	case errors.Is(err, template.ErrTooLong):
		in.escape(codeBodyTooLong, r.id, r.typ, body.Start)
		return
	case err != nil && onlyReference.MatchString(text):
		return
	case err != nil:
		in.blindSpot(codeBodyNoTemplate, r.id, r.typ, r.Start)
		return
	}
	if refers && r.loops.refersInName(template.Whole(inner.verdict.Src)) {
		in.escape(codeReferenceInName, r.id, r.typ, body.Start)
	}
	inner.typ, inner.model = r.typ, model
	in.embedded = append(in.embedded, inner)
}
