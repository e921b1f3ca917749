package rules

import (
	"fmt"
	"slices"
	"strings"

	"permissions-boundary-macro/internal/printable"
)

// Code names a kind of finding. It is stable: people look it up in
// docs/troubleshooting.md, and filter logs and SARIF by it.
type Code string

// Codes of findings about loops and about functions in place of what decides.
const (
	codeTypeNotLiteral      Code = "type-not-literal"
	codeTypeInLoop          Code = "type-in-loop"
	codeForeignTypeInLoop   Code = "foreign-type-in-loop"
	codeMembersInLoop       Code = "members-in-loop"
	codeSectionInLoop       Code = "section-in-loop"
	codeLoopUnreadable      Code = "loop-unreadable"
	codeEventLoopUnreadable Code = "event-loop-unreadable"
	codeEventTypeNotLiteral Code = "event-type-not-literal"
	codeEventTypeInLoop     Code = "event-type-in-loop"
	codeVariableInBoundary  Code = "variable-in-boundary"
	codePropertiesMade      Code = "properties-made"
	codeUnknownFunction     Code = "unknown-function"
)

// Codes of findings about the shape of a template.
const (
	codeRepeated           Code = "repeated"
	codeRepeatedKey        Code = "repeated-key"
	codePropertiesNoObject Code = "properties-not-an-object"
	codeBesideResources    Code = "beside-resources"
	codeTypeWithoutID      Code = "type-without-logical-id"
	codeResourcesNoObject  Code = "resources-not-an-object"
	codeAmbiguousFragment  Code = "ambiguous-fragment"
	codeUnknownFragment    Code = "unknown-fragment"
	codePropertyValue      Code = "property-value"
	codeUnexpanded         Code = "unexpanded-transform"
	codeNotEditable        Code = "yaml-not-editable"
	codeBodyNotEditable    Code = "template-body-not-editable"
)

// Codes of findings about a boundary that is there already. Their names are what
// is there, and the boundary of the environment.
const (
	CodeConflict       Code = "conflicting-boundary"
	CodeGlobalConflict Code = "conflicting-global-boundary"
)

// Codes of findings about roles that SAM creates.
const (
	codeRoleMissing      Code = "sam-role-missing"
	codeRoleMayBeEmpty   Code = "sam-role-may-be-empty"
	codeDeploymentRole   Code = "code-deploy-role"
	codeGlobalsElsewhere Code = "globals-out-of-sight"
	codeUnknownSAMType   Code = "unknown-sam-type"
)

// Codes of findings about a template inside of another one.
const (
	codeBodyElsewhere    Code = "template-elsewhere"
	codeSetBodyElsewhere Code = "change-set-template-elsewhere"
	codeBodyTooDeep      Code = "template-too-deep"
	codeBodyTooLong      Code = "template-too-long"
	codeBodyNoTemplate   Code = "template-body-invalid"
	codeBodyInLoop       Code = "template-body-in-loop"
	codeBodyReference    Code = "template-body-reference"
	codeReferenceInName  Code = "reference-in-name"
	codeBodyTransform    Code = "template-body-transform"
	codeBodyInclude      Code = "template-body-include"
)

// Codes of findings about resources that create roles out of sight.
const (
	codeFederatedCatalog     Code = "federated-data-catalog"
	codeNestedStack          Code = "nested-stack"
	codeDeployingPipeline    Code = "deploying-pipeline"
	codeStackSync            Code = "stack-sync"
	codeControlTower         Code = "control-tower"
	codeDataZoneEnvironment  Code = "datazone-environment"
	codeDataZoneBlueprint    Code = "datazone-blueprint"
	codeDataZoneProject      Code = "datazone-project"
	codeGrafanaWorkspace     Code = "grafana-workspace"
	codeLaunchWizard         Code = "launch-wizard"
	codeMWAAEnvironment      Code = "mwaa-environment"
	codeOrganizationsAccount Code = "organizations-account"
	codeDeployingDocument    Code = "deploying-document"
	codeQuickSetup           Code = "quick-setup"
	codeAssignment           Code = "permission-set-assignment"
	codePermissionSet        Code = "permission-set"
	codeSageMakerProject     Code = "sagemaker-project"
	codeHostedRotation       Code = "hosted-rotation"
	codeSecurityLake         Code = "security-lake-subscriber"
	codeNestedApplication    Code = "nested-application"
	codePublishedApplication Code = "published-application"
	codeProduct              Code = "service-catalog-product"
	codeProvisionedProduct   Code = "provisioned-product"
	codeModule               Code = "module"
	codeThirdPartyType       Code = "third-party-type"
)

