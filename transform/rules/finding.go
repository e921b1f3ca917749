package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"permissions-boundary-macro/internal/printable"
)

// Code identifies a kind of finding. Codes are stable: people look them up in
// docs/troubleshooting.md, and filter logs and SARIF by them.
type Code string

// wording is what findings with a code say.
type wording struct {
	reason string // in which %s stands for the names of the finding
	about  string // the reason without names, where that has some
	// unnamed is the reason of a finding without names, if that may happen.
	unnamed string
	remedy  string // in which MACRO stands for the name of the macro

	// after is a transform. Listing the macro after it in Transform makes the
	// finding go away, and is the remedy.
	after string
	// newer marks findings about types that an older SAM does not know.
	newer bool
}

// wordings has every code.
var wordings = map[Code]wording{}

// define adds a code. To add a kind of finding, add a row below, a case in
// testdata that has the finding, and run go test -run TestCodesPage -update.
func define(code Code, w wording) Code {
	wordings[code] = w
	return code
}

// macroName stands for the name that the macro is installed under.
const macroName = "MACRO"

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

// Findings about loops, and functions in place of literals.
var (
	codeTypeNotLiteral      = define("type-not-literal", wording{reason: "has a Type that is not written out, so it may be a role", after: languageExtensions})
	codeTypeInLoop          = define("type-in-loop", wording{reason: "has a Type built from a loop variable, so it may be %s", about: "has a Type built from a loop variable, so it may be a role", after: languageExtensions})
	codeForeignTypeInLoop   = define("foreign-type-in-loop", wording{reason: "has a Type built from a loop variable, so it may be a module, an unknown SAM type or a third-party type", after: languageExtensions})
	codeMembersInLoop       = define("members-in-loop", wording{reason: "has members made by a loop, which may be %s", about: "has members made by a loop, which may be those that the macro reads", after: languageExtensions})
	codeSectionInLoop       = define("section-in-loop", wording{reason: "is made by a loop and may be a section of the template", after: languageExtensions})
	codeLoopUnreadable      = define("loop-unreadable", wording{reason: "is not [identifier, collection, resources], so its resources cannot be read", after: languageExtensions})
	codeEventLoopUnreadable = define("event-loop-unreadable", wording{reason: "has events made by a Fn::ForEach that cannot be read", after: languageExtensions})
	codeEventTypeNotLiteral = define("event-type-not-literal", wording{reason: "has an event whose Type is not written out, so it may create a role", remedy: "write the Type of the event"})
	codeEventTypeInLoop     = define("event-type-in-loop", wording{reason: "has an event whose Type is made by a loop, so it may create a role", after: languageExtensions})
	codeVariableInBoundary  = define("variable-in-boundary", wording{reason: "is in a loop whose variable may be one of %s", about: "is in a loop whose variable may be part of its boundary", remedy: "give the loop another identifier"})
	codeUnknownFunction     = define("unknown-function", wording{reason: "is a function that this version of the macro does not know, so it may yield roles", remedy: "write out what it yields"})
	codePropertiesMade      = define("properties-made", wording{reason: "has Properties made by %s, which the macro cannot see into", about: "has Properties made by a function, which the macro cannot see into", remedy: "write the properties out"})
)

