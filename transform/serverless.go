package transform

import (
	"slices"
	"strconv"
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

		"AWS::Serverless::CapacityProvider": {needsRole(operatorRole), []property{operatorRole}, true},
		"AWS::Serverless::MicrovmImage":     {needsRole(buildRoleArn), []property{buildRoleArn}, true},
		"AWS::Serverless::NetworkConnector": {needsRole(operatorRole), []property{operatorRole}, true},
		"AWS::Serverless::WebFunction":      {needsRoleUnless((*walk).isPresent, executionRoleArn), []property{executionRoleArn}, true},
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
		s := &w.plan.sites[at]
		s.unneeded = isRole(parse(w.src, r.props.at[role])) && !w.mayBeReplaced(r, role)
		s.inherits = s.kind == siteMember && w.takesGlobal(r, propertyNames[permissionsBoundary])
	}
	w.events(r, typ)
	w.deployment(r, typ)
}

func bindStateMachine(w *walk, r *resource, typ string) {
	at := len(w.plan.sites)
	bindResource(w, r, typ)
	// Its events may make roles with its boundary, whatever its own role is.
	all := parse(w.src, r.props.at[events])
	if len(w.plan.sites) > at && (all.kind == jsontext.KindInvalid || all.isNull()) && !w.mayBeReplaced(r, role) {
		w.unlessTrue(at, parse(w.src, r.props.at[role]), r.loops)
	}
	w.events(r, typ)
}

// isRole reports whether a function is given a role, so that SAM makes none. Of
// its value, SAM looks at nothing but branches without one.
func isRole(n node) bool {
	return n.kind != jsontext.KindInvalid && !n.isNull() && !mayHoldNoValue(n)
}

// mayBeReplaced reports whether a loop may put another value in the place of a
// property.
func (w *walk) mayBeReplaced(r *resource, p property) bool {
	return w.generates(&r.props, r.loops, []property{p})
}

// unlessTrue tells a site that it is not needed if SAM takes the value that may
// be a role for true, for it makes none then.
func (w *walk) unlessTrue(at int, value node, around loops) {
	w.later(func() { w.plan.sites[at].unneeded = w.isTrue(value, around) })
}

// isTrue reports whether SAM takes a value for true, as Python does. Functions
// are objects, which are true, whatever they yield later. But language
// extensions may replace a Fn::FindInMap or the variable of a loop before SAM
// sees it.
func (w *walk) isTrue(n node, around loops) bool {
	name, argument := n.only()
	isVariable := name == "Ref" && (around.seen().named(argument.text) != nil || around.vary(argument.text))
	switch {
	case n.isString(), name == "Fn::FindInMap", isVariable:
		return !slices.ContainsFunc(w.present(around).texts(n), mayBeEmpty)
	case n.isObject():
		return slices.ContainsFunc(n.members, func(m member) bool { return !strings.HasPrefix(m.name, foreachPrefix) && !around.vary(m.name) })
	}
	return false
}

func mayBeEmpty(text string) bool { return strings.Trim(text, unknown) == "" }

// present is what is known while the parameters have their present values.
func (w *walk) present(around loops) certainty {
	c := w.plan.certainty(around, w.parameters)
	c.now = true
	return c
}

// events binds the events that make a role of their own: ScheduleV2 does not
// take over the boundary of its function or state machine.
func (w *walk) events(r *resource, typ string) {
	if at := r.props.at[events]; !at.absent() {
		w.eventMap(r, typ, parse(w.src, at), r.loops)
	}
}

func (w *walk) eventMap(r *resource, typ string, all node, around loops) {
	repeated := all.repeated()
	for _, event := range all.members {
		before := w.found()
		switch {
		case event.name == "Fn::Transform":
			w.unexpanded(r.id)
		case strings.HasPrefix(event.name, foreachPrefix), event.value.isArray() && around.mayBeLoop(event.name):
			w.eventLoop(r, typ, event.value, around)
		case event.value.isObject():
			w.event(r, typ, event, around)
		}
		if repeated[event.name] && w.found() > before {
			w.escape(codeRepeatedKey, r.id, typ, event.value.start, "an event")
		}
	}
}

