package rules

import (
	"slices"
	"strconv"
	"strings"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/template"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	functionType     = "AWS::Serverless::Function"
	stateMachineType = "AWS::Serverless::StateMachine"
	serverlessPrefix = "AWS::Serverless::"
	serverless       = "AWS::Serverless-2016-10-31"
)

// serverlessRules are for a macro that is listed before
// AWS::Serverless-2016-10-31: the roles are not there yet, and the properties
// that SAM makes them of must carry the boundary. Source: the SAM translator
// 1.115.0, all places that construct a role.
func serverlessRules() map[string]*rule {
	return map[string]*rule{
		functionType:     {bindFunction, []property{permissionsBoundary, events, deploymentPreference}, true},
		stateMachineType: {bindStateMachine, []property{permissionsBoundary, events}, true},

		"AWS::Serverless::CapacityProvider": {needsRole(operatorRole), []property{operatorRole}, true},
		"AWS::Serverless::MicrovmImage":     {needsRole(buildRoleArn), []property{buildRoleArn}, true},
		"AWS::Serverless::NetworkConnector": {needsRole(operatorRole), []property{operatorRole}, true},
		"AWS::Serverless::WebFunction":      {needsRoleUnless((*inspector).isPresent, executionRoleArn), []property{executionRoleArn}, true},
		"AWS::Serverless::GraphQLApi":       {graphQLApi, []property{logging, dataSources}, true},
	}
}

// RolelessSAMTypes are SAM's types that create no role. One that is neither
// here nor in the rules is newer than this engine.
var RolelessSAMTypes = []string{
	"AWS::Serverless::Api",
	"AWS::Serverless::Connector",
	"AWS::Serverless::HttpApi",
	"AWS::Serverless::LayerVersion",
	"AWS::Serverless::SimpleTable",
	"AWS::Serverless::WebSocketApi",
}

func bindFunction(in *inspector, r *resource) {
	givesRole := isRole(in.value(r, role)) && !in.mayBeReplaced(r, role)
	if s, ok := in.resourceSite(r); ok && !givesRole {
		s.inherits = s.kind == siteMember && in.takesGlobal(r, propertyNames[permissionsBoundary])
		in.add(s)
	}
	in.events(r)
	in.deployment(r)
}

func bindStateMachine(in *inspector, r *resource) {
	// Its events may make roles with its boundary, whatever its own role is.
	all := in.value(r, events)
	givesRole := (all.Kind == jsontext.KindInvalid || all.IsNull()) && !in.mayBeReplaced(r, role) && in.isTrue(in.value(r, role), r.loops)
	if s, ok := in.resourceSite(r); ok && !givesRole {
		in.add(s)
	}
	in.events(r)
}

// mayBeReplaced reports whether a loop may put another value in the place of a
// property.
func (in *inspector) mayBeReplaced(r *resource, p property) bool {
	return generates(in.Src, &r.props, r.loops, []property{p})
}

// present is what is known while the parameters have their present values.
func (in *inspector) present(around loops) certainty {
	c := in.certainty(around, in.parameters)
	c.now = true
	return c
}

// events binds the events that make a role of their own: ScheduleV2 does not
// take over the boundary of its function or state machine.
func (in *inspector) events(r *resource) {
	in.eventMap(r, in.value(r, events), r.loops)
}

func (in *inspector) eventMap(r *resource, all template.Node, around loops) {
	repeated := all.Repeated()
	for _, event := range all.Members {
		before := in.found()
		switch {
		case event.Name == "Fn::Transform":
			in.unexpanded(r)
		case strings.HasPrefix(event.Name, foreachPrefix), event.Value.IsArray() && around.mayBeLoop(event.Name):
			in.eventLoop(r, event.Value, around)
		case isUnknown(event.Name):
			in.unknownFunction(r, event.Name)
		case event.Value.IsObject():
			in.event(r, event, around)
		}
		if repeated[event.Name] && in.found() > before {
			in.escape(codeRepeatedKey, r.id, r.typ, event.Value.Start, "an event")
		}
	}
}

func (in *inspector) eventLoop(r *resource, foreach template.Node, around loops) {
	body, inner, readable := around.enter(foreach)
	if !readable {
		in.escape(codeEventLoopUnreadable, r.id, r.typ, foreach.Start)
		return
	}
	in.eventMap(r, body, inner)
}

const scheduleV2 = "ScheduleV2"

func (in *inspector) event(r *resource, event template.Member, around loops) {
	in.unknownFunction(r, around.unknownFunction(event.Value))
	kind := event.Value.Get("Type")
	props := in.propertiesIn(event.Value.Get("Properties"), around)
	switch {
	case around.anyVaries(event.Value, "Type", "Properties"), generates(in.Src, &props, around, []property{permissionsBoundary}):
		in.escape(codeMembersInLoop, r.id, r.typ, event.Value.Start, "the Type or the PermissionsBoundary of an event")
	case props.twice || event.Value.Repeats("Type", "Properties"):
		in.escape(codeRepeatedKey, r.id, r.typ, event.Value.Start, "Type, Properties or PermissionsBoundary of an event")
	case kind.IsString() && kind.Text == scheduleV2:
		id := in.id(r.id) + "." + printable.Clip(event.Name, MaxID)
		s, ok := in.site(holder{id: id, typ: scheduleV2, object: event.Value.Object, props: &props, loops: around})
		if ok && !in.isTrue(event.Value.Get("Properties").Get("RoleArn"), around) {
			in.add(s)
		}
	case kind.IsObject() && len(around) == 0:
		in.escape(codeEventTypeNotLiteral, r.id, r.typ, kind.Start)
	case kind.IsObject(), kind.IsString() && around.vary(kind.Text) && around.couldBe(kind.Text, scheduleV2):
		in.escape(codeEventTypeInLoop, r.id, r.typ, kind.Start)
	}
}