// Findings about the shape of a template.
var (
	codeRepeated           = define("repeated", wording{reason: "is given twice", remedy: giveOnce})
	codeRepeatedKey        = define("repeated-key", wording{reason: "gives %s twice", about: "gives a key twice", remedy: giveOnce})
	codePropertiesNoObject = define("properties-not-an-object", wording{reason: "has Properties that are not an object", remedy: "write the properties of the role"})
	codeBesideResources    = define("beside-resources", wording{reason: "is beside the section Resources, not in it", remedy: "indent it below Resources"})
	codeTypeWithoutID      = define("type-without-logical-id", wording{reason: "is the type of a resource, not a resource", remedy: "indent it below the logical ID that it belongs to"})
	codeResourcesNoObject  = define("resources-not-an-object", wording{reason: "is not an object, so the macro sees no resources", remedy: "write a logical ID for each resource below Resources"})
	codeAmbiguousFragment  = define("ambiguous-fragment", wording{reason: "may be the properties of a role or a map of resources", remedy: nameTheMacro})
	codeUnknownFragment    = define("unknown-fragment", wording{reason: "is neither a template, a map of resources, a resource nor the properties of a role", remedy: nameTheMacro})
	codePropertyValue      = define("property-value", wording{reason: "has no resources or properties that take a boundary, as when Fn::Transform stands in place of the value of a property", remedy: "put Fn::Transform beside the other properties of the role, or list MACRO in the section Transform"})
	codeUnexpanded         = define("unexpanded-transform", wording{reason: "is not expanded yet", remedy: "expand it first, or deploy through CloudFormation, which does"})
	codeNotEditable        = define("yaml-not-editable", wording{reason: "on line %s is written in a way that cannot be edited in place", about: "is written in a way that cannot be edited in place", remedy: withoutAnchors})
	codeBodyNotEditable    = define("template-body-not-editable", wording{reason: "on line %s is written in a way that cannot be edited in place", about: "has a TemplateBody that is written in a way that cannot be edited in place", remedy: "write its TemplateBody as a literal block (|)"})
)

// Findings about a boundary that exists already: the names are what exists, and the boundary of
// the environment.
var (
	CodeConflict       = define("conflicting-boundary", wording{reason: "has %s, its environment has %s", about: "has another boundary than its environment", remedy: "remove PermissionsBoundary from it" + resetBoundary})
	CodeGlobalConflict = define("conflicting-global-boundary", wording{reason: "has %s, its environment has %s", about: "has another boundary than its environment, from Globals.Function", remedy: "remove PermissionsBoundary from Globals.Function" + resetBoundary})
)

// Findings about roles that SAM creates.
var (
	codeRoleMissing      = define("sam-role-missing", wording{reason: "has no %s, so SAM creates a role that takes no boundary", about: "has no property that names a role, so SAM creates a role that takes no boundary", after: serverless, newer: true})
	codeRoleMayBeEmpty   = define("sam-role-may-be-empty", wording{reason: "gives %s a value that may be empty, so SAM may create a role that takes no boundary", about: "names a role by a value that may be empty, so SAM may create a role that takes no boundary", after: serverless, newer: true})
	codeDeploymentRole   = define("code-deploy-role", wording{reason: "has a DeploymentPreference whose Role is missing or may be empty, so SAM creates a CodeDeployServiceRole that takes no boundary", after: serverless})
	codeGlobalsElsewhere = define("globals-out-of-sight", wording{reason: "is apart from the section Globals, which may have a DeploymentPreference, for which SAM creates a CodeDeployServiceRole", after: serverless})
	codeUnknownSAMType   = define("unknown-sam-type", wording{reason: "is a SAM type that this version of the macro does not know", after: serverless, newer: true})
)

