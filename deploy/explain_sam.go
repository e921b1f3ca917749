package deploy

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/policy/sam"
	"permissions-boundary-macro/transform/template"
)

// samReader reads the roles that SAM makes of resources, by the logical IDs that they
// have in the processed template. The rules are those of the SAM translator
// (aws-sam-translator, in the version of package sam), against which
// e2e/explain_sam_test.go compares them. What SAM would refuse is not in sight.
type samReader struct {
	granteeReader
	globals template.Node // the section Globals
}

// samRoleTypes are SAM's types that may make roles, with the property that names a role
// in place of those.
var samRoleTypes = map[string]string{
	functionType:                        "Role",
	stateMachineType:                    "Role",
	"AWS::Serverless::CapacityProvider": "OperatorRole",
	"AWS::Serverless::GraphQLApi":       "", // it makes several
	"AWS::Serverless::MicrovmImage":     "BuildRoleArn",
	"AWS::Serverless::NetworkConnector": "OperatorRole",
	"AWS::Serverless::WebFunction":      "ExecutionRoleArn",
}

func (r samReader) read() {
	resources := r.Resources(slices.Collect(maps.Keys(samRoleTypes))...)
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		resource := resources[id]
		switch resource.Type {
		case functionType:
			r.function(id, resource)
		case stateMachineType:
			r.stateMachine(id, resource)
		default:
			if property := samRoleTypes[resource.Type]; property == "" || !isGiven(resource.Properties.Get(property)) {
				r.grantee(id, resource.Offset).notInSight("what SAM makes of " + resource.Type)
			}
		}
	}
}

// function reads the roles of a function.
func (r samReader) function(id string, resource template.Resource) {
	p := withGlobals(resource, r.globals.Get("Function"))
	role := r.newGrantee(id+"Role", resource.Offset)
	if makesFunctionRole(p.Get("Role")) {
		r.roles[role.name] = role
	}
	r.addTransformed(role, id, p, "DeadLetterQueue", "EventInvokeConfig", "Events", "Tracing", "VpcConfig")
	if function := r.globals.Get("Function"); resource.IgnoreGlobals.Text != "*" && (isFunction(r.globals) || isFunction(function)) {
		role.notInSight("what a function adds to Globals")
	}
	basic := "service-role/AWSLambdaBasicExecutionRole"
	if isGiven(p.Get("DurableConfig")) {
		basic = "service-role/AWSLambdaBasicDurableExecutionRolePolicy"
	}
	role.attachAWS(basic)
	r.trace(role, p.Get("Tracing"))
	if isGiven(p.Get("VpcConfig")) {
		role.attachAWS("service-role/AWSLambdaVPCAccessExecutionRole")
	}
	r.policies(role, id, p.Get("Policies"))
	if queue := p.Get("DeadLetterQueue"); isGiven(queue) {
		r.send(role, id, "DeadLetterQueue", queue.Get("Type"), queue.Get("TargetArn"), "SQS", "SNS")
	}
	if destinations := p.Get("EventInvokeConfig").Get("DestinationConfig"); isGiven(destinations) {
		r.invokeDestinations(role, id, destinations)
	}
	r.eachEvent(role, p.Get("Events"), func(name string, event template.Node) { r.functionEvent(role, id, name, event, p) })
	r.deployments(resource, p.Get("DeploymentPreference"))
}

// makesFunctionRole reports whether SAM makes a role for a function that has this
// property, in some deployments at least.
func makesFunctionRole(role template.Node) bool {
	name, argument := role.Only()
	if name == "Fn::If" && len(argument.Elements) == 3 {
		return isNoValue(argument.Elements[1]) || isNoValue(argument.Elements[2])
	}
	return role.Absent() || role.IsNull()
}

// trace adds the policy for X-Ray. SAM knows the values of parameters.
func (r samReader) trace(role *grantee, tracing template.Node) {
	name, _ := tracing.Only()
	if isGiven(tracing) && tracing.Text != "Disabled" {
		role.attachXRay(name == "Ref" || name == "Fn::Sub")
	}
}

// invokeDestinations reads where a function's asynchronous invocations end.
func (r samReader) invokeDestinations(role *grantee, id string, destinations template.Node) {
	for _, when := range []string{"OnSuccess", "OnFailure"} {
		to := destinations.Get(when)
		if to.Absent() || to.IsNull() {
			continue
		}
		typ, arn := to.Get("Type"), to.Get("Destination")
		if made := generatedARN[typ.Text]; made != "" && (arn.Absent() || arn.IsNull()) {
			arn = textAt(to.Start, made)
		}
		r.send(role, id, "EventInvokeConfig, "+when, typ, arn, "SQS", "SNS", "EventBridge", "Lambda", "S3Bucket")
	}
}

// generatedARN are the ARNs of what SAM makes where it is given no ARN.
var generatedARN = map[string]string{
	"SQS": arnForms["AWS::SQS::Queue"].arn(policy.NotInSight),
	"SNS": arnForms["AWS::SNS::Topic"].arn(policy.NotInSight),
}

