package deploy

import (
	"slices"
	"strings"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/transform/template"
)

// eachEvent calls do with each event of a function or a state machine. Others are not
// in sight of the grantee.
func (r samReader) eachEvent(g *grantee, events template.Node, do func(name string, event template.Node)) {
	for _, m := range events.Members {
		switch isLoop := strings.HasPrefix(m.Name, "Fn::ForEach::"); {
		case isLoop && len(m.Value.Elements) == 3:
			r.eachEvent(g, m.Value.Elements[2], do)
		case m.Name == "Ref" || strings.HasPrefix(m.Name, "Fn::"):
			g.notInSight("what SAM adds for events that a function makes")
		default:
			do(m.Name, m.Value)
		}
	}
}

// pollerPolicies are the policies with which functions poll sources of events, by the
// type of event.
var pollerPolicies = map[string]string{
	"DynamoDB": "service-role/AWSLambdaDynamoDBExecutionRole",
	"Kinesis":  "service-role/AWSLambdaKinesisExecutionRole",
	"MSK":      "service-role/AWSLambdaMSKExecutionRole",
	"SQS":      "service-role/AWSLambdaSQSQueueExecutionRole",
}

// pushEvents are the types of events whose sources invoke a function, which needs no
// policy for that.
var pushEvents = []string{
	"AlexaSkill", "Api", "CloudWatchEvent", "CloudWatchLogs", "Cognito", "EventBridgeRule", "HttpApi", "IoTRule", "S3", "SNS", "Schedule",
}

// functionEvent reads what an event adds to the role of a function, and its own role.
func (r samReader) functionEvent(role *grantee, id, name string, event, function template.Node) {
	typ, p := event.Get("Type").Text, event.Get("Properties")
	poller := pollerPolicies[typ]
	if typ == "SNS" && isGiven(p.Get("SqsSubscription")) {
		poller = pollerPolicies["SQS"]
	}
	of, isBroker := brokers[typ]
	adds := "what SAM adds for the event " + name + " of type " + typ
	switch {
	case typ == "ScheduleV2":
		arn := textAt(event.Start, r.known[id+".Arn"])
		if isGiven(function.Get("AutoPublishAlias")) {
			arn.Text = policy.NotInSight
		}
		r.schedule(id, name, event, "Lambda", arn)
	case isBroker:
		r.broker(role, id, adds, of, p)
	case poller == "" && !slices.Contains(pushEvents, typ):
		role.notInSight(adds)
	}
	if poller != "" {
		role.attachAWS(poller)
	}
	if poller != "" || isBroker {
		r.failureDestination(role, id, name, p.Get("DestinationConfig").Get("OnFailure"))
	}
}

// broker says what a function needs to read from a broker or a cluster.
type broker struct {
	property string            // with the ARN that the document is about
	document string            // empty if there is none
	access   map[string]string // documents by the types of SourceAccessConfigurations, empty if there is none
	hasKey   bool              // SAM knows the property SecretsManagerKmsKeyId
}

// brokers are by the type of event.
var brokers = map[string]broker{
	"DocumentDB": {
		property: "Cluster",
		document: `{"Statement": [
			{"Effect": "Allow", "Action": "rds:DescribeDBClusters", "Resource": {"Ref": "Arn"}},
			{"Effect": "Allow", "Action": "rds:DescribeDBClusterParameters", "Resource": {"Fn::Sub": "arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:cluster-pg:*"}},
			{"Effect": "Allow", "Action": "rds:DescribeDBSubnetGroups", "Resource": {"Fn::Sub": "arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:subgrp:*"}},
			` + networkStatement + `]}`,
		access: map[string]string{"BASIC_AUTH": secretDocument},
		hasKey: true,
	},
	"MQ": {
		property: "Broker",
		document: `{"Statement": {"Effect": "Allow", "Action": "mq:DescribeBroker", "Resource": {"Ref": "Arn"}}}`,
		access:   map[string]string{"BASIC_AUTH": secretDocument, "VIRTUAL_HOST": ""},
		hasKey:   true,
	},
	// Its managed policy knows the secrets with passwords.
	"MSK": {access: map[string]string{"CLIENT_CERTIFICATE_TLS_AUTH": secretDocument, "SASL_SCRAM_512_AUTH": ""}},
	"SelfManagedKafka": {
		access: map[string]string{
			"BASIC_AUTH":                  secretDocument,
			"CLIENT_CERTIFICATE_TLS_AUTH": secretDocument,
			"IAM_AUTH":                    "",
			"OAUTHBEARER_AUTH":            secretDocument,
			"SASL_SCRAM_256_AUTH":         secretDocument,
			"SASL_SCRAM_512_AUTH":         secretDocument,
			"SERVER_ROOT_CA_CERTIFICATE":  secretDocument,
			"VPC_SECURITY_GROUP":          "", // comes with VPC_SUBNET
			"VPC_SUBNET":                  `{"Statement": ` + networkStatement + `}`,
		},
		hasKey: true,
	},
}

