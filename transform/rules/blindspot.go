package rules

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"permissions-boundary-macro/transform/template"

	"github.com/go-json-experiment/json/jsontext"
)

const permissionSetType = "AWS::SSO::PermissionSet"

// blindSpotRules are the resource types that may create roles the macro cannot
// see. Which types those are, and why others are not among them, is decided in
// types/decisions.tsv.
func blindSpotRules() map[string]*rule {
	return map[string]*rule{
		"AWS::Athena::DataCatalog": reports(codeFederatedCatalog,
			mayBe(catalogType, "FEDERATED")),
		"AWS::CloudFormation::Stack": reports(codeNestedStack),
		"AWS::CodePipeline::Pipeline": reports(codeDeployingPipeline,
			runs(stages, "CloudFormation", "CloudFormationStackInstances", "CloudFormationStackSet", "ServiceCatalog")),
		"AWS::CodeStarConnections::SyncConfiguration": reports(codeStackSync,
			mayBe(syncType, "CFN_STACK_SYNC")),
		"AWS::ControlTower::EnabledBaseline": reports(codeControlTower),
		"AWS::ControlTower::LandingZone":     reports(codeControlTower),
		"AWS::DataZone::Environment":         reports(codeDataZoneEnvironment),
		"AWS::DataZone::EnvironmentBlueprintConfiguration": reports(codeDataZoneBlueprint,
			mayLackBoundary(environmentRolePermissionBoundary)),
		"AWS::DataZone::Project": reports(codeDataZoneProject,
			mayHave(projectProfileID)),
		"AWS::Grafana::Workspace": reports(codeGrafanaWorkspace,
			mayBe(permissionType, "SERVICE_MANAGED"), mayHave(stackSetName)),
		"AWS::LaunchWizard::Deployment": reports(codeLaunchWizard),
		"AWS::MWAA::Environment": reports(codeMWAAEnvironment,
			mayLack(executionRoleArn)),
		"AWS::Organizations::Account": reports(codeOrganizationsAccount),
		"AWS::SSM::Document": reports(codeDeployingDocument,
			mayBe(documentType, "CloudFormation"), all(mayBe(documentType, "Automation"), mayDeploy(content))),
		"AWS::SSMQuickSetup::ConfigurationManager": reports(codeQuickSetup),
		"AWS::SSO::Assignment": reports(codeAssignment,
			namesNoPermissionSet(permissionSetArn)),
		permissionSetType: reports(codePermissionSet,
			mayLackBoundary(permissionsBoundary)),
		"AWS::SageMaker::Project": reports(codeSageMakerProject),
		"AWS::SecretsManager::RotationSchedule": reports(codeHostedRotation,
			mayHave(hostedRotationLambda)),
		"AWS::SecurityLake::Subscriber":                         reports(codeSecurityLake),
		"AWS::Serverless::Application":                          reports(codeNestedApplication),
		"AWS::ServerlessRepo::Application":                      reports(codePublishedApplication),
		"AWS::ServiceCatalog::CloudFormationProduct":            reports(codeProduct),
		"AWS::ServiceCatalog::CloudFormationProvisionedProduct": reports(codeProvisionedProduct),
	}
}

// reports is the rule of a type that is a blind spot when one of the conditions
// holds, or always when there are none. Of properties made by an unknown function
// any condition may hold.
func reports(code Code, when ...condition) *rule {
	return &rule{decides: decidedBy(when), apply: func(in *inspector, r *resource) {
		if len(when) == 0 || isUnknown(r.props.function) || slices.ContainsFunc(when, func(c condition) bool { return c.holds(in, r) }) {
			in.blindSpot(code, r.id, r.typ, r.Start)
		}
	}}
}

// condition is a question about properties of a resource. It holds unless the
// template rules it out.
type condition struct {
	decides []property
	holds   func(*inspector, *resource) bool
}

func decidedBy(conditions []condition) (properties []property) {
	for _, c := range conditions {
		properties = append(properties, c.decides...)
	}
	return properties
}

func all(conditions ...condition) condition {
	return condition{decidedBy(conditions), func(in *inspector, r *resource) bool {
		return !slices.ContainsFunc(conditions, func(c condition) bool { return !c.holds(in, r) })
	}}
}

// mayHave: the property may be set.
func mayHave(p property) condition {
	return condition{[]property{p}, func(in *inspector, r *resource) bool {
		value := in.value(r, p)
		return isSet(value) && !isNoValue(value)
	}}
}

// mayLack: the property may be absent.
func mayLack(p property) condition {
	return condition{[]property{p}, func(in *inspector, r *resource) bool {
		return r.props.at[p].Absent() || yieldsNothing(in.value(r, p)) || mayRemove(in.value(r, p))
	}}
}

// mayLackBoundary: the property may be absent, or something other than a
// boundary.
func mayLackBoundary(p property) condition {
	return condition{[]property{p}, func(in *inspector, r *resource) bool {
		return !in.certainty(r.loops, in.parameters).isBoundary(in.value(r, p))
	}}
}

