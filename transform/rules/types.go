package rules

import (
	"cmp"
	"slices"
)

// Resource types that the code names.
const (
	roleType          = "AWS::IAM::Role"
	userType          = "AWS::IAM::User"
	managedPolicyType = "AWS::IAM::ManagedPolicy"
	permissionSetType = "AWS::SSO::PermissionSet"
	functionType      = "AWS::Serverless::Function"

	serverlessPrefix = "AWS::Serverless::" // begins SAM's types
	moduleSuffix     = "::MODULE"          // ends the type of every module
)

// types is everything that the engine knows about resource types. To add a type,
// add a row here and one in types/decisions.tsv, which gives the reason. Types of
// AWS without a row are known, or assumed, to create no role.
var types = []resourceType{
	// IAM: only roles and users take a boundary.
	// Source: the CloudFormation resource schemas.
	{name: roleType, binds: []rule{ownBoundary}},
	{name: userType, binds: []rule{ownBoundary}},

	// SAM, where the macro is listed before AWS::Serverless-2016-10-31: the roles
	// do not exist yet, so the properties that SAM makes them from must carry the
	// boundary. A SAM type without a row is newer than this table.
	// Source: SAM translator 1.115.0; types/sam-roles.tsv lists the places.
	{name: functionType, binds: []rule{functionBoundary, eventBoundaries}, refuses: []rule{deploymentRole}},
	{name: "AWS::Serverless::StateMachine", binds: []rule{stateMachineBoundary, eventBoundaries}},
	{name: "AWS::Serverless::CapacityProvider", refuses: unlessTrue("OperatorRole")},
	{name: "AWS::Serverless::GraphQLApi", refuses: []rule{graphQLRoles}},
	{name: "AWS::Serverless::MicrovmImage", refuses: unlessTrue("BuildRoleArn")},
	{name: "AWS::Serverless::NetworkConnector", refuses: unlessTrue("OperatorRole")},
	{name: "AWS::Serverless::WebFunction", refuses: unlessPresent("ExecutionRoleArn")},
	{name: "AWS::Serverless::Application", reports: asBlindSpot(codeNestedApplication)},
	{name: "AWS::Serverless::Api"},
	{name: "AWS::Serverless::Connector"},
	{name: "AWS::Serverless::HttpApi"},
	{name: "AWS::Serverless::LayerVersion"},
	{name: "AWS::Serverless::SimpleTable"},
	{name: "AWS::Serverless::WebSocketApi"},

	// A template inside this one.
	// Source: CloudFormation's template reference.
	{name: "AWS::CloudFormation::ChangeSet", reports: []rule{changeSetTemplate}},
	{name: "AWS::CloudFormation::StackSet", reports: []rule{stackSetTemplate}},

	// Roles that AWS creates outside this template.
	// Source: the permissions and properties in the CloudFormation resource
	// schemas, and the documentation of each service; docs/evidence/types.md has
	// the evidence for each type.
	{name: "AWS::Athena::DataCatalog", reports: asBlindSpot(codeFederatedCatalog, mayBe("Type", "FEDERATED"))},
	{name: "AWS::CloudFormation::Stack", reports: asBlindSpot(codeNestedStack)},
	{name: "AWS::CodePipeline::Pipeline", reports: asBlindSpot(codeDeployingPipeline,
		mayRun("Stages", "CloudFormation", "CloudFormationStackInstances", "CloudFormationStackSet", "ServiceCatalog"))},
	{name: "AWS::CodeStarConnections::SyncConfiguration", reports: asBlindSpot(codeStackSync, mayBe("SyncType", "CFN_STACK_SYNC"))},
	{name: "AWS::ControlTower::EnabledBaseline", reports: asBlindSpot(codeControlTower)},
	{name: "AWS::ControlTower::LandingZone", reports: asBlindSpot(codeControlTower)},
	{name: "AWS::DataZone::Environment", reports: asBlindSpot(codeDataZoneEnvironment)},
	{name: "AWS::DataZone::EnvironmentBlueprintConfiguration", reports: asBlindSpot(codeDataZoneBlueprint, mayLackBoundary("EnvironmentRolePermissionBoundary"))},
	{name: "AWS::DataZone::Project", reports: asBlindSpot(codeDataZoneProject, mayHave("ProjectProfileId"))},
	{name: "AWS::Grafana::Workspace", reports: asBlindSpot(codeGrafanaWorkspace, mayBe("PermissionType", "SERVICE_MANAGED"), mayHave("StackSetName"))},
	{name: "AWS::LaunchWizard::Deployment", reports: asBlindSpot(codeLaunchWizard)},
	{name: "AWS::MWAA::Environment", reports: asBlindSpot(codeMWAAEnvironment, mayLack("ExecutionRoleArn"))},
	{name: "AWS::Organizations::Account", reports: asBlindSpot(codeOrganizationsAccount)},
	{name: "AWS::SSM::Document", reports: asBlindSpot(codeDeployingDocument,
		mayBe("DocumentType", "CloudFormation"), both(mayBe("DocumentType", "Automation"), mayDeploy("Content")))},
	{name: "AWS::SSMQuickSetup::ConfigurationManager", reports: asBlindSpot(codeQuickSetup)},
	{name: "AWS::SSO::Assignment", reports: asBlindSpot(codeAssignment, mayNameForeignSet("PermissionSetArn"))},
	{name: permissionSetType, reports: asBlindSpot(codePermissionSet, mayLackBoundary("PermissionsBoundary"))},
	{name: "AWS::SageMaker::Project", reports: asBlindSpot(codeSageMakerProject)},
	{name: "AWS::SecretsManager::RotationSchedule", reports: asBlindSpot(codeHostedRotation, mayHave("HostedRotationLambda"))},
	{name: "AWS::SecurityLake::Subscriber", reports: asBlindSpot(codeSecurityLake)},
	{name: "AWS::ServerlessRepo::Application", reports: asBlindSpot(codePublishedApplication)},
	{name: "AWS::ServiceCatalog::CloudFormationProduct", reports: asBlindSpot(codeProduct)},
	{name: "AWS::ServiceCatalog::CloudFormationProvisionedProduct", reports: asBlindSpot(codeProvisionedProduct)},
}