// Findings about a template inside another one.
var (
	codeBodyElsewhere    = define("template-elsewhere", wording{reason: "has a template that is not written out in TemplateBody", remedy: addToTemplate})
	codeSetBodyElsewhere = define("change-set-template-elsewhere", wording{reason: "has a template that is not written out in TemplateBody", remedy: "write that template into TemplateBody, or give it in TemplateURL with MACRO in its Transform"})
	codeBodyTooDeep      = define("template-too-deep", wording{reason: "has a template inside of so many others that it is not read", remedy: "deploy it by a stack of its own"})
	codeBodyTooLong      = define("template-too-long", wording{reason: fmt.Sprintf("has a template in YAML beyond the %d bytes that the macro reads of such in one template", maxBodies), remedy: "write it in JSON, or deploy it with fewer others"})
	codeBodyNoTemplate   = define("template-body-invalid", wording{reason: "has a TemplateBody that is not a template in JSON or YAML", remedy: "correct the template, or add MACRO to its Transform"})
	codeBodyInLoop       = define("template-body-in-loop", wording{reason: "has a TemplateBody built by a loop, which may insert more than names", after: languageExtensions})
	codeBodyReference    = define("template-body-reference", wording{reason: "has a dynamic reference in its TemplateBody, which CloudFormation resolves before it deploys the template", remedy: writeReference})
	codeReferenceInName  = define("reference-in-name", wording{reason: "has a dynamic reference in a Type or a key of its template, which may make a role of a resource", remedy: writeReference})
	codeBodyTransform    = define("template-body-transform", wording{reason: "has a template with the transform %s, which may add roles", about: "has a template with a transform that may add roles", unnamed: "has a template with a transform that is not written out, which may add roles", remedy: "list MACRO last in the Transform of that template, too"})
	codeBodyInclude      = define("template-body-include", wording{reason: "runs when that template is deployed, and may add roles", remedy: "list MACRO last in the Transform of that template"})
)

// Findings about resources that create roles out of sight.
var (
	codeFederatedCatalog     = define("federated-data-catalog", wording{reason: "may create a stack and a role for a federated source", remedy: "connect it to a Lambda function of your own"})
	codeNestedStack          = define("nested-stack", wording{reason: "is a nested stack, whose template the macro does not see", remedy: addToTemplate})
	codeDeployingPipeline    = define("deploying-pipeline", wording{reason: "may have an action that deploys templates, which the macro does not see", remedy: addToTemplates})
	codeStackSync            = define("stack-sync", wording{reason: "may deploy templates from a repository, which the macro does not see", remedy: addToTemplates})
	codeControlTower         = define("control-tower", wording{reason: "creates roles in the accounts that Control Tower governs", remedy: setElsewhere})
	codeDataZoneEnvironment  = define("datazone-environment", wording{reason: "creates the stacks and roles of its blueprint", remedy: "set the EnvironmentRolePermissionBoundary of the blueprint's configuration in that account"})
	codeDataZoneBlueprint    = define("datazone-blueprint", wording{reason: "creates roles in its environments", remedy: "set its EnvironmentRolePermissionBoundary"})
	codeDataZoneProject      = define("datazone-project", wording{reason: "has a project profile, whose environments may create stacks and roles", remedy: "set the EnvironmentRolePermissionBoundary of each blueprint's configuration in those accounts"})
	codeGrafanaWorkspace     = define("grafana-workspace", wording{reason: "may have roles that AWS creates for it", remedy: "set PermissionType to CUSTOMER_MANAGED and give it a RoleArn, without StackSetName"})
	codeLaunchWizard         = define("launch-wizard", wording{reason: "deploys stacks of Launch Wizard, which the macro does not see", remedy: setElsewhere})
	codeMWAAEnvironment      = define("mwaa-environment", wording{reason: "may have an execution role that AWS creates for it", remedy: "give it an ExecutionRoleArn"})
	codeOrganizationsAccount = define("organizations-account", wording{reason: "creates an account with a role for its organization", remedy: "set the boundary on that role in the account"})
	codeDeployingDocument    = define("deploying-document", wording{reason: "may deploy a template or create roles when it runs", remedy: "add MACRO to the Transform of that template, or set the boundary where the role is created"})
	codeQuickSetup           = define("quick-setup", wording{reason: "deploys stacks of Systems Manager, which the macro does not see", remedy: "set the boundary on their roles in the accounts that they are deployed to"})
	codeAssignment           = define("permission-set-assignment", wording{reason: "may create a role from a permission set that is not in this template", remedy: "set the boundary on that permission set"})
	codePermissionSet        = define("permission-set", wording{reason: "creates roles in the accounts that it is assigned to", remedy: "set its PermissionsBoundary, which names a policy of those accounts"})
	codeSageMakerProject     = define("sagemaker-project", wording{reason: "deploys a template that the macro does not see", remedy: addToTemplate})
	codeHostedRotation       = define("hosted-rotation", wording{reason: "has a HostedRotationLambda, whose role AWS creates in a nested stack", remedy: "use RotationLambdaARN with a function of your own"})
	codeSecurityLake         = define("security-lake-subscriber", wording{reason: "has a role that AWS creates for the subscriber", remedy: setElsewhere})
	codeNestedApplication    = define("nested-application", wording{reason: "becomes a nested stack, whose template the macro does not see", remedy: addToTemplate})
	codePublishedApplication = define("published-application", wording{reason: "holds a template that is deployed by those who use the application", remedy: addToTemplate})
	codeProduct              = define("service-catalog-product", wording{reason: "holds templates that are deployed when the product is provisioned", remedy: addToTemplate})
	codeProvisionedProduct   = define("provisioned-product", wording{reason: "deploys the template of a product, which the macro does not see", remedy: addToTemplate})
	codeModule               = define("module", wording{reason: "is a module, whose resources CloudFormation adds after all macros", remedy: "bind the roles in the module, or deploy them in a stack that uses the macro"})
	codeThirdPartyType       = define("third-party-type", wording{reason: "is a third-party type, whose code may create roles", remedy: setElsewhere})
)