// macroName stands for the name that the macro is installed under.
const macroName = "MACRO"

// kind is what findings of one code say. %s in a reason stands for the names of
// the finding.
type kind struct {
	reason string
	remedy string
	// after is the transform that makes the finding go away when Transform lists
	// the macro after it. The remedy says so, and is empty here.
	after string
	// newer marks types that an older SAM does not know, and leaves alone.
	newer bool
}

const (
	languageExtensions = "AWS::LanguageExtensions"

	giveOnce       = "give it once"
	nameTheMacro   = "name MACRO in the section Transform of the template"
	addToTemplate  = "add MACRO to the Transform of that template, too"
	addToTemplates = "add MACRO to the Transform of those templates, too"
	setElsewhere   = "set the boundary on the roles that it creates"
	writeReference = "write out what it stands for, or make it a parameter of that template"
	resetBoundary  = ", or give it the boundary of the environment"
	withoutAnchors = "write its properties out, without anchors, aliases or merge keys, in block style"
)

// kinds are all findings of the engine, by code.
var kinds = map[Code]kind{
	codeTypeNotLiteral:      {reason: "has a Type that is not written out, so it may be a role", after: languageExtensions},
	codeTypeInLoop:          {reason: "has a Type made of a loop variable, so it may be %s", after: languageExtensions},
	codeForeignTypeInLoop:   {reason: "has a Type made of a loop variable, so it may be a module, an unknown SAM type or a type of a third party", after: languageExtensions},
	codeMembersInLoop:       {reason: "has members made by a loop, which may be %s", after: languageExtensions},
	codeSectionInLoop:       {reason: "is made by a loop and may be a section of the template", after: languageExtensions},
	codeLoopUnreadable:      {reason: "is not [identifier, collection, resources], so its resources cannot be read", after: languageExtensions},
	codeEventLoopUnreadable: {reason: "has events made by a Fn::ForEach that cannot be read", after: languageExtensions},
	codeEventTypeNotLiteral: {reason: "has an event whose Type is not written out, so it may create a role", remedy: "write the Type of the event"},
	codeEventTypeInLoop:     {reason: "has an event whose Type is made by a loop, so it may create a role", after: languageExtensions},
	codeVariableInBoundary:  {reason: "is in a loop whose variable may be one of %s", remedy: "give the loop another identifier"},
	codePropertiesMade:      {reason: "has Properties made by %s, which the macro cannot see into", remedy: "write the properties out"},
	codeUnknownFunction:     {reason: "is a function that this version of the macro does not know, so it may yield roles", remedy: "write out what it yields"},

	codeRepeated:           {reason: "is given twice", remedy: giveOnce},
	codeRepeatedKey:        {reason: "gives %s twice", remedy: giveOnce},
	codePropertiesNoObject: {reason: "has Properties that are not an object", remedy: "write the properties of the role"},
	codeBesideResources:    {reason: "is beside the section Resources, not in it", remedy: "indent it below Resources"},
	codeTypeWithoutID:      {reason: "is the type of a resource, not a resource", remedy: "indent it below the logical ID that it belongs to"},
	codeResourcesNoObject:  {reason: "is not an object, so the macro sees no resources", remedy: "write a logical ID for each resource below Resources"},
	codeAmbiguousFragment:  {reason: "may be the properties of a role or a map of resources", remedy: nameTheMacro},
	codeUnknownFragment:    {reason: "is neither a template, a map of resources, a resource nor the properties of a role", remedy: nameTheMacro},
	codePropertyValue: {
		reason: "has no resources or properties that take a boundary, as when Fn::Transform stands in place of the value of a property",
		remedy: "put Fn::Transform beside the other properties of the role, or list MACRO in the section Transform",
	},
	codeUnexpanded:      {reason: "is not expanded yet", remedy: "expand it first, or deploy through CloudFormation, which does"},
	codeNotEditable:     {reason: "on line %s is written in a way that cannot be edited in place", remedy: withoutAnchors},
	codeBodyNotEditable: {reason: "on line %s is written in a way that cannot be edited in place", remedy: "write its TemplateBody as a literal block (|)"},

	CodeConflict:       {reason: "has %s, its environment has %s", remedy: "remove PermissionsBoundary from it" + resetBoundary},
	CodeGlobalConflict: {reason: "has %s, its environment has %s", remedy: "remove PermissionsBoundary from Globals.Function" + resetBoundary},

	codeRoleMissing:      {reason: "has no %s, so SAM creates a role that takes no boundary", after: serverless, newer: true},
	codeRoleMayBeEmpty:   {reason: "gives %s a value that may be empty, so SAM may create a role that takes no boundary", after: serverless, newer: true},
	codeDeploymentRole:   {reason: "has a DeploymentPreference whose Role is missing or may be empty, so SAM creates a CodeDeployServiceRole that takes no boundary", after: serverless},
	codeGlobalsElsewhere: {reason: "is apart from the section Globals, which may have a DeploymentPreference, for which SAM creates a CodeDeployServiceRole", after: serverless},
	codeUnknownSAMType:   {reason: "is a SAM type that this version of the macro does not know", after: serverless, newer: true},

	codeBodyElsewhere:    {reason: "has a template that is not written out in TemplateBody", remedy: addToTemplate},
	codeSetBodyElsewhere: {reason: "has a template that is not written out in TemplateBody", remedy: "write that template into TemplateBody, or give it in TemplateURL with MACRO in its Transform"},
	codeBodyTooDeep:      {reason: "has a template inside of so many others that it is not read", remedy: "deploy it by a stack of its own"},
	codeBodyTooLong:      {reason: fmt.Sprintf("has a template in YAML beyond the %d bytes that the macro reads of such in one template", maxBodies), remedy: "write it in JSON, or deploy it with fewer others"},
	codeBodyNoTemplate:   {reason: "has a TemplateBody that is not a template in JSON or YAML", remedy: "correct the template, or add MACRO to its Transform"},
	codeBodyInLoop:       {reason: "has a TemplateBody made by a loop, which may put more than names into it", after: languageExtensions},
	codeBodyReference:    {reason: "has a dynamic reference in its TemplateBody, which CloudFormation resolves before it deploys the template", remedy: writeReference},
	codeReferenceInName:  {reason: "has a dynamic reference in a Type or a key of its template, which may make a role of a resource", remedy: writeReference},
	codeBodyTransform:    {reason: "has a template with the transform %s, which may add roles", remedy: "list MACRO last in the Transform of that template, too"},
	codeBodyInclude:      {reason: "runs when that template is deployed, and may add roles", remedy: "list MACRO last in the Transform of that template"},

	codeFederatedCatalog:     {reason: "may create a stack and a role for a federated source", remedy: "connect it to a Lambda function of your own"},
	codeNestedStack:          {reason: "is a nested stack, whose template the macro does not see", remedy: addToTemplate},
	codeDeployingPipeline:    {reason: "may have an action that deploys templates, which the macro does not see", remedy: addToTemplates},
	codeStackSync:            {reason: "may deploy templates from a repository, which the macro does not see", remedy: addToTemplates},
	codeControlTower:         {reason: "creates roles in the accounts that Control Tower governs", remedy: setElsewhere},
	codeDataZoneEnvironment:  {reason: "creates the stacks and roles of its blueprint", remedy: "set the EnvironmentRolePermissionBoundary of the blueprint's configuration in that account"},
	codeDataZoneBlueprint:    {reason: "creates roles in its environments", remedy: "set its EnvironmentRolePermissionBoundary"},
	codeDataZoneProject:      {reason: "has a project profile, whose environments may create stacks and roles", remedy: "set the EnvironmentRolePermissionBoundary of each blueprint's configuration in those accounts"},
	codeGrafanaWorkspace:     {reason: "may have roles that AWS creates for it", remedy: "set PermissionType to CUSTOMER_MANAGED and give it a RoleArn, without StackSetName"},
	codeLaunchWizard:         {reason: "deploys stacks of Launch Wizard, which the macro does not see", remedy: setElsewhere},
	codeMWAAEnvironment:      {reason: "may have an execution role that AWS creates for it", remedy: "give it an ExecutionRoleArn"},
	codeOrganizationsAccount: {reason: "creates an account with a role for its organization", remedy: "set the boundary on that role in the account"},
	codeDeployingDocument:    {reason: "may deploy a template or create roles when it runs", remedy: "add MACRO to the Transform of that template, or set the boundary where the role is created"},
	codeQuickSetup:           {reason: "deploys stacks of Systems Manager, which the macro does not see", remedy: "set the boundary on their roles in the accounts that they are deployed to"},
	codeAssignment:           {reason: "may create a role from a permission set that is not in this template", remedy: "set the boundary on that permission set"},
	codePermissionSet:        {reason: "creates roles in the accounts that it is assigned to", remedy: "set its PermissionsBoundary, which names a policy of those accounts"},
	codeSageMakerProject:     {reason: "deploys a template that the macro does not see", remedy: addToTemplate},
	codeHostedRotation:       {reason: "has a HostedRotationLambda, whose role AWS creates in a nested stack", remedy: "use RotationLambdaARN with a function of your own"},
	codeSecurityLake:         {reason: "has a role that AWS creates for the subscriber", remedy: setElsewhere},
	codeNestedApplication:    {reason: "becomes a nested stack, whose template the macro does not see", remedy: addToTemplate},
	codePublishedApplication: {reason: "holds a template that is deployed by those who use the application", remedy: addToTemplate},
	codeProduct:              {reason: "holds templates that are deployed when the product is provisioned", remedy: addToTemplate},
	codeProvisionedProduct:   {reason: "deploys the template of a product, which the macro does not see", remedy: addToTemplate},
	codeModule:               {reason: "is a module, whose resources CloudFormation adds after all macros", remedy: "bind the roles in the module, or deploy them in a stack that uses the macro"},
	codeThirdPartyType:       {reason: "is a type of a third party, whose code may create roles", remedy: setElsewhere},
}