const (
	secretDocument   = `{"Statement": {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "Arn"}}}`
	keyDocument      = `{"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": {"Fn::Sub": ["arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/${Id}", {"Id": {"Ref": "Id"}}]}}}`
	networkStatement = `{"Effect": "Allow", "Resource": "*", "Action": [
		"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
		"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"]}`
)

// broker reads the policies for a broker or a cluster.
func (r samReader) broker(role *grantee, id, name string, of broker, p template.Node) {
	if !of.isInSight(p) {
		role.notInSight(name)
		return
	}
	if of.document != "" {
		r.addDocument(role, id, name, of.document, map[string]template.Node{"Arn": p.Get(of.property)}, p.Start)
	}
	for _, n := range p.Get("SourceAccessConfigurations").Elements {
		if document := of.access[n.Get("Type").Text]; document != "" {
			r.addDocument(role, id, name, document, map[string]template.Node{"Arn": n.Get("URI")}, n.Start)
		}
	}
	if key := p.Get("SecretsManagerKmsKeyId"); of.hasKey && isGiven(key) {
		r.addDocument(role, id, name, keyDocument, map[string]template.Node{"Id": key}, p.Start)
	}
}

// isInSight reports whether the properties of an event show which policies SAM makes.
func (b broker) isInSight(p template.Node) bool {
	access := p.Get("SourceAccessConfigurations")
	isUnknown := func(n template.Node) bool {
		_, known := b.access[n.Get("Type").Text]
		return !known
	}
	return !isGiven(p.Get("SchemaRegistryConfig")) && (access.IsArray() || !isGiven(access)) && !slices.ContainsFunc(access.Elements, isUnknown)
}

// failureDestination reads where a poller sends what a function fails on. Without a
// type SAM adds nothing.
func (r samReader) failureDestination(role *grantee, id, event string, to template.Node) {
	if typ := to.Get("Type"); isGiven(typ) && typ.Text != "Kafka" {
		r.send(role, id, "the destination of the event "+event, typ, to.Get("Destination"), "SQS", "SNS", "S3")
	}
}

// stateMachineEvent reads the role of an event, with which its source starts the state
// machine.
func (r samReader) stateMachineEvent(id, name string, event, arn template.Node) {
	switch typ := event.Get("Type").Text; typ {
	case "ScheduleV2":
		r.schedule(id, name, event, "StateMachine", arn)
	case "Api", "CloudWatchEvent", "EventBridgeRule", "Schedule":
		if given := event.Get("Properties").Get("RoleArn"); typ != "Schedule" || given.Absent() || given.IsNull() {
			r.start(id, name, event, "StateMachine", arn)
		}
	default:
		r.grantee(id+name+"Role", event.Start).notInSight("what SAM makes of the event " + name + " of type " + typ)
	}
}

// start makes a role that may start something.
func (r samReader) start(id, name string, event template.Node, typ string, arn template.Node) *grantee {
	role := r.grantee(id+name+"Role", event.Start)
	r.addDocument(role, id, "what SAM makes of the event "+name, samDocuments[typ], map[string]template.Node{"Arn": arn}, event.Start)
	return role
}

// schedule reads the role of a ScheduleV2.
func (r samReader) schedule(id, name string, event template.Node, typ string, arn template.Node) {
	p := event.Get("Properties")
	if isGiven(p.Get("RoleArn")) {
		return
	}
	role := r.start(id, name, event, typ, arn)
	queue := p.Get("DeadLetterConfig")
	if queue.Absent() || queue.IsNull() {
		return
	}
	to := queue.Get("Arn")
	if to.Absent() || to.IsNull() {
		to = textAt(queue.Start, generatedARN["SQS"])
	}
	r.send(role, id, "the queue of the event "+name, textAt(queue.Start, "SQS"), to, "SQS")
}
