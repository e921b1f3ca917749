package rules

import (
	"slices"
	"strconv"
	"strings"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/template"

	"github.com/go-json-experiment/json/jsontext"
)

const serverless = "AWS::Serverless-2016-10-31"

// functionBoundary binds the role that SAM creates for a function.
var functionBoundary = rule{reads: []property{permissionsBoundary}, find: func(in *inspector, r *resource) {
	hasRole := isRole(in.value(r, role)) && !in.mayBeReplaced(r, role)
	if s, ok := in.resourceSite(r); ok && !hasRole {
		s.inherits = s.kind == siteMember && in.takesGlobal(r, permissionsBoundary.String())
		in.addSite(s)
	}
}}

// stateMachineBoundary binds the roles that SAM creates for a state machine. Its
// events may create roles with its boundary, even where it has a role itself.
var stateMachineBoundary = rule{reads: []property{permissionsBoundary}, find: func(in *inspector, r *resource) {
	all := in.value(r, events)
	hasNoEvents := all.Kind == jsontext.KindInvalid || all.IsNull()
	hasRole := hasNoEvents && !in.mayBeReplaced(r, role) && in.isTrue(in.value(r, role), r.loops)
	if s, ok := in.resourceSite(r); ok && !hasRole {
		in.addSite(s)
	}
}}

// eventBoundaries binds the roles that SAM creates for events of type ScheduleV2,
// which do not inherit the boundary of their function or state machine.
var eventBoundaries = rule{reads: []property{events}, find: func(in *inspector, r *resource) {
	in.findEvents(r, in.value(r, events), r.loops)
}}

// isRole reports whether a function is given a role, so that SAM makes none. Of
// its value, SAM looks at nothing but branches without one.
func isRole(n template.Node) bool {
	return n.Kind != jsontext.KindInvalid && !n.IsNull() && !mayHoldNoValue(n)
}

// isTrue reports whether SAM takes a value for true, as Python does. Functions
// are objects, which are true, whatever they yield later. But language
// extensions may replace a Fn::FindInMap or the variable of a loop before SAM
// sees it.
func (in *inspector) isTrue(n template.Node, around loops) bool {
	name, argument := n.Only()
	isVariable := name == "Ref" && (around.seen().named(argument.Text) != nil || around.vary(argument.Text))
	switch {
	case n.IsString(), name == "Fn::FindInMap", isVariable:
		return !slices.ContainsFunc(in.present(around).texts(n), mayBeEmpty)
	case n.IsObject():
		return slices.ContainsFunc(n.Members, func(m template.Member) bool { return !strings.HasPrefix(m.Name, foreachPrefix) && !around.vary(m.Name) })
	}
	return false
}

func mayBeEmpty(text string) bool { return strings.Trim(text, unknown) == "" }

// present is what is known while the parameters have their present values.
func (in *inspector) present(around loops) certainty {
	c := in.certainty(around, in.parameters)
	c.now = true
	return c
}