// Codes are all that a finding can have, sorted.
func Codes() []Code {
	all := make([]Code, 0, len(kinds))
	for code := range kinds {
		all = append(all, code)
	}
	slices.Sort(all)
	return all
}

// About says what findings of a code are about, with NAME in place of what they
// name.
func (c Code) About() string { return strings.ReplaceAll(kinds[c].reason, "%s", "NAME") }

// Remedy says what to do about findings of a code, with MACRO in place of the
// macro's name.
func (c Code) Remedy() string { return Finding{Code: c, macro: macroName}.Remedy() }

// Finding is a resource that the macro cannot bind (an escape), cannot see into
// (a blind spot) or may not bind (a boundary that differs). It is data: the
// texts are made here, and nothing decides by them.
type Finding struct {
	Code      Code
	LogicalID string   // empty when the fragment does not tell
	Type      string   // empty when there is none
	Names     []string // what the reason names, such as properties
	Offset    int      // where it is in the fragment, in bytes
	Embedded  bool     // it is of the template of a StackSet, whose own Transform counts

	macro  string          // the name that the macro is installed under
	model  permissionModel // of the StackSet, whose template may take no transforms
	around bool            // a loop around the StackSet makes it: the Transform of the outer template counts
}

// PropertyValue is the finding of a fragment that is the value of a property.
func PropertyValue(macro string) Finding { return Finding{Code: codePropertyValue, macro: macro} }