func (w *walk) eventLoop(r *resource, typ string, foreach node, around loops) {
	body, inner, readable := around.enter(foreach)
	if !readable {
		w.escape(codeEventLoopUnreadable, r.id, typ, foreach.start)
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
		w.escape(codeMembersInLoop, r.id, typ, event.value.start, "the Type or the PermissionsBoundary of an event")
	case props.twice || event.value.repeats("Type", "Properties"):
		w.escape(codeRepeatedKey, r.id, typ, event.value.start, "Type, Properties or PermissionsBoundary of an event")
	case kind.isString() && kind.text == scheduleV2:
		at := len(w.plan.sites)
		w.bind(holder{
			id:     w.id(r.id) + "." + clip(event.name, maxID),
			typ:    scheduleV2,
			object: event.value.object,
			props:  &props,
			loops:  around,
		})
		if len(w.plan.sites) > at {
			w.unlessTrue(at, event.value.get("Properties").get("RoleArn"), around)
		}
	case kind.isObject() && len(around) == 0:
		w.escape(codeEventTypeNotLiteral, r.id, typ, kind.start)
	case kind.isObject(), kind.isString() && around.vary(kind.text) && around.couldBe(kind.text, scheduleV2):
		w.escape(codeEventTypeInLoop, r.id, typ, kind.start)
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
		w.escape(codeMembersInLoop, id, functionType, start, "DeploymentPreference.Enabled", "DeploymentPreference.Role")
	}
	if typ == functionType && w.depth == 0 && r.loops.inTransform() && len(own.members) == 0 && !ignores {
		w.blindSpot(codeGlobalsElsewhere, id, typ)
	}
	w.later(func() {
		var global map[string]node
		if !ignores {
			global = w.preference
		}
		if preferred(own, global) && !w.disabled(merged(own, global, "Enabled"), around) && !w.isTrue(merged(own, global, "Role"), around) {
			w.escape(codeDeploymentRole, id, functionType, start)
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

// takesGlobal reports whether a resource surely takes a property from Globals
// unless it has its own.
func (w *walk) takesGlobal(r *resource, property string) bool {
	ignored := parse(w.src, r.ignoreGlobals)
	return ignored.kind == jsontext.KindInvalid || ignored.isNull() ||
		ignored.isArray() && !slices.ContainsFunc(ignored.elements, func(e node) bool { return !e.isString() || e.text == property || r.loops.vary(e.text) })
}

// preferred reports whether there is a DeploymentPreference at all.
func preferred(own node, global map[string]node) bool {
	return !own.isNull() && (len(own.members) > 0 || len(global) > 0)
}

// merged is a member of an object that SAM merges with the one in Globals.
func merged(own node, global map[string]node, name string) node {
	if value := own.get(name); value.kind != jsontext.KindInvalid {
		return value
	}
	return global[name]
}

// disabled reports whether a switch is off, as SAM reads it: false, 0 or
// nothing, also where a parameter or a mapping yields it. SAM resolves no other
// function.
func (w *walk) disabled(n node, around loops) bool {
	switch name, argument := n.only(); name {
	case "Ref":
		return w.isOff(n, around)
	case "Fn::FindInMap":
		return !slices.ContainsFunc(argument.elements, func(key node) bool { return !w.resolves(key, around) }) && w.isOff(n, around)
	}
	number, err := strconv.ParseFloat(n.text, 64)
	return n.isNull() || n.kind == jsontext.KindNumber && err == nil && number == 0 ||
		(n.isString() || n.kind == jsontext.KindFalse) && w.isOff(n, around)
}

// resolves reports whether SAM surely resolves a key of a mapping.
func (w *walk) resolves(n node, around loops) bool {
	name, _ := n.only()
	keys := w.present(around).keys(n)
	return (n.isString() || name == "Ref") && len(keys) == 1 && !keys[0].any
}

func (w *walk) isOff(n node, around loops) bool {
	return !slices.ContainsFunc(w.present(around).texts(n), func(text string) bool {
		return !slices.Contains([]string{"false", "False", ""}, text)
	})
}

// lacking is the code of a role that is not there, or may be empty.
func lacking(given node) Code {
	if given.kind == jsontext.KindInvalid {
		return codeRoleMissing
	}
	return codeRoleMayBeEmpty
}

// needsRole is the rule of a type that SAM makes a role for which takes no
// boundary, unless a property gives one.
func needsRole(given property) func(*walk, *resource, string) {
	return needsRoleUnless((*walk).isTrue, given)
}

// needsRoleUnless is needsRole of a type that tells by other means whether the
// property is given.
func needsRoleUnless(isGiven func(*walk, node, loops) bool, given property) func(*walk, *resource, string) {
	return func(w *walk, r *resource, typ string) {
		id, start, around, takesGlobal := r.id, r.start, r.loops, w.takesGlobal(r, propertyNames[given])
		own := parse(w.src, r.props.at[given])
		w.later(func() {
			if own.kind == jsontext.KindInvalid && takesGlobal {
				own = w.global(typ, propertyNames[given])
			}
			if !isGiven(w, own, around) {
				w.escape(lacking(own), id, typ, start, propertyNames[given])
			}
		})
	}
}

// isPresent reports whether a value is there at all.
func (w *walk) isPresent(n node, _ loops) bool {
	return n.kind != jsontext.KindInvalid && !n.isNull()
}

// graphQLApi is the rule of a type that SAM makes several roles for.
func graphQLApi(w *walk, r *resource, typ string) {
	id, start, around := w.id(r.id), r.start, r.loops // one text for however many sources
	logs, sources := parse(w.src, r.props.at[logging]), parse(w.src, r.props.at[dataSources])
	if r.loops.anyVariesWithin(logs) || r.loops.anyVariesWithin(sources) {
		w.escapeID(codeMembersInLoop, id, typ, start, "Logging.CloudWatchLogsRoleArn", "ServiceRoleArn of DataSources")
	}
	w.later(func() {
		logRole := logs.get("CloudWatchLogsRoleArn")
		switch {
		case logs.kind == jsontext.KindFalse, w.isTrue(logRole, around):
		default:
			w.escapeID(lacking(logRole), id, typ, start, "Logging.CloudWatchLogsRoleArn")
		}
		for _, kind := range []string{"DynamoDb", "Lambda"} {
			for _, source := range sources.get(kind).members {
				if given := source.value.get("ServiceRoleArn"); !w.isTrue(given, around) {
					w.escapeID(lacking(given), id, typ, source.value.start, "DataSources."+kind+"."+clip(source.name, maxID)+".ServiceRoleArn")
				}
			}
		}
	})
}
