package transform

import (
	"slices"
	"strings"

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

		"AWS::Serverless::CapacityProvider": {needsRole(operatorRole, "an operator role"), []property{operatorRole}, true},
		"AWS::Serverless::MicrovmImage":     {needsRole(buildRoleArn, "a build role"), []property{buildRoleArn}, true},
		"AWS::Serverless::NetworkConnector": {needsRole(operatorRole, "an operator role"), []property{operatorRole}, true},
		"AWS::Serverless::WebFunction":      {needsRole(executionRoleArn, "an execution role"), []property{executionRoleArn}, true},
		"AWS::Serverless::GraphQLApi":       {graphQLApi, []property{logging, dataSources}, true},
	}
}

// rolelessServerless are SAM's types that create no role. One that is neither
// here nor in the rules is newer than this engine.
var rolelessServerless = []string{
	"AWS::Serverless::Api",
	"AWS::Serverless::Connector",
	"AWS::Serverless::HttpApi",
	"AWS::Serverless::LayerVersion",
	"AWS::Serverless::SimpleTable",
	"AWS::Serverless::WebSocketApi",
}

func bindFunction(w *walk, r *resource, typ string) {
	at := len(w.plan.sites)
	bindResource(w, r, typ)
	if len(w.plan.sites) > at {
		ignoresGlobals := !r.ignoreGlobals.absent()
		w.later(func() { w.inheritBoundary(at, ignoresGlobals) })
		w.unlessGiven(at, r)
	}
	w.events(r, typ)
	w.deployment(r, typ)
}

func bindStateMachine(w *walk, r *resource, typ string) {
	at := len(w.plan.sites)
	bindResource(w, r, typ)
	// Its events may make roles with its boundary, whatever its own role is.
	if len(w.plan.sites) > at && r.props.at[events].absent() {
		w.unlessGiven(at, r)
	}
	w.events(r, typ)
}

// unlessGiven tells a site that it is not needed if the resource is given a
// role, for SAM makes none then.
func (w *walk) unlessGiven(at int, r *resource) {
	given, around := parse(w.src, r.props.at[role]), r.loops
	w.later(func() { w.plan.sites[at].unneeded = w.givenRole(given, around) })
}

// events binds the events that make a role of their own: ScheduleV2 does not
// take over the boundary of its function or state machine.
func (w *walk) events(r *resource, typ string) {
	if at := r.props.at[events]; !at.absent() {
		w.eventMap(r, typ, parse(w.src, at), r.loops)
	}
}

func (w *walk) eventMap(r *resource, typ string, all node, around loops) {
	for _, event := range all.members {
		switch {
		case event.name == "Fn::Transform":
			w.blindSpot(r.id, "Fn::Transform", notExpanded, expandFirst)
		case strings.HasPrefix(event.name, foreachPrefix), event.value.isArray() && around.mayBeLoop(event.name):
			w.eventLoop(r, typ, event.value, around)
		case event.value.isObject():
			w.event(r, typ, event, around)
		}
	}
}

func (w *walk) eventLoop(r *resource, typ string, foreach node, around loops) {
	body, inner, readable := around.enter(foreach)
	if !readable {
		w.escape(r.id, typ, foreach.start, "has events made by a Fn::ForEach that cannot be read", afterLanguageExtensions)
		return
	}
	w.eventMap(r, typ, body, inner)
}

const scheduleV2 = "ScheduleV2"

func (w *walk) event(r *resource, typ string, event member, around loops) {
	kind := event.value.get("Type")
	props := w.propertiesIn(event.value.get("Properties"), around)
	switch {
	case around.anyVaries(event.value, "Type", "Properties"), w.generates(&props, around, []property{permissionsBoundary}):
		w.escape(r.id, typ, event.value.start, "has an event with members made by a loop, which may be its Type or its boundary", afterLanguageExtensions)
	case kind.isString() && kind.text == scheduleV2:
		w.bind(holder{
			id:     w.id(r.id) + "." + clip(event.name, maxID),
			typ:    scheduleV2,
			object: event.value.object,
			props:  &props,
			loops:  around,
		})
	case kind.isObject() && len(around) == 0:
		w.escape(r.id, typ, kind.start, "has an event whose Type is not spelled out, so it may make a role", "write the Type of the event")
	case kind.isObject(), kind.isString() && around.vary(kind.text) && around.couldBe(kind.text, scheduleV2):
		w.escape(r.id, typ, kind.start, "has an event whose Type is not spelled out, so it may make a role", afterLanguageExtensions)
	}
}

// propertiesIn are those of a part of the template that was read as a tree.
func (w *walk) propertiesIn(n node, around loops) (p properties) {
	if n.kind == jsontext.KindInvalid {
		return p
	}
	outer, outerLoops := w.scanner, w.loops
	defer func() { w.scanner, w.loops = outer, outerLoops }()
	w.loops = around
	w.scanner = scan(w.src, n.span)
	w.properties(&p, n.kind)
	return p
}

// later has something done when all of the request is read: the section
// Globals may come last, and so may the values of the template's parameters.
func (w *walk) later(do func()) { w.pending = append(w.pending, do) }

