package deploy

import (
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/transform/template"
)

// arnForm says what the ARN of a resource looks like, and what yields it. In prefix, @
// stands for the Region and the account.
type arnForm struct {
	service, prefix string
	name            string   // property with the resource's name, empty if there is none
	suffix          string   // behind the name
	by              []string // attributes of Fn::GetAtt
	isRef           bool     // Ref yields the ARN, too; otherwise the name, or nothing in sight
	isNamed         bool     // Ref yields the name
}

// arnForms are those of the resources that policies are mostly about. Source: the
// CloudFormation template reference, return values of each type, and the resource types
// of the Service Authorization Reference.
var arnForms = map[string]arnForm{
	"AWS::DynamoDB::Table":             {service: "dynamodb", prefix: "@:table/", name: "TableName", by: []string{"Arn"}, isNamed: true},
	"AWS::Kinesis::Stream":             {service: "kinesis", prefix: "@:stream/", name: "Name", by: []string{"Arn"}, isNamed: true},
	"AWS::KMS::Key":                    {service: "kms", prefix: "@:key/", by: []string{"Arn"}},
	"AWS::Lambda::Function":            {service: "lambda", prefix: "@:function:", name: "FunctionName", by: []string{"Arn"}, isNamed: true},
	"AWS::Logs::LogGroup":              {service: "logs", prefix: "@:log-group:", name: "LogGroupName", suffix: ":*", by: []string{"Arn"}, isNamed: true},
	"AWS::S3::Bucket":                  {service: "s3", prefix: "::", name: "BucketName", by: []string{"Arn"}, isNamed: true},
	"AWS::SecretsManager::Secret":      {service: "secretsmanager", prefix: "@:secret:", name: "Name", suffix: "-" + policy.NotInSight, by: []string{"Id"}, isRef: true},
	"AWS::Serverless::Function":        {service: "lambda", prefix: "@:function:", name: "FunctionName", by: []string{"Arn"}, isNamed: true},
	"AWS::Serverless::SimpleTable":     {service: "dynamodb", prefix: "@:table/", name: "TableName", by: []string{"Arn"}, isNamed: true},
	"AWS::Serverless::StateMachine":    {service: "states", prefix: "@:stateMachine:", name: "Name", by: []string{"Arn"}, isRef: true},
	"AWS::SNS::Topic":                  {service: "sns", prefix: "@:", name: "TopicName", by: []string{"TopicArn"}, isRef: true},
	"AWS::SQS::Queue":                  {service: "sqs", prefix: "@:", name: "QueueName", by: []string{"Arn"}},
	"AWS::StepFunctions::StateMachine": {service: "states", prefix: "@:stateMachine:", name: "StateMachineName", by: []string{"Arn"}, isRef: true},
}

// references are the texts that references to resources of a template yield, as far as
// they are known: by logical ID for Ref, and by logical ID and attribute for Fn::GetAtt.
type references map[string]string

func (t *templateFile) references() references {
	known := references{}
	for id, r := range t.Resources(slices.Collect(maps.Keys(arnForms))...) {
		form := arnForms[r.Type]
		name := policy.NotInSight
		if form.name != "" {
			name = readerIn(id).nameIn(r.Properties.Get(form.name))
		}
		arn := form.arn(name)
		for _, attribute := range form.by {
			known[id+"."+attribute] = arn
		}
		switch {
		case form.isRef:
			known[id] = arn
		case form.isNamed:
			known[id] = name
		}
	}
	return known
}

// nameIn is the name of a resource. AWS generates one where there is none.
func (r documentReader) nameIn(n template.Node) string {
	if n.Absent() {
		return policy.NotInSight
	}
	return r.policyText(n)
}

func (f arnForm) arn(name string) string {
	place := strings.ReplaceAll(f.prefix, "@", policy.Pseudo("AWS::Region")+":"+policy.Pseudo("AWS::AccountId"))
	return "arn:" + policy.Pseudo("AWS::Partition") + ":" + f.service + ":" + place + name + f.suffix
}