// Codes returns all codes, sorted.
func Codes() []Code {
	all := make([]Code, 0, len(wordings))
	for code := range wordings {
		all = append(all, code)
	}
	slices.Sort(all)
	return all
}

// About returns the reason of findings with the code, without their names.
func (c Code) About() string { return cmp.Or(wordings[c].about, wordings[c].reason) }

// Remedy returns the remedy for findings with the code, with MACRO in place of the
// name of the macro.
func (c Code) Remedy() string { return Finding{Code: c, macro: macroName}.Remedy() }

// Finding is a resource that the macro cannot bind (an escape), cannot see into
// (a blind spot) or must not bind (a conflict: see [Verdict.Bind]). A finding is
// data. Its text is for people; no code depends on it.
type Finding struct {
	Code      Code
	LogicalID string   // empty for the fragment itself
	Type      string   // resource type, or empty
	Names     []string // what the reason names, such as properties
	Offset    int      // of the resource in the fragment, in bytes

	// Embedded is set for a finding in the template of a StackSet or change set,
	// whose own Transform is the one to change.
	Embedded bool
	Inside   Inside // the place in that template, or in the outermost if there are several

	// Accepted is the reason for which the resource accepts the blind spot, clipped;
	// empty if it does not.
	Accepted string

	// Was and Certain are those of the Change that a conflict prevents.
	Was     string
	Certain bool

	macro  string          // the name that the macro is installed under
	model  permissionModel // of the StackSet: its template may not allow transforms
	around bool            // caused by a loop around the StackSet, so the outer Transform is the one to change
}

// PropertyValue returns the finding about a fragment that is the value of a
// property.
func PropertyValue(macro string) Finding { return Finding{Code: codePropertyValue, macro: macro} }

// String returns the finding on one line, without its remedy.
func (f Finding) String() string { return f.Subject() + " " + f.Reason() + " [" + string(f.Code) + "]" }

// Subject returns the logical ID and type of the resource, clipped.
func (f Finding) Subject() string {
	// CloudFormation checks logical IDs only after the macro has run.
	id := "the fragment"
	if f.LogicalID != "" {
		id = printable.Clip(f.LogicalID, 4*MaxID)
	}
	if f.Type == "" {
		return id
	}
	return fmt.Sprintf("%s (%s)", id, f.Type)
}

// Reason returns what is wrong with the resource, as a predicate.
func (f Finding) Reason() string {
	reason := wordings[f.Code].reason
	if unnamed := wordings[f.Code].unnamed; unnamed != "" && len(f.Names) == 0 {
		return unnamed
	}
	if strings.Count(reason, "%s") == len(f.Names) {
		names := make([]any, len(f.Names))
		for i := range f.Names {
			names[i] = f.Names[i]
		}
		return fmt.Sprintf(reason, names...)
	}
	return fmt.Sprintf(reason, strings.Join(f.Names, " or "))
}