// propertiesIn are those of a part of the template that was read as a tree.
func (in *inspector) propertiesIn(n template.Node, around loops) properties {
	if n.Kind == jsontext.KindInvalid {
		return properties{}
	}
	return readProperties(template.NewCursor(in.Src, n.Span), around)
}

// inGlobals is what the section Globals says about a property of a type.
func (in *inspector) inGlobals(typ, property string) template.Node {
	name := strings.TrimPrefix(typ, serverlessPrefix)
	known, ok := in.globalsOf[name]
	if !ok {
		known = in.globals.Get(name).ByName()
		in.globalsOf[name] = known
	}
	return known[property]
}

// deployment looks for the role CodeDeployServiceRole, which SAM makes for a
// stack as soon as one function has a DeploymentPreference that is enabled and
// names no Role.
func (in *inspector) deployment(r *resource) {
	own, global := in.value(r, deploymentPreference), in.preference
	if in.ignoresGlobal(r, "DeploymentPreference") {
		global = nil
	} else if r.typ == functionType && in.depth == 0 && r.loops.inTransform() && len(own.Members) == 0 {
		in.blindSpot(codeGlobalsElsewhere, r.id, r.typ, r.Start)
	}
	if r.loops.anyVaries(own, "Enabled", "Role") {
		in.escape(codeMembersInLoop, r.id, functionType, r.Start, "DeploymentPreference.Enabled", "DeploymentPreference.Role")
	}
	if preferred(own, global) && !in.disabled(merged(own, global, "Enabled"), r.loops) && !in.isTrue(merged(own, global, "Role"), r.loops) {
		in.escape(codeDeploymentRole, r.id, functionType, r.Start)
	}
}

// ignoresGlobal reports whether a resource surely does not take a property
// from Globals.
func (in *inspector) ignoresGlobal(r *resource, property string) bool {
	ignored := template.NodeAt(in.Src, r.ignoreGlobals)
	return ignored.Text == "*" ||
		slices.ContainsFunc(ignored.Elements, func(e template.Node) bool { return e.IsString() && e.Text == property })
}

// takesGlobal reports whether a resource surely takes a property from Globals
// unless it has its own.
func (in *inspector) takesGlobal(r *resource, property string) bool {
	ignored := template.NodeAt(in.Src, r.ignoreGlobals)
	return ignored.Kind == jsontext.KindInvalid || ignored.IsNull() ||
		ignored.IsArray() && !slices.ContainsFunc(ignored.Elements, func(e template.Node) bool { return !e.IsString() || e.Text == property || r.loops.vary(e.Text) })
}

// preferred reports whether there is a DeploymentPreference at all.
func preferred(own template.Node, global map[string]template.Node) bool {
	return !own.IsNull() && (len(own.Members) > 0 || len(global) > 0)
}

// merged is a member of an object that SAM merges with the one in Globals.
func merged(own template.Node, global map[string]template.Node, name string) template.Node {
	if value := own.Get(name); value.Kind != jsontext.KindInvalid {
		return value
	}
	return global[name]
}

// disabled reports whether a switch is off, as SAM reads it: false, 0 or
// nothing, also where a parameter or a mapping yields it. SAM resolves no other
// function.
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

// resolves reports whether SAM surely resolves a key of a mapping.
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

// lacking is the code of a role that is not there, or may be empty.
func lacking(given template.Node) Code {
	if given.Kind == jsontext.KindInvalid {
		return codeRoleMissing
	}
	return codeRoleMayBeEmpty
}

// needsRole is the rule of a type that SAM makes a role for which takes no
// boundary, unless a property gives one.
func needsRole(given property) func(*inspector, *resource) {
	return needsRoleUnless((*inspector).isTrue, given)
}

// needsRoleUnless is needsRole of a type that tells by other means whether the
// property is given.
func needsRoleUnless(isGiven func(*inspector, template.Node, loops) bool, given property) func(*inspector, *resource) {
	return func(in *inspector, r *resource) {
		own := in.value(r, given)
		if own.Kind == jsontext.KindInvalid && in.takesGlobal(r, propertyNames[given]) {
			own = in.inGlobals(r.typ, propertyNames[given])
		}
		if !isGiven(in, own, r.loops) {
			in.escape(lacking(own), r.id, r.typ, r.Start, propertyNames[given])
		}
	}
}

// graphQLApi is the rule of a type that SAM makes several roles for.
func graphQLApi(in *inspector, r *resource) {
	id := in.id(r.id) // one text for however many sources
	logs, sources := in.value(r, logging), in.value(r, dataSources)
	if r.loops.anyVariesWithin(logs) || r.loops.anyVariesWithin(sources) {
		in.escapeID(codeMembersInLoop, id, r.typ, r.Start, "Logging.CloudWatchLogsRoleArn", "ServiceRoleArn of DataSources")
	}
	if logRole := logs.Get("CloudWatchLogsRoleArn"); logs.Kind != jsontext.KindFalse && !in.isTrue(logRole, r.loops) {
		in.escapeID(lacking(logRole), id, r.typ, r.Start, "Logging.CloudWatchLogsRoleArn")
	}
	in.unknownFunction(r, r.loops.unknownFunction(sources))
	for _, kind := range []string{"DynamoDb", "Lambda"} {
		for _, source := range sources.Get(kind).Members {
			if given := source.Value.Get("ServiceRoleArn"); !in.isTrue(given, r.loops) {
				in.escapeID(lacking(given), id, r.typ, source.Value.Start, "DataSources."+kind+"."+printable.Clip(source.Name, MaxID)+".ServiceRoleArn")
			}
		}
	}
}
