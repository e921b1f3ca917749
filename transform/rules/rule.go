package rules

import (
	"maps"
	"slices"
	"strings"
)

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
	apply func(in *inspector, r *resource)
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
	rules      = map[string]*rule{}
	RuledTypes []string
)

// A rule may walk a template inside of the template, and so comes back to the
// rules. The compiler takes that in init only.
func init() {
	for _, some := range []map[string]*rule{iamRules(), serverlessRules(), stackSetRules(), blindSpotRules()} {
		maps.Copy(rules, some)
	}
	RuledTypes = slices.SortedFunc(maps.Keys(rules), func(a, b string) int {
		if rules[a].creates != rules[b].creates {
			if rules[a].creates {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
}

func spelledOut(properties []property) []string {
	all := make([]string, len(properties))
	for i, p := range properties {
		all[i] = propertyNames[p]
	}
	return all
}