// resourceType says which roles a resource of a type creates, and what the macro
// does about them. Without rules, it creates none.
type resourceType struct {
	name string

	binds   []rule // roles in this stack that take a boundary
	refuses []rule // roles in this stack that take none
	reports []rule // roles elsewhere, which the macro cannot see

	rules []rule // all of the above

	// Properties that the rules depend on, each once. A loop that may make one of
	// them hides a role of this stack, or a role elsewhere.
	decisive, advisory []property
}

// rule finds what one kind of role needs in a resource: sites, escapes or blind
// spots.
type rule struct {
	// reads are the properties that the rule depends on. None may come from a
	// Fn::ForEach, which the macro does not expand.
	reads []property
	find  func(in *inspector, r *resource)
}

// createsRoles reports whether resources of the type create roles in this stack.
func (t *resourceType) createsRoles() bool { return len(t.binds)+len(t.refuses) > 0 }

// decision is the word of types/decisions.tsv for the type.
func (t *resourceType) decision() string {
	switch {
	case len(t.binds) > 0:
		return "bound"
	case len(t.refuses) > 0:
		return "refused"
	case len(t.reports) > 0:
		return "reported"
	}
	return "skipped"
}

var (
	typeNamed = map[string]*resourceType{}

	// suspects are the types with rules, in the order in which a Type that is
	// not a literal is suspected to be one of them: those that create roles in
	// this stack first.
	suspects []*resourceType
)

// A rule may inspect a template inside the template, and so leads back to the
// table: only an init function may close that circle.
func init() {
	for i := range types {
		t := &types[i]
		t.rules = slices.Concat(t.binds, t.refuses, t.reports)
		t.decisive, t.advisory = readsOf(t.binds, t.refuses), readsOf(t.reports)
		typeNamed[t.name] = t
		if len(t.rules) > 0 {
			suspects = append(suspects, t)
		}
	}
	slices.SortFunc(suspects, func(a, b *resourceType) int {
		if a.createsRoles() != b.createsRoles() {
			if a.createsRoles() {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.name, b.name)
	})
}

// readsOf returns the properties that rules depend on, each once.
func readsOf(lists ...[]rule) (all []property) {
	for _, r := range slices.Concat(lists...) {
		for _, p := range r.reads {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// Decisions returns the resource types that the engine knows, each with what is
// done about its roles: bound, refused, reported or skipped.
func Decisions() map[string]string {
	all := make(map[string]string, len(types))
	for i := range types {
		all[types[i].name] = types[i].decision()
	}
	return all
}
