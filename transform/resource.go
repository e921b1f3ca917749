package transform

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// resource is what the walk keeps of a resource until its type is known: Type
// may come after Properties.
type resource struct {
	object
	id       []byte // empty for a fragment that is one resource
	loops    loops
	typeAt   span
	typeKind jsontext.Kind
	props    properties

	ignoreGlobals span // of SAM's attribute of that name
	generated     bool // has members made by a loop that may be Type or Properties
	transformed   bool // has a Fn::Transform that is not expanded
	twice         bool // Type or Properties is given twice
}

// properties are those that rules ask for, of a resource of whatever type.
type properties struct {
	object
	kind        jsontext.Kind // invalid when there are none
	at          [propertyCount]span
	loops       []span   // of the values of Fn::ForEach members
	varying     []string // names with the variable of a loop around
	function    string   // Ref or an intrinsic function that makes the properties
	transformed bool
	twice       bool // a property that rules ask for is given twice
}

// property is one that a rule asks for.
type property int

const (
	permissionsBoundary property = iota
	buildRoleArn
	catalogType
	content
	dataSources
	deploymentPreference
	documentType
	environmentRolePermissionBoundary
	events
	executionRoleArn
	hostedRotationLambda
	logging
	operatorRole
	permissionSetArn
	permissionType
	projectProfileID
	role
	stackSetModel
	stackSetName
	stages
	syncType
	templateBody
	propertyCount
)

var propertyNames = [propertyCount]string{
	permissionsBoundary:               "PermissionsBoundary",
	buildRoleArn:                      "BuildRoleArn",
	catalogType:                       "Type",
	content:                           "Content",
	dataSources:                       "DataSources",
	deploymentPreference:              "DeploymentPreference",
	documentType:                      "DocumentType",
	environmentRolePermissionBoundary: "EnvironmentRolePermissionBoundary",
	events:                            "Events",
	executionRoleArn:                  "ExecutionRoleArn",
	hostedRotationLambda:              "HostedRotationLambda",
	logging:                           "Logging",
	operatorRole:                      "OperatorRole",
	permissionSetArn:                  "PermissionSetArn",
	permissionType:                    "PermissionType",
	projectProfileID:                  "ProjectProfileId",
	role:                              "Role",
	stackSetModel:                     "PermissionModel",
	stackSetName:                      "StackSetName",
	stages:                            "Stages",
	syncType:                          "SyncType",
	templateBody:                      "TemplateBody",
}

// propertyLengths has a bit set for each length of a property's name.
var propertyLengths = func() (lengths uint64) {
	for _, name := range propertyNames {
		lengths |= 1 << len(name)
	}
	return lengths
}()

// propertyNamed looks a property up. Most names are told by their length to be
// none, which is faster than a map.
func propertyNamed(name []byte) (property, bool) {
	if propertyLengths>>len(name)&1 == 0 {
		return 0, false
	}
	for p, known := range propertyNames {
		if string(name) == known {
			return property(p), true
		}
	}
	return 0, false
}

// rule is what is done to resources of a type.
type rule struct {
	apply func(w *walk, r *resource, typ string)
	// decides are the properties that the rule rests on. None of them may come
	// out of a Fn::ForEach, which the macro cannot expand.
	decides []property
	// creates says that resources of the type create roles in this stack, and
	// not just may do so out of sight.
	creates bool
}

// rules are those of the resource types that matter. A type that is not here
// creates no role, as far as is known. ruled are these types, sorted, those
// that create roles first: the order in which a Type that is not spelled out
// is suspected.
var (
	rules = map[string]*rule{}
	ruled []string
)

// A rule may walk a template inside of the template, and so comes back to the
// rules. The compiler takes that in init only.
func init() {
	for _, some := range []map[string]*rule{iamRules(), serverlessRules(), stackSetRules(), blindSpotRules()} {
		maps.Copy(rules, some)
	}
	ruled = slices.SortedFunc(maps.Keys(rules), func(a, b string) int {
		if rules[a].creates != rules[b].creates {
			if rules[a].creates {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
}

// judge applies the rule of a resource's type.
func (w *walk) judge(r *resource) {
	if r.transformed {
		w.unexpanded(r.id)
	}
	switch {
	case r.twice:
		w.escape(codeRepeatedKey, r.id, "", r.start, "Type", "Properties")
		return
	case r.generated:
		w.escape(codeMembersInLoop, r.id, "", r.start, "Type", "Properties")
		return
	case r.typeAt.absent():
		return // CloudFormation refuses a resource without Type
	case r.typeKind == jsontext.KindBeginObject || r.typeKind == jsontext.KindBeginArray:
		w.escape(codeTypeNotLiteral, r.id, "", r.typeAt.start)
		return
	case r.typeKind != jsontext.KindString:
		return // CloudFormation refuses it
	}
	typ := w.text(r.typeAt)
	if string(typ) == managedPolicyType {
		w.notePolicy(r)
		return
	}
	if rule := w.rule(string(typ)); rule != nil {
		w.obey(rule, r, string(typ))
		return
	}
	w.judgePattern(r, typ)
}

// rule is that of a type, nil when there is none.
func (w *walk) rule(typ string) *rule {
	if typ == userType && !w.options.BoundUsers {
		return nil
	}
	return rules[typ]
}

func (w *walk) obey(rule *rule, r *resource, typ string) {
	if r.props.transformed && !r.transformed {
		w.unexpanded(r.id)
	}
	if r.props.twice {
		w.escape(codeRepeatedKey, r.id, typ, r.props.start, "a property that the macro reads")
		return
	}
	if w.generates(&r.props, r.loops, rule.decides) {
		names := spelledOut(rule.decides)
		if rule.creates {
			w.escape(codeMembersInLoop, r.id, typ, r.props.start, names...)
			return
		}
		w.blindSpot(codeMembersInLoop, r.id, typ, names...)
	}
	rule.apply(w, r, typ)
}

// judgePattern judges a type that has no rule of its own name.
func (w *walk) judgePattern(r *resource, text []byte) {
	if bytes.IndexByte(text, '{') >= 0 && r.loops.vary(string(text)) {
		w.judgeVarying(r, string(text))
		return
	}
	w.judgeUnknown(r, text)
}

// judgeVarying judges a type that is made of a loop variable.
func (w *walk) judgeVarying(r *resource, typ string) {
	for _, suspect := range ruled {
		rule := w.rule(suspect)
		switch {
		case rule == nil || !r.loops.couldBe(typ, suspect):
			continue
		case rule.creates:
			w.escape(codeTypeInLoop, r.id, typ, r.typeAt.start, suspect)
		default:
			w.blindSpot(codeTypeInLoop, r.id, typ, suspect)
		}
		return
	}
	if r.loops.couldBegin(typ, serverlessPrefix) || r.loops.mayBeForeign(typ) {
		w.blindSpot(codeForeignTypeInLoop, r.id, typ)
	}
}

// generates reports whether a loop, in the properties or around them, could
// make one of those given.
func (w *walk) generates(p *properties, around loops, decides []property) bool {
	return slices.ContainsFunc(p.varying, func(name string) bool { return couldBeAny(around, name, decides) }) ||
		slices.ContainsFunc(p.loops, func(at span) bool { return around.couldMake(parse(w.src, at), spelledOut(decides)...) })
}

func couldBeAny(around loops, name string, properties []property) bool {
	return slices.ContainsFunc(properties, func(p property) bool { return around.couldBe(name, propertyNames[p]) })
}

func spelledOut(properties []property) []string {
	all := make([]string, len(properties))
	for i, p := range properties {
		all[i] = propertyNames[p]
	}
	return all
}