func (f Finding) String() string { return f.Subject() + " " + f.Reason() + " [" + string(f.Code) + "]" }

// Subject names the resource, fit for one line.
func (f Finding) Subject() string {
	// Logical IDs are not checked before the macro runs.
	id := "the fragment"
	if f.LogicalID != "" {
		id = printable.Clip(f.LogicalID, 4*MaxID)
	}
	if f.Type == "" {
		return id
	}
	return fmt.Sprintf("%s (%s)", id, f.Type)
}

// Reason says what is wrong with the resource.
func (f Finding) Reason() string {
	reason := kinds[f.Code].reason
	if strings.Count(reason, "%s") == len(f.Names) {
		names := make([]any, len(f.Names))
		for i := range f.Names {
			names[i] = f.Names[i]
		}
		return fmt.Sprintf(reason, names...)
	}
	return fmt.Sprintf(reason, strings.Join(f.Names, " or "))
}

// SolvedBy is the transform that makes the finding go away when the template
// lists the macro after it, empty when there is none.
func (f Finding) SolvedBy() string {
	if f.Embedded {
		return ""
	}
	return kinds[f.Code].after
}

// Remedy says what to do.
func (f Finding) Remedy() string {
	k := kinds[f.Code]
	remedy := k.remedy
	switch {
	case k.after != "" && f.Embedded && !f.around:
		remedy = f.model.remedy("list MACRO after " + k.after + " in the Transform of that template")
	case k.after != "":
		remedy = "list MACRO after " + k.after + " in Transform"
	case f.Code == codeBodyElsewhere, f.Code == codeBodyTransform, f.Code == codeBodyInclude:
		remedy = f.model.remedy(remedy)
	}
	return strings.ReplaceAll(remedy, macroName, f.macro)
}