// send lets a role send to a destination, of one of the types that SAM has there.
func (r samReader) send(role *grantee, id, place string, typ, arn template.Node, types ...string) {
	name := "what SAM adds for " + place
	if !slices.Contains(types, typ.Text) || !isGiven(arn) {
		role.notInSight(name)
		return
	}
	r.addDocument(role, id, name, samDocuments[typ.Text], map[string]template.Node{"Arn": arn}, arn.Start)
}

// samDocuments are the policies that let a role use something, by SAM's name of its
// type.
var samDocuments = map[string]string{
	"EventBridge":  `{"Statement": [{"Effect": "Allow", "Action": "events:PutEvents", "Resource": {"Ref": "Arn"}}]}`,
	"Lambda":       `{"Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": {"Ref": "Arn"}}]}`,
	"S3":           samBucketDocument,
	"S3Bucket":     samBucketDocument,
	"SNS":          `{"Statement": [{"Effect": "Allow", "Action": "sns:Publish", "Resource": {"Ref": "Arn"}}]}`,
	"SQS":          `{"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Ref": "Arn"}}]}`,
	"StateMachine": `{"Statement": [{"Effect": "Allow", "Action": "states:StartExecution", "Resource": {"Ref": "Arn"}}]}`,
}

const samBucketDocument = `{"Statement": [
	{"Effect": "Allow", "Action": "s3:PutObject", "Resource": {"Fn::Join": ["/", [{"Ref": "Arn"}, "*"]]}},
	{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": {"Ref": "Arn"}}
]}`

// deployments reads the role with which CodeDeploy shifts traffic. All functions share
// it.
func (r samReader) deployments(resource template.Resource, preference template.Node) {
	enabled := preference.Get("Enabled")
	isEnabled := enabled.Absent() || isGiven(enabled) && !strings.EqualFold(enabled.Text, "false")
	const name = "CodeDeployServiceRole"
	if isGiven(preference) && isEnabled && !isGiven(preference.Get("Role")) && r.roles[name] == nil {
		r.grantee(name, resource.Offset).attachAWS("service-role/AWSCodeDeployRoleForLambda")
	}
}

// stateMachine reads the roles of a state machine.
func (r samReader) stateMachine(id string, resource template.Resource) {
	p := resource.Properties
	if !isGiven(p.Get("Role")) {
		role := r.grantee(id+"Role", resource.Offset)
		r.addTransformed(role, id, p, "Events", "Tracing")
		r.policies(role, id, p.Get("Policies"))
		if p.Get("Tracing").Get("Enabled").Kind == jsontext.KindTrue {
			role.attachXRay(false)
		}
	}
	arn := textAt(resource.Offset, r.known[id])
	if isGiven(p.Get("UseAliasAsEventTarget")) {
		arn.Text = policy.NotInSight
	}
	events := r.newGrantee(id, resource.Offset)
	r.eachEvent(events, p.Get("Events"), func(name string, event template.Node) {
		r.stateMachineEvent(id, name, event, arn)
	})
	if len(events.policies) > 0 {
		r.roles[id] = events
	}
}

// addTransformed tells what Fn::Transform adds to a resource and to some of its
// properties before SAM reads them.
func (r samReader) addTransformed(role *grantee, id string, p template.Node, properties ...string) {
	if isFunction(p) || r.foreign[id] {
		role.notInSight(addedProperties)
	}
	for _, name := range properties {
		if isTransformed(p.Get(name)) {
			role.notInSight("what Fn::Transform adds to " + name)
		}
	}
}

// isTransformed reports whether a Fn::Transform stands in a value.
func isTransformed(n template.Node) bool {
	return slices.ContainsFunc(n.Elements, isTransformed) ||
		slices.ContainsFunc(n.Members, func(m template.Member) bool { return m.Name == fnTransform || isTransformed(m.Value) })
}

// policies reads the property Policies.
func (r samReader) policies(role *grantee, id string, list template.Node) {
	eachAlternative(list, false, func(list template.Node, conditional bool) {
		eachElement(list, conditional, func(entry template.Node, conditional bool) {
			r.policy(role, id, entry, conditional)
		})
	})
}

// policy reads a managed policy, an inline policy or a policy template.
func (r samReader) policy(role *grantee, id string, entry template.Node, conditional bool) {
	name, parameters := entry.Only()
	switch {
	case entry.IsString():
		r.addNamed(role, id, entry, conditional)
	case name == "Ref" || strings.HasPrefix(name, "Fn::"):
		r.addManaged(role, id, entry, conditional)
	case !entry.Get("Statement").Absent():
		role.add(r.reader(id), "inline policy", entry, conditional)
	case name != "":
		r.addTemplate(role, id, name, entry.Start, parameters)
	default:
		role.notInSight("an entry of Policies that SAM does not know")
	}
}

// addNamed adds a managed policy by its ARN, or one of AWS by its name.
func (r samReader) addNamed(role *grantee, id string, name template.Node, conditional bool) {
	path, known := sam.Embedded().ManagedPolicies[name.Text]
	switch {
	case known:
		name.Text = awsPolicies + path
	case !strings.HasPrefix(name.Text, "arn:"):
		role.notInSight("managed policy " + shownText(r.reader(id).text(name)))
		return
	}
	r.addManaged(role, id, name, conditional)
}

