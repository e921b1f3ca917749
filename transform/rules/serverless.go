package rules

import (
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/template"
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

// present returns what is certain given the present values of the parameters.
func (in *inspector) present(around loops) certainty {
	c := in.certainty(around, in.parameters)
	c.now = true
	return c
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

// preferred reports whether a function has a DeploymentPreference.
func preferred(own template.Node, global map[string]template.Node) bool {
	return !own.IsNull() && (len(own.Members) > 0 || len(global) > 0)
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

// graphQLRoles finds the roles that SAM creates for the log and the data sources
// of an API.
var graphQLRoles = rule{reads: []property{logging, dataSources}, find: func(in *inspector, r *resource) {
	id := in.id(r.id) // made once, however many sources there are
	logs, sources := in.value(r, logging), in.value(r, dataSources)
	if r.loops.anyVariesWithin(logs) || r.loops.anyVariesWithin(sources) {
		in.escapeID(codeMembersInLoop, id, r.typ, r.Start, "Logging.CloudWatchLogsRoleArn", "DataSources.*.*.ServiceRoleArn")
	}
	if logRole := logs.Get("CloudWatchLogsRoleArn"); logs.Kind != jsontext.KindFalse && !in.isTrue(logRole, r.loops) {
		in.escapeID(lacking(logRole), id, r.typ, r.Start, "Logging.CloudWatchLogsRoleArn")
	}
	in.unknownFunction(r, r.loops.unknownFunction(sources))
	for _, service := range []string{"DynamoDb", "Lambda"} {
		for _, source := range sources.Get(service).Members {
			if given := source.Value.Get("ServiceRoleArn"); !in.isTrue(given, r.loops) {
				in.escapeID(lacking(given), id, r.typ, source.Value.Start, "DataSources."+service+"."+printable.Clip(source.Name, MaxID)+".ServiceRoleArn")
			}
		}
	}
}}
