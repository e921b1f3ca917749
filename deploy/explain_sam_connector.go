package deploy

import (
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/policy/sam"
	"permissions-boundary-macro/transform/template"
)

const connectorType = "AWS::Serverless::Connector"

// addedByConnector begins what is not in sight of a connector.
const addedByConnector = "what SAM adds for the connector "

// connectedTypes are CloudFormation's types of what SAM's types become, as far as
// connectors know them.
var connectedTypes = map[string]string{
	functionType:                   "AWS::Lambda::Function",
	stateMachineType:               "AWS::StepFunctions::StateMachine",
	"AWS::Serverless::Api":         "AWS::ApiGateway::RestApi",
	"AWS::Serverless::HttpApi":     "AWS::ApiGatewayV2::Api",
	"AWS::Serverless::SimpleTable": "AWS::DynamoDB::Table",
}

// connectorReader reads the policies that connectors give to roles.
type connectorReader struct {
	samReader
	resources map[string]template.Resource // that connectors may be between, by logical ID
}

// connectors reads connectors, and those in the attribute Connectors of resources.
func (r samReader) connectors() {
	types := slices.Concat(slices.Collect(maps.Keys(sam.Embedded().Connectables)), slices.Collect(maps.Keys(connectedTypes)))
	c := connectorReader{r, r.Resources(types...)}
	own := r.Resources(connectorType)
	for _, id := range slices.Sorted(maps.Keys(own)) {
		p := own[id].Properties
		c.connector(id, own[id].Offset, c.endpoint(id, p.Get("Source")), p)
	}
	for _, id := range slices.Sorted(maps.Keys(c.resources)) {
		for _, m := range c.resources[id].Connectors.Members {
			c.connector(id+m.Name, m.Value.Start, c.resource(id), m.Value.Get("Properties"))
		}
	}
}

// endpoint is a resource at an end of a connector. What is not in sight of it is
// policy.NotInSight.
type endpoint struct {
	typ        string        // CloudFormation's, empty if it is not known
	id         string        // empty if it is given by properties
	properties template.Node // of the resource with the ID
	arn, name  string
	role       *grantee // nil if the template does not have it
}

// endpoint reads a reference to a resource: its logical ID, or properties.
func (r connectorReader) endpoint(connector string, reference template.Node) endpoint {
	if id := reference.Get("Id"); id.IsString() {
		return r.resource(id.Text)
	}
	reader := r.reader(connector)
	e := endpoint{
		typ: cloudFormationType(reference.Get("Type").Text),
		arn: reader.text(reference.Get("Arn")), name: reader.text(reference.Get("Name")),
	}
	if roles := r.rolesBy(connector, reference.Get("RoleName")); len(roles) == 1 {
		e.role = roles[0]
	}
	return e
}

// resource reads a resource of the template.
func (r connectorReader) resource(id string) endpoint {
	of := r.resources[id]
	e := endpoint{typ: cloudFormationType(of.Type), id: id, properties: of.Properties}
	known := sam.Embedded().Connectables[e.typ]
	e.arn, e.name = r.yields(known.Arn, id), r.yields(known.Name, id)
	property := known.Role
	if of.Type != e.typ {
		property = samRoleTypes[of.Type]
	}
	if own := of.Properties.Get(property); isGiven(own) {
		e.role = r.roles[referredTo(own)]
	} else if of.Type != e.typ {
		e.role = r.roles[id+"Role"]
	}
	return e
}

func cloudFormationType(typ string) string {
	if becomes := connectedTypes[typ]; becomes != "" {
		return becomes
	}
	return typ
}

// yields is what a function yields for a resource.
func (r connectorReader) yields(function []byte, id string) string {
	if function == nil {
		return policy.NotInSight
	}
	return documentReader{known: r.known}.text(placed(template.Whole(function), 0, func(n template.Node) template.Node {
		n.Text = strings.ReplaceAll(n.Text, "%{logicalId}", id)
		return n
	}))
}

// connector reads a connector, which may have several destinations.
func (r connectorReader) connector(id string, offset int, source endpoint, properties template.Node) {
	if isTransformed(properties) {
		r.grantee(id+"Policy", offset).notInSight(addedByConnector + id)
		return
	}
	eachElement(properties.Get("Destination"), false, func(reference template.Node, _ bool) {
		r.connect(id, offset, source, r.endpoint(id, reference), properties.Get("Permissions"))
	})
}

func (r connectorReader) connect(id string, offset int, source, destination endpoint, permissions template.Node) {
	of, known := sam.Embedded().Connectors[source.typ][destination.typ]
	if known && !of.OfSource && !of.OfDestination {
		return // it makes the policy of a resource
	}
	role, name := source.role, id+"Policy"
	switch {
	case of.OfDestination:
		role = destination.role
	case source.typ == ruleType && source.id != "":
		role = r.ruleRole(source, destination)
	}
	if role == nil {
		role = r.roles[name]
	}
	if role == nil {
		role = r.grantee(name, offset)
	}
	document := template.Whole([]byte(`{"Version": "2012-10-17", "Statement": []}`))
	statements := &document.Members[1].Value
	for _, permission := range permissions.Elements {
		access, granted := of.Access[permission.Text]
		if !granted {
			role.notInSight(addedByConnector + id)
			return
		}
		granting := placed(template.Whole(access.Statement), permission.Start, withEnds(source, destination))
		statements.Elements = append(statements.Elements, granting.Elements...)
	}
	role.add(documentReader{known: r.known}, "policy "+name, document, false)
}

// withEnds writes the ARNs and names of what is connected into a connector's statements.
func withEnds(source, destination endpoint) func(template.Node) template.Node {
	texts := strings.NewReplacer("%{Source.Arn}", source.arn, "%{Destination.Arn}", destination.arn, "%{Destination.Name}", destination.name)
	return func(n template.Node) template.Node {
		n.Text = texts.Replace(n.Text)
		return n
	}
}

const ruleType = "AWS::Events::Rule"

// ruleRole is the role with which a rule reaches a target.
func (r connectorReader) ruleRole(rule, target endpoint) *grantee {
	reader := r.reader(rule.id)
	for _, of := range rule.properties.Get("Targets").Elements {
		if arn := of.Get("Arn"); target.id != "" && referredTo(arn) == target.id || isWhole(target.arn) && reader.text(arn) == target.arn {
			return r.roles[referredTo(of.Get("RoleArn"))]
		}
	}
	return nil
}

// isWhole reports whether all of a text is in sight.
func isWhole(text string) bool { return !strings.Contains(text, policy.NotInSight) }
