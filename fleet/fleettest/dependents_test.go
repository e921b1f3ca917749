package fleettest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listed is what a change set does as a description without values says it.
func (s stage) listed(id *string) []string {
	out, err := s.client.DescribeChangeSet(context.Background(), &cloudformation.DescribeChangeSetInput{ChangeSetName: id})
	require.NoError(s.t, err)
	var lines []string
	for _, c := range out.Changes {
		line := fmt.Sprint(*c.ResourceChange.LogicalResourceId, " ", c.ResourceChange.Replacement)
		for _, d := range c.ResourceChange.Details {
			line += fmt.Sprint(" ", *d.Target.Name, " ", d.ChangeSource, " ", aws.ToString(d.CausingEntity), " ", d.Evaluation)
		}
		lines = append(lines, line)
	}
	return lines
}

// Without values, a description also names what refers to attributes of what is
// modified. Nothing of it changes.
func TestDependents(t *testing.T) {
	const body = `
Transform: PermissionsBoundaryMacro
Metadata: {PermissionsBoundaryMacro: {Environment: dev}}
Resources:
  Caller:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {}
      Policies: [{PolicyName: a, PolicyDocument: {Resource: !Sub "${Role.Arn}"}}]
  Function: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt Role.Arn, Timeout: 3}}
  Named: {Type: AWS::SNS::Topic, Properties: {TopicName: !GetAtt Function.Version}}
  ByRef: {Type: AWS::IAM::InstanceProfile, Properties: {Roles: [!Ref Role]}}
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
`
	s := newStage(t, service)
	s.Store(region).Set("/permissions-boundary/dev", devBoundary)
	require.NoError(t, s.Deploy(region, "app", body, nil, installed(s.server)))
	s.Store(region).Set("/permissions-boundary/dev", newBoundary)
	out := s.create(s.input("app"))
	assert.Equal(t, []string{
		"Modify Caller False DirectModification Static /Properties/PermissionsBoundary=" + newBoundary,
		"Modify Role False DirectModification Static /Properties/PermissionsBoundary=" + newBoundary,
	}, summary(out))
	assert.Equal(t, []string{
		"Caller False PermissionsBoundary DirectModification  Static Policies ResourceAttribute Role.Arn Dynamic",
		"Function False Role ResourceAttribute Role.Arn Dynamic",
		"Named Conditional TopicName ResourceAttribute Function.Version Dynamic",
		"Role False PermissionsBoundary DirectModification  Static",
	}, s.listed(out.ChangeSetId))
	require.NoError(t, s.execute(*out.ChangeSetId))
	s.Settle()
	assert.Len(t, s.Applied(), 2)

	in := s.input("app")
	in.ChangeSetName = aws.String("replaced")
	in.TemplateBody = aws.String(replaceOnce(t, body, "Role: {Type: AWS::IAM::Role, Properties: {", "Role: {Type: AWS::IAM::Role, Properties: {Path: /a/, "))
	out = s.create(in)
	assert.Contains(t, summary(out), "Modify ByRef False ResourceReference Static /Properties/Roles=[\"{{changeSet:KNOWN_AFTER_APPLY}}\"] DirectModification Dynamic /Properties/Roles=[\"{{changeSet:KNOWN_AFTER_APPLY}}\"]")
	assert.Equal(t, []string{
		"ByRef False Roles ResourceReference Role Static",
		"Caller False Policies ResourceAttribute Role.Arn Static",
		"Function False Role ResourceAttribute Role.Arn Static",
		"Named Conditional TopicName ResourceAttribute Function.Version Dynamic",
		"Role True Path DirectModification  Static",
	}, s.listed(out.ChangeSetId))
}