// IsOfOtherTemplate reports whether the finding is about a template that another
// file has.
func (f Finding) IsOfOtherTemplate() bool {
	return f.Code == codeNestedStack || f.Code == codeNestedApplication || f.Code == codeBodyElsewhere
}

// SolvedBy returns the transform that the template must list the macro after to
// make the finding go away, or "" if that does not help.
func (f Finding) SolvedBy() string {
	if f.Embedded {
		return ""
	}
	return wordings[f.Code].after
}

// Remedy returns what to do about the finding.
func (f Finding) Remedy() string {
	k := wordings[f.Code]
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

// bindPortable is the remedy for a template that may not have transforms.
// Source: CloudFormation's API reference, CreateStackSet.
const bindPortable = "deploy a template without transforms, bound by pbm transform --portable: a service-managed StackSet takes none"

// remedy returns a remedy that needs a transform, adapted to the model.
func (m permissionModel) remedy(transform string) string {
	switch m {
	case serviceManaged:
		return bindPortable
	case unknownModel:
		return transform + ", or " + bindPortable
	}
	return transform
}

// deploymentRemedy is Remedy in an answer to CloudFormation. The macro does not
// see Transform, so it cannot tell whether it is listed after SAM already.
func (f Finding) deploymentRemedy() string {
	if wordings[f.Code].newer && !f.Embedded {
		return f.Remedy() + "; if it is listed there already, SAM does not know this type"
	}
	return f.Remedy()
}

// maxFindings is how many findings a message lists. CloudFormation shows the
// message in a single string, StatusReason.
const maxFindings = 10

// Refusal is the error for a template that must not be deployed as it is.
type Refusal struct {
	Findings []Finding // at least one, in source order
}

// Error returns the findings without remedies.
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

// Message returns the findings with their remedies. A remedy follows the last of
// consecutive findings that share it.
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

// MaxID is the longest logical ID, in bytes. CloudFormation refuses longer ones;
// here they are clipped, because each of many findings holds one.
// Source: CloudFormation quotas.
const MaxID = 255

// findings collects the findings of one template.
type findings struct {
	within  string    // the logical IDs of the StackSets around the template, each with a slash
	Escapes []Finding // roles that the macro cannot bind
	Blind   []Finding // resources that may create roles out of sight
	Excuses []Finding // entries of Accept without effect
}

// id returns a logical ID, after the IDs of the StackSets around the template.
// The empty ID stands for the template itself.
func (fs *findings) id(logicalID []byte) string {
	if len(logicalID) == 0 {
		return strings.TrimSuffix(fs.within, "/")
	}
	if len(logicalID) > MaxID {
		logicalID = append(logicalID[:MaxID:MaxID], "..."...)
	}
	return fs.within + string(logicalID)
}

func (fs *findings) escape(code Code, id []byte, typ string, at int, names ...string) {
	fs.escapeID(code, fs.id(id), typ, at, names...)
}

// escapeID is escape with an ID that id has returned.
func (fs *findings) escapeID(code Code, id, typ string, at int, names ...string) {
	fs.Escapes = append(fs.Escapes, Finding{Code: code, LogicalID: id, Type: printable.Clip(typ, MaxID), Names: names, Offset: at})
}

func (fs *findings) blindSpot(code Code, id []byte, typ string, at int, names ...string) {
	fs.Blind = append(fs.Blind, Finding{Code: code, LogicalID: fs.id(id), Type: printable.Clip(typ, MaxID), Names: names, Offset: at})
}

// nameMacro sets the name that the macro is installed under.
func nameMacro(all []Finding, macro string) {
	for i := range all {
		all[i].macro = macro
	}
}