// addTemplate adds what a policy template makes.
func (r samReader) addTemplate(role *grantee, id, name string, at int, parameters template.Node) {
	of, known := sam.Embedded().PolicyTemplates[name]
	p := grantedPolicy{name: "policy template " + name}
	values := parameters.ByName()
	missing := slices.IndexFunc(of.Parameters, func(parameter string) bool { return values[parameter].Absent() })
	switch {
	case !known:
		p.problem = "SAM " + sam.Embedded().Version + " has no such template"
	case !parameters.IsObject() || isFunction(parameters):
		p.problem = "its parameters are not an object"
	case missing >= 0:
		p.problem = "it has no " + of.Parameters[missing]
	default:
		r.addDocument(role, id, p.name, string(of.Document), values, at)
		return
	}
	role.policies = append(role.policies, p)
}

// addDocument adds a document that SAM makes, in which {"Ref": NAME} stands for a value
// of the template. Its statements are at an offset of the template.
func (r samReader) addDocument(role *grantee, id, name, document string, values map[string]template.Node, at int) {
	reader := r.reader(id)
	made := placed(template.Whole([]byte(document)), at, func(n template.Node) template.Node {
		if function, argument := n.Only(); function == "Ref" {
			if value, given := values[argument.Text]; given {
				return textAt(at, reader.policyText(value))
			}
		}
		return n
	})
	// What the loop around a resource makes is in the values alone.
	role.add(documentReader{known: r.known}, name, made, false)
}

// placed is a value as if it stood at an offset of the template, after each value in it
// has been replaced.
func placed(n template.Node, at int, replace func(template.Node) template.Node) template.Node {
	n = replace(n)
	n.Start = at
	n.Members, n.Elements = slices.Clone(n.Members), slices.Clone(n.Elements)
	for i := range n.Members {
		n.Members[i].Value = placed(n.Members[i].Value, at, replace)
	}
	for i := range n.Elements {
		n.Elements[i] = placed(n.Elements[i], at, replace)
	}
	return n
}

// textAt is a text as if it stood at an offset of the template.
func textAt(at int, text string) template.Node {
	n := template.Node{Kind: jsontext.KindString, Text: text}
	n.Start, n.End = at, at+len(text)
	return n
}

// awsPolicies begins the ARNs of AWS's managed policies.
const awsPolicies = "arn:${AWS::Partition}:iam::aws:policy/"

// attachAWS attaches a managed policy of AWS.
func (g *grantee) attachAWS(pathAndName string) {
	g.policies = append(g.policies, grantedPolicy{name: "managed policy " + awsPolicies + pathAndName, arn: awsPolicies + pathAndName})
}

// attachXRay attaches the policy for X-Ray, which has another name outside of the
// partition aws.
func (g *grantee) attachXRay(conditional bool) {
	const arn = "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess"
	g.policies = append(g.policies, grantedPolicy{
		name: "managed policy " + arn + " (AWSXRayDaemonWriteAccess in other partitions)",
		arn:  arn, conditional: conditional,
	})
}

func (g *grantee) notInSight(name string) {
	g.policies = append(g.policies, grantedPolicy{name: name})
}

// isGiven reports whether SAM takes a property for given: what is false, zero or empty
// is not.
func isGiven(n template.Node) bool {
	switch n.Kind {
	case jsontext.KindBeginObject:
		return len(n.Members) > 0
	case jsontext.KindBeginArray:
		return len(n.Elements) > 0
	case jsontext.KindString:
		return n.Text != ""
	case jsontext.KindNumber:
		return n.Text != "0"
	}
	return n.Kind == jsontext.KindTrue
}

// withGlobals are the properties of a resource with those of the section Globals.
func withGlobals(resource template.Resource, globals template.Node) template.Node {
	ignored := resource.IgnoreGlobals
	if ignored.Text == "*" {
		return resource.Properties
	}
	globals.Members = slices.DeleteFunc(slices.Clone(globals.Members), func(m template.Member) bool {
		return slices.ContainsFunc(ignored.Elements, func(n template.Node) bool { return n.Text == m.Name })
	})
	return mergedGlobal(globals, resource.Properties)
}

// mergedGlobal is what SAM makes of a value in the section Globals and the one of a
// resource. Source: the specification of SAM, Globals, overridable and additive.
func mergedGlobal(global, own template.Node) template.Node {
	switch {
	case own.Absent():
		return global
	case global.IsArray() && own.IsArray():
		own.Elements = slices.Concat(global.Elements, own.Elements)
	case global.IsObject() && own.IsObject() && !isFunction(global) && !isFunction(own):
		members := own.ByName()
		own.Members = slices.Clone(own.Members)
		for _, m := range global.Members {
			if value, both := members[m.Name]; both {
				m.Value = mergedGlobal(m.Value, value)
			}
			own.Members = append(own.Members, m) // of two the last one counts
		}
	}
	return own
}