// inheritBoundary tells a function's site that Globals give it a boundary.
func (w *walk) inheritBoundary(at int, ignoresGlobals bool) {
	w.plan.sites[at].inherits = !ignoresGlobals && w.global(functionType, "PermissionsBoundary").kind != jsontext.KindInvalid
}

// global is what the section Globals says about a property of a type.
func (w *walk) global(typ, property string) node {
	name := strings.TrimPrefix(typ, serverlessPrefix)
	known, ok := w.globalsOf[name]
	if !ok {
		known = w.globals.get(name).byName()
		w.globalsOf[name] = known
	}
	return known[property]
}

// deployment looks for the role CodeDeployServiceRole, which SAM makes for a
// stack as soon as one function has a DeploymentPreference that is enabled and
// names no Role.
func (w *walk) deployment(r *resource, typ string) {
	id, start, around, own := r.id, r.start, r.loops, parse(w.src, r.props.at[deploymentPreference])
	ignores := w.ignoresGlobal(r, "DeploymentPreference")
	if r.loops.anyVaries(own, "Enabled", "Role") {
		w.escape(id, functionType, start, "has a DeploymentPreference with members made by a loop, which may be Enabled or Role", afterLanguageExtensions)
	}
	if typ == functionType && r.loops.inTransform() && len(own.members) == 0 && !ignores {
		w.blindSpot(id, typ, "is apart from the section Globals, which may have a DeploymentPreference, for which SAM makes a CodeDeployServiceRole", afterServerless)
	}
	w.later(func() {
		var global map[string]node
		if !ignores {
			global = w.preference
		}
		if preferred(own, global) && !w.disabled(merged(own, global, "Enabled")) && !w.givenRole(merged(own, global, "Role"), around) {
			w.escape(id, functionType, start, "has a DeploymentPreference without Role, for which SAM makes a CodeDeployServiceRole that takes no boundary",
				afterServerless)
		}
	})
}

// ignoresGlobal reports whether a resource surely does not take a property
// from Globals.
func (w *walk) ignoresGlobal(r *resource, property string) bool {
	ignored := parse(w.src, r.ignoreGlobals)
	return ignored.text == "*" ||
		slices.ContainsFunc(ignored.elements, func(e node) bool { return e.isString() && e.text == property })
}

// preferred reports whether there is a DeploymentPreference at all.
func preferred(own node, global map[string]node) bool {
	return len(own.members) > 0 || len(global) > 0
}

// merged is a member of an object that SAM merges with the one in Globals.
func merged(own node, global map[string]node, name string) node {
	if value := own.get(name); value.kind != jsontext.KindInvalid {
		return value
	}
	return global[name]
}

// disabled reports whether a switch is off: false as SAM spells it, or a
// template parameter with such a value.
func (w *walk) disabled(n node) bool {
	if name, argument := n.only(); name == "Ref" {
		n = w.parameters[argument.text]
	}
	return slices.Contains([]string{"false", "False"}, n.text)
}

// givenRole reports whether a role is given for SAM to use, so that it makes
// none.
func (w *walk) givenRole(n node, around loops) bool {
	return w.plan.certainty(around, w.parameters).surelyBranches(n)
}

// needsRole is the rule of a type that SAM makes a role for which takes no
// boundary, unless a property gives one.
func needsRole(given property, what string) func(*walk, *resource, string) {
	return func(w *walk, r *resource, typ string) {
		id, start, around, ignoresGlobals := r.id, r.start, r.loops, !r.ignoreGlobals.absent()
		own := parse(w.src, r.props.at[given])
		w.later(func() {
			if own.kind == jsontext.KindInvalid && !ignoresGlobals {
				own = w.global(typ, propertyNames[given])
			}
			if !w.givenRole(own, around) {
				w.escapeNewer(w.id(id), typ, start, "has no "+propertyNames[given]+", so SAM makes "+what+" that takes no boundary")
			}
		})
	}
}

// graphQLApi is the rule of a type that SAM makes several roles for.
func graphQLApi(w *walk, r *resource, typ string) {
	id, start, around := w.id(r.id), r.start, r.loops // one text for however many sources
	logs, sources := parse(w.src, r.props.at[logging]), parse(w.src, r.props.at[dataSources])
	if r.loops.anyVariesWithin(logs) || r.loops.anyVariesWithin(sources) {
		w.escapeID(id, typ, start, "has Logging or DataSources with members made by a loop, which may be roles", afterLanguageExtensions)
	}
	w.later(func() {
		if !(logs.kind == jsontext.KindFalse || w.givenRole(logs.get("CloudWatchLogsRoleArn"), around)) {
			w.escapeNewer(id, typ, start, "has Logging without CloudWatchLogsRoleArn, so SAM makes a role that takes no boundary")
		}
		for _, kind := range []string{"DynamoDb", "Lambda"} {
			for _, source := range sources.get(kind).members {
				if !w.givenRole(source.value.get("ServiceRoleArn"), around) {
					w.escapeNewer(id, typ, source.value.start, "has the data source "+clip(source.name, 255)+" without ServiceRoleArn, so SAM makes a role that takes no boundary")
				}
			}
		}
	})
}
