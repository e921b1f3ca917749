package transform

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	notExpanded = "is not expanded yet"
	expandFirst = "expand it first, or deploy through CloudFormation, which does"

	addTransform = "add the macro to the Transform of that template, too"
)

// blindSpotRules are resource types that may create roles the macro cannot
// see. Source: the CloudFormation resource schemas, all types that carry or
// name a template, have a boundary property of their own, or say in their
// description that they make roles.
func blindSpotRules() map[string]*rule {
	return map[string]*rule{
		"AWS::CloudFormation::Stack":   {apply: blind("is a nested stack, whose template the macro does not see", addTransform)},
		"AWS::Serverless::Application": {apply: blind("becomes a nested stack, whose template the macro does not see", addTransform)},
		"AWS::ServiceCatalog::CloudFormationProduct": {
			apply: blind("holds templates that are deployed when the product is provisioned", addTransform),
		},
		"AWS::ServiceCatalog::CloudFormationProvisionedProduct": {
			apply: blind("deploys the template of a product, which the macro does not see", addTransform),
		},
		"AWS::Organizations::Account": {
			apply: blind("makes an account with a role for its organization", "bound that role in the account"),
		},
		"AWS::SSMQuickSetup::ConfigurationManager": {
			apply: blind("deploys stacks of Systems Manager, which the macro does not see", "bound their roles in the accounts they are deployed to"),
		},
		"AWS::SageMaker::Project": {apply: blind("deploys a template that the macro does not see", addTransform)},
		"AWS::SecretsManager::RotationSchedule": {
			apply:   blindWith(hostedRotationLambda, "has a HostedRotationLambda, whose role AWS creates in a nested stack", "use RotationLambdaARN with a function of your own"),
			decides: []property{hostedRotationLambda},
		},
		"AWS::SSM::Document": {apply: blindDocument, decides: []property{documentType}},
		"AWS::SSO::PermissionSet": {
			apply:   blindWithout(permissionsBoundary, "creates roles in the accounts it is assigned to", "write its PermissionsBoundary, which names a policy of those accounts"),
			decides: []property{permissionsBoundary},
		},
		"AWS::DataZone::EnvironmentBlueprintConfiguration": {
			apply:   blindWithout(environmentRolePermissionBoundary, "has roles created in its environments", "write its EnvironmentRolePermissionBoundary"),
			decides: []property{environmentRolePermissionBoundary},
		},
	}
}

func blind(reason, remedy string) func(*walk, *resource, string) {
	return func(w *walk, r *resource, typ string) { w.blindSpot(r.id, typ, reason, remedy) }
}

// blindWith is the rule of a type that is blind unless a property surely is
// absent.
func blindWith(p property, reason, remedy string) func(*walk, *resource, string) {
	return func(w *walk, r *resource, typ string) {
		value := parse(w.src, r.props.at[p])
		if value.kind != jsontext.KindInvalid && !value.isNull() && !isNoValue(value) {
			w.blindSpot(r.id, typ, reason, remedy)
		}
	}
}

// blindWithout is the rule of a type that is blind unless a property surely is
// given.
func blindWithout(p property, reason, remedy string) func(*walk, *resource, string) {
	return func(w *walk, r *resource, typ string) {
		id, start, around, value := r.id, r.start, r.loops, parse(w.src, r.props.at[p])
		w.later(func() {
			if !w.plan.certainty(around, w.parameters).isGiven(value) {
				w.blindSpotAt(start, id, typ, reason, remedy)
			}
		})
	}
}

func blindDocument(w *walk, r *resource, typ string) {
	if kind := parse(w.src, r.props.at[documentType]); kind.isObject() || kind.text == "CloudFormation" {
		w.blindSpot(r.id, typ, "holds a template that is deployed later", addTransform)
	}
}

// moduleSuffix ends the type of every module.
const moduleSuffix = "::MODULE"

// judgeUnknown judges a type without a rule: CloudFormation's own types create
// no roles, but modules are templates, and SAM grows.
func (w *walk) judgeUnknown(r *resource, typ []byte) {
	switch {
	case bytes.HasSuffix(typ, []byte(moduleSuffix)):
		w.blindSpot(r.id, string(typ), "is a module, whose resources CloudFormation adds after all macros",
			"bind the roles in the module, or deploy them in a stack that uses the macro")
	case bytes.HasPrefix(typ, []byte(serverlessPrefix)) && !slices.Contains(rolelessServerless, string(typ)):
		w.blindSpot(r.id, string(typ), "is a SAM type that this version of the macro does not know", afterServerless)
		w.plan.blind[len(w.plan.blind)-1].Newer = true
	}
}