// bindPortable is the remedy where a template takes no transforms. Source:
// CloudFormation's API reference, CreateStackSet.
const bindPortable = "deploy a template without transforms, bound by pbm transform --portable: a service-managed StackSet takes none"

// remedy is one that needs a transform, as it applies to the model.
func (m permissionModel) remedy(transform string) string {
	switch m {
	case serviceManaged:
		return bindPortable
	case unsureManaged:
		return transform + ", or " + bindPortable
	}
	return transform
}

// deploymentRemedy is Remedy where the macro has run. It cannot know whether it
// is listed after SAM already; who has the template can.
func (f Finding) deploymentRemedy() string {
	if kinds[f.Code].newer && !f.Embedded {
		return f.Remedy() + "; if it is listed there already, SAM does not know this type"
	}
	return f.Remedy()
}

// maxFindings is how many findings a message names. StatusReason, where
// CloudFormation shows the message, is one string.
const maxFindings = 10

// Refusal is the error of a template that cannot pass.
type Refusal struct {
	Findings []Finding // at least one, in source order
}

func (r *Refusal) Error() string {
	var parts []string
	for _, f := range r.Findings[:min(len(r.Findings), maxFindings)] {
		parts = append(parts, f.String())
	}
	if more := len(r.Findings) - maxFindings; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

// Message names each remedy once, behind the findings that it is for.
func (r *Refusal) Message() string {
	var b strings.Builder
	shown := r.Findings[:min(len(r.Findings), maxFindings)]
	for i, f := range shown {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.String())
		if i == len(shown)-1 || shown[i+1].deploymentRemedy() != f.deploymentRemedy() {
			b.WriteString(": " + f.deploymentRemedy())
		}
	}
	if more := len(r.Findings) - len(shown); more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}
