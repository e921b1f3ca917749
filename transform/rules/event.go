package rules

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/template"
)

// eventBoundaries binds the roles that SAM creates for events of type ScheduleV2,
// which do not inherit the boundary of their function or state machine.
var eventBoundaries = rule{reads: []property{events}, find: func(in *inspector, r *resource) {
	in.findEvents(r, in.value(r, events), r.loops)
}}

func (in *inspector) findEvents(r *resource, all template.Node, around loops) {
	repeated := all.Repeated()
	for _, event := range all.Members {
		before := in.found()
		switch {
		case event.Name == "Fn::Transform":
			in.unexpanded(r)
		case strings.HasPrefix(event.Name, foreachPrefix), event.Value.IsArray() && around.mayBeLoop(event.Name):
			in.findEventsInLoop(r, event.Value, around)
		case isUnknown(event.Name):
			in.unknownFunction(r, event.Name)
		case event.Value.IsObject():
			in.findEvent(r, event, around)
		}
		if repeated[event.Name] && in.found() > before {
			in.escape(codeRepeatedKey, r.id, r.typ, event.Value.Start, eventPath(event))
		}
	}
}

func (in *inspector) findEventsInLoop(r *resource, foreach template.Node, around loops) {
	body, inner, readable := around.enter(foreach)
	if !readable {
		in.escape(codeEventLoopUnreadable, r.id, r.typ, foreach.Start)
		return
	}
	in.findEvents(r, body, inner)
}

// eventPath returns the path of an event, or of a member of it, in the properties of
// its resource.
func eventPath(event template.Member, members ...string) string {
	return strings.Join(append([]string{events.String(), printable.Clip(event.Name, MaxID)}, members...), ".")
}

const scheduleV2 = "ScheduleV2"

func (in *inspector) findEvent(r *resource, event template.Member, around loops) {
	in.unknownFunction(r, around.unknownFunction(event.Value))
	typ := event.Value.Get("Type")
	props := in.propertiesIn(event.Value.Get("Properties"), around)
	switch {
	case around.anyVaries(event.Value, "Type", "Properties"), mayMake(in.Src, &props, around, []property{permissionsBoundary}):
		in.escape(codeMembersInLoop, r.id, r.typ, event.Value.Start, eventPath(event, "Type"), eventPath(event, "Properties", permissionsBoundary.String()))
	case props.twice || event.Value.Repeats("Type", "Properties"):
		in.escape(codeRepeatedKey, r.id, r.typ, event.Value.Start, eventPath(event, "Type"), eventPath(event, "Properties"), eventPath(event, "Properties", permissionsBoundary.String()))
	case typ.IsString() && typ.Text == scheduleV2:
		id := in.id(r.id) + "." + printable.Clip(event.Name, MaxID)
		s, ok := in.site(holder{id: id, typ: scheduleV2, object: event.Value.Object, props: &props, loops: around})
		mayLoseRole := mayMake(in.Src, &props, around, []property{roleArn})
		if ok && (mayLoseRole || !in.isTrue(event.Value.Get("Properties").Get("RoleArn"), around)) {
			in.addSite(s)
		}
	case typ.IsObject() && len(around.seen()) == 0:
		in.escape(codeEventTypeNotLiteral, r.id, r.typ, typ.Start)
	case typ.IsObject(), typ.IsString() && around.vary(typ.Text) && around.couldBe(typ.Text, scheduleV2):
		in.escape(codeEventTypeInLoop, r.id, r.typ, typ.Start)
	}
}

// propertiesIn reads properties inside a part of the template that was read as a
// tree.
func (in *inspector) propertiesIn(n template.Node, around loops) properties {
	if n.Kind == jsontext.KindInvalid {
		return properties{}
	}
	return readProperties(template.NewCursor(in.Src, n.Span), around)
}