func (in *inspector) findEvents(r *resource, all template.Node, around loops) {
	repeated := all.Repeated()
	for _, event := range all.Members {
		before := in.found()
		switch {
		case event.Name == "Fn::Transform":
			in.unexpanded(r)
		case strings.HasPrefix(event.Name, foreachPrefix), event.Value.IsArray() && around.mayBeLoop(event.Name):
			in.findEventsInLoop(r, event.Value, around)
		case event.Value.IsObject():
			in.findEvent(r, event, around)
		}
		if repeated[event.Name] && in.found() > before {
			in.escape(codeRepeatedKey, r.id, r.typ, event.Value.Start, "an event")
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

const scheduleV2 = "ScheduleV2"

func (in *inspector) findEvent(r *resource, event template.Member, around loops) {
	typ := event.Value.Get("Type")
	props := in.propertiesIn(event.Value.Get("Properties"), around)
	switch {
	case around.anyVaries(event.Value, "Type", "Properties"), mayMake(in.Src, &props, around, []property{permissionsBoundary}):
		in.escape(codeMembersInLoop, r.id, r.typ, event.Value.Start, "the Type or the PermissionsBoundary of an event")
	case props.twice || event.Value.Repeats("Type", "Properties"):
		in.escape(codeRepeatedKey, r.id, r.typ, event.Value.Start, "Type, Properties or PermissionsBoundary of an event")
	case typ.IsString() && typ.Text == scheduleV2:
		id := in.id(r.id) + "." + printable.Clip(event.Name, MaxID)
		s, ok := in.site(holder{id: id, typ: scheduleV2, object: event.Value.Object, props: &props, loops: around})
		if ok && !in.isTrue(event.Value.Get("Properties").Get("RoleArn"), around) {
			in.addSite(s)
		}
	case typ.IsObject() && len(around) == 0:
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

// inGlobals returns the property that the section Globals sets for a type.
func (in *inspector) inGlobals(typ, property string) template.Node {
	name := strings.TrimPrefix(typ, serverlessPrefix)
	known, ok := in.globalsOf[name]
	if !ok {
		known = in.globals.Get(name).ByName()
		in.globalsOf[name] = known
	}
	return known[property]
}

// deploymentRole finds the role CodeDeployServiceRole, which SAM creates for the
// stack as soon as one function has an enabled DeploymentPreference without a
// Role.
var deploymentRole = rule{reads: []property{deploymentPreference}, find: func(in *inspector, r *resource) {
	own, global := in.value(r, deploymentPreference), in.preference
	if in.ignoresGlobal(r, deploymentPreference.String()) {
		global = nil
	} else if in.depth == 0 && r.typ == functionType && r.loops.inTransform() && len(own.Members) == 0 {
		in.blindSpot(codeGlobalsElsewhere, r.id, r.typ, r.Start)
	}
	if r.loops.anyVaries(own, "Enabled", "Role") {
		in.escape(codeMembersInLoop, r.id, functionType, r.Start, "DeploymentPreference.Enabled", "DeploymentPreference.Role")
	}
	if preferred(own, global) && !in.disabled(merged(own, global, "Enabled"), r.loops) && !in.isTrue(merged(own, global, "Role"), r.loops) {
		in.escape(codeDeploymentRole, r.id, functionType, r.Start)
	}
}}

// ignoresGlobal reports whether a resource is certain not to inherit a property
// from Globals.
func (in *inspector) ignoresGlobal(r *resource, property string) bool {
	ignored := template.NodeAt(in.Src, r.ignoreGlobals)
	return ignored.Text == "*" ||
		slices.ContainsFunc(ignored.Elements, func(e template.Node) bool { return e.IsString() && e.Text == property })
}

// takesGlobal reports whether a resource without a property is certain to inherit
// it from Globals.
func (in *inspector) takesGlobal(r *resource, property string) bool {
	ignored := template.NodeAt(in.Src, r.ignoreGlobals)
	return ignored.Kind == jsontext.KindInvalid || ignored.IsNull() ||
		ignored.IsArray() && !slices.ContainsFunc(ignored.Elements, func(e template.Node) bool { return !e.IsString() || e.Text == property || r.loops.vary(e.Text) })
}

// preferred reports whether there is a DeploymentPreference at all.
func preferred(own template.Node, global map[string]template.Node) bool {
	return !own.IsNull() && (len(own.Members) > 0 || len(global) > 0)
}

// merged returns a member of an object that SAM merges with the object in Globals.
func merged(own template.Node, global map[string]template.Node, name string) template.Node {
	if value := own.Get(name); value.Kind != jsontext.KindInvalid {
		return value
	}
	return global[name]
}

// disabled reports whether SAM reads a switch as off: false, 0 or nothing, given
// directly or by a parameter or mapping. SAM resolves no other function.
func (in *inspector) disabled(n template.Node, around loops) bool {
	switch name, argument := n.Only(); name {
	case "Ref":
		return in.isOff(n, around)
	case "Fn::FindInMap":
		return !slices.ContainsFunc(argument.Elements, func(key template.Node) bool { return !in.resolves(key, around) }) && in.isOff(n, around)
	}
	number, err := strconv.ParseFloat(n.Text, 64)
	return n.IsNull() || n.Kind == jsontext.KindNumber && err == nil && number == 0 ||
		(n.IsString() || n.Kind == jsontext.KindFalse) && in.isOff(n, around)
}

// resolves reports whether SAM is certain to resolve a key of a mapping.
func (in *inspector) resolves(n template.Node, around loops) bool {
	name, _ := n.Only()
	keys := in.present(around).keys(n)
	return (n.IsString() || name == "Ref") && len(keys) == 1 && !keys[0].any
}

func (in *inspector) isOff(n template.Node, around loops) bool {
	return !slices.ContainsFunc(in.present(around).texts(n), func(text string) bool {
		return !slices.Contains([]string{"false", "False", ""}, text)
	})
}

// unlessTrue refuses a resource for which SAM creates a role that takes no
// boundary, unless the property gives one.
func unlessTrue(name string) []rule { return unless((*inspector).isTrue, name) }

// unlessPresent is unlessTrue for a type where SAM accepts any value.
func unlessPresent(name string) []rule { return unless((*inspector).isPresent, name) }

func unless(isGiven func(*inspector, template.Node, loops) bool, name string) []rule {
	p := named(name)
	return []rule{{reads: []property{p}, find: func(in *inspector, r *resource) {
		own := in.value(r, p)
		if own.Kind == jsontext.KindInvalid && in.takesGlobal(r, name) {
			own = in.inGlobals(r.typ, name)
		}
		if !isGiven(in, own, r.loops) {
			in.escape(lacking(own), r.id, r.typ, r.Start, name)
		}
	}}}
}

// lacking returns the code for a role that is absent, or may be empty.
func lacking(given template.Node) Code {
	if given.Kind == jsontext.KindInvalid {
		return codeRoleMissing
	}
	return codeRoleMayBeEmpty
}

// isPresent reports whether there is a value at all.
func (in *inspector) isPresent(n template.Node, _ loops) bool {
	return n.Kind != jsontext.KindInvalid && !n.IsNull()
}

// graphQLRoles finds the roles that SAM creates for the log and the data sources
// of an API.
var graphQLRoles = rule{reads: []property{logging, dataSources}, find: func(in *inspector, r *resource) {
	id := in.id(r.id) // made once, however many sources there are
	logs, sources := in.value(r, logging), in.value(r, dataSources)
	if r.loops.anyVariesWithin(logs) || r.loops.anyVariesWithin(sources) {
		in.escapeID(codeMembersInLoop, id, r.typ, r.Start, "Logging.CloudWatchLogsRoleArn", "ServiceRoleArn of DataSources")
	}
	if logRole := logs.Get("CloudWatchLogsRoleArn"); logs.Kind != jsontext.KindFalse && !in.isTrue(logRole, r.loops) {
		in.escapeID(lacking(logRole), id, r.typ, r.Start, "Logging.CloudWatchLogsRoleArn")
	}
	for _, service := range []string{"DynamoDb", "Lambda"} {
		for _, source := range sources.Get(service).Members {
			if given := source.Value.Get("ServiceRoleArn"); !in.isTrue(given, r.loops) {
				in.escapeID(lacking(given), id, r.typ, source.Value.Start, "DataSources."+service+"."+printable.Clip(source.Name, MaxID)+".ServiceRoleArn")
			}
		}
	}
}}