// mayBe: the property may be one of the texts.
func mayBe(p property, texts ...string) condition {
	return condition{[]property{p}, func(in *inspector, r *resource) bool { return r.loops.mayYield(in.value(r, p), texts...) }}
}

// namesNoPermissionSet: the property may name a permission set of elsewhere.
func namesNoPermissionSet(p property) condition {
	return condition{[]property{p}, func(in *inspector, r *resource) bool { return !in.namesPermissionSet(in.value(r, p)) }}
}

// namesPermissionSet reports whether a value surely is the ARN of a permission
// set of the template.
func (in *inspector) namesPermissionSet(n template.Node) bool {
	if either := branches(n); either != nil {
		return in.namesPermissionSet(either[0]) && in.namesPermissionSet(either[1])
	}
	name, argument := n.Only()
	refersTo := functions[name].refersTo
	return refersTo != nil && in.permissionSets[refersTo(argument)]
}

// runs: the stages of a pipeline may have an action of one of AWS's providers.
func runs(p property, providers ...string) condition {
	return condition{[]property{p}, func(in *inspector, r *resource) bool {
		value, around := in.value(r, p), r.loops
		return isOpaque(value) || anyObject(value, func(n template.Node) bool {
			return around.anyVaries(n, "Owner", "Provider") ||
				around.mayYield(n.Get("Owner"), "AWS") && around.mayYield(n.Get("Provider"), providers...)
		})
	}}
}

// mayDeploy: the content of an automation, an object or a text in JSON or YAML,
// may have a step that creates a stack or a role. What its scripts do is not
// looked at: they are code, as that of functions is.
func mayDeploy(p property) condition {
	return condition{[]property{p}, func(in *inspector, r *resource) bool {
		value, around := in.value(r, p), r.loops
		name, _ := value.Only()
		if isOpaque(value) || (value.IsString() || strings.HasPrefix(name, functionPrefix)) && anyString(value, deployingStep.MatchString) {
			return true
		}
		return anyObject(value, func(n template.Node) bool {
			return around.anyVaries(n, "action", "Service", "Api") ||
				around.mayYield(n.Get("action"), "aws:createStack") ||
				around.mayYield(n.Get("Service"), deployingServices...) && deploys(n.Get("Api"))
		})
	}}
}

// Calls of AWS's API that deploy templates or create roles, as an automation
// spells them: CreateRole, createRole, create_role.
const deployingCalls = `(create|update)_?stack(_?set|_?instances)?|(create|execute)_?change_?set|` +
	`create_?role|(provision|update_?provisioned)_?product|create_?account`

var (
	deployingServices = []string{"cloudformation", "iam", "organizations", "servicecatalog"}
	deployingCall     = regexp.MustCompile(`(?i)^(` + deployingCalls + `)$`)
	deployingStep     = regexp.MustCompile(`(?i)\baws:createStack\b|\bapi["']?\s*:\s*["']?(` + deployingCalls + `)\b`)
)

func deploys(api template.Node) bool {
	if api.IsString() && !strings.ContainsAny(api.Text, "{}") {
		return deployingCall.MatchString(api.Text)
	}
	return api.Kind != jsontext.KindInvalid
}

// anyObject reports whether an object in a value, or the value itself, is one
// that is looked for. An unknown function may yield it.
func anyObject(n template.Node, is func(template.Node) bool) bool {
	return n.IsObject() && (loops{}.unknownFunction(n) != "" || is(n)) ||
		slices.ContainsFunc(n.Members, func(m template.Member) bool { return anyObject(m.Value, is) }) ||
		slices.ContainsFunc(n.Elements, func(e template.Node) bool { return anyObject(e, is) })
}

// anyString is anyObject of strings.
func anyString(n template.Node, is func(string) bool) bool {
	return n.IsString() && is(n.Text) ||
		slices.ContainsFunc(n.Members, func(m template.Member) bool { return anyString(m.Value, is) }) ||
		slices.ContainsFunc(n.Elements, func(e template.Node) bool { return anyString(e, is) })
}

// ownTypes begin the types whose resources create no roles out of sight unless
// there is a rule for them. Custom resources are functions, whose roles
// templates make like all others, and every template may have some: what their
// code does is not looked at. The types of others come with code that runs in
// the account.
var ownTypes = []string{"AWS::", "Alexa::", "Custom::"}

// moduleSuffix ends the type of every module.
const moduleSuffix = "::MODULE"

func isOwn(typ []byte) bool {
	return slices.ContainsFunc(ownTypes, func(own string) bool { return bytes.HasPrefix(typ, []byte(own)) })
}

// mayBeForeign reports whether a type that is made of a loop variable may be of
// a third party.
func (ls loops) mayBeForeign(typ string) bool {
	literal, v, rest := ls.cut(typ)
	if v == nil || isOwn([]byte(literal)) {
		return !isOwn([]byte(literal))
	}
	values, known := v.values()
	return !known || slices.ContainsFunc(values, func(value string) bool { return !isOwn([]byte(literal + value + rest)) })
}
