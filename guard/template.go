package guard

import (
	"fmt"
	"slices"
	"strings"
	"text/template"

	"permissions-boundary-macro/boundary"
)

// Hook returns a template of CloudFormation, in YAML, that activates a Guard hook
// in an account and Region: with the rule of [Scope.Rule], which must be in a
// bucket, CloudFormation and Cloud Control API create and change no role or user
// without a boundary that counts. Excluded are the macro's stacks, which the policies
// protect, and those with an exempt service role. Source: CloudFormation Template
// Reference, AWS::CloudFormation::GuardHook.
func (s Scope) Hook() (string, error) {
	if _, err := s.boundaries(); err != nil {
		return "", err
	}
	roles := s.exemptRoles()
	if len(roles) > maxHookRoles {
		return "", boundary.Problem{
			What:   fmt.Sprintf("a hook takes %d exempt roles, and there are %d", maxHookRoles, len(roles)),
			Remedy: "keep them below a path, and pass that, such as --exempt 'arn:*:iam::*:role/platform/*'",
		}
	}
	return written(hookTemplate, struct {
		Stack string
		Roles []string
	}{s.Stack, roles})
}

// maxHookRoles is how many service roles a hook can exclude. Source: CloudFormation
// Template Reference, AWS::CloudFormation::GuardHook StackRoles.
const maxHookRoles = 50

// ConfigRule returns a template of CloudFormation, in YAML, with a rule of AWS
// Config that finds roles and users which exist without a boundary that counts. It
// prevents nothing. Source: CloudFormation Template Reference,
// AWS::Config::ConfigRule.
func (s Scope) ConfigRule() (string, error) {
	rule, err := s.configRule()
	if err != nil {
		return "", err
	}
	if len(rule) > maxConfigRule {
		return "", &TooLongError{"the rule of AWS Config", len(rule), maxConfigRule}
	}
	return written(configTemplate, struct{ Rule string }{indented(rule, 12)})
}

// maxConfigRule is the longest PolicyText, in characters. Source: AWS Config API,
// CustomPolicyDetails.
const maxConfigRule = 10_000

// exemptRoles are the exempt roles, as the filters of hooks take them.
func (s Scope) exemptRoles() []string {
	return slices.DeleteFunc(s.exempt(), func(arn string) bool { return !IsRole(arn) })
}

// indented indents the lines of a text, but for empty ones.
func indented(text string, by int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat(" ", by) + line
		}
	}
	return strings.Join(lines, "\n")
}

func written(text *template.Template, fields any) (string, error) {
	var out strings.Builder
	err := text.Execute(&out, fields)
	return out.String(), err
}

var hookTemplate = template.Must(template.New("hook").Parse(`AWSTemplateFormatVersion: "2010-09-09"
Description: >-
  PermissionsBoundaryMacro - a hook that refuses roles and users without their
  permissions boundary. Written by pbm guard hook; pbm guard guard-rule writes
  its rule.

Parameters:
  RuleBucket:
    Type: String
    AllowedPattern: "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
    ConstraintDescription: the name of a bucket
    Description: Bucket with the rule. Whoever can write to it can weaken the hook.
  RuleKey:
    Type: String
    Default: boundary.guard
    AllowedPattern: ".+\\.guard"
    ConstraintDescription: a key that ends in .guard
    Description: Key of the rule in the bucket.
  FailureMode:
    Type: String
    Default: WARN
    AllowedValues: [WARN, FAIL]
    Description: FAIL - stop what the rule refuses; WARN - report it and let it pass.
  PermissionsBoundary:
    Type: String
    Default: ""
    Description: ARN of a boundary for the hook's own role, where the account requires one. It must allow what the role reads.

Conditions:
  HasBoundary: !Not [!Equals [!Ref PermissionsBoundary, ""]]

Resources:
  Hook:
    Type: AWS::CloudFormation::GuardHook
    Properties:
      Alias: PermissionsBoundary::Guard::Hook
      ExecutionRole: !GetAtt HookRole.Arn
      FailureMode: !Ref FailureMode
      HookStatus: ENABLED
      RuleLocation:
        Uri: !Sub s3://${RuleBucket}/${RuleKey}
      TargetOperations: [RESOURCE, CLOUD_CONTROL]
      TargetFilters:
        TargetNames: ["AWS::IAM::Role", "AWS::IAM::User"]
        Actions: [CREATE, UPDATE]
      StackFilters:
        FilteringCriteria: ALL
        StackNames:
          Exclude:
            - {{.Stack}}
            - {{.Stack}}-*
            - StackSet-{{.Stack}}-*
        StackRoles:
          Exclude:
{{- range .Roles}}
            - {{.}}
{{- end}}

  HookRole:
    Type: AWS::IAM::Role
    Properties:
      Description: Reads the rule of the hook that requires permissions boundaries
      PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundary, !Ref AWS::NoValue]
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: sts:AssumeRole
            Principal: {Service: hooks.cloudformation.amazonaws.com}
      Policies:
        - PolicyName: ReadRule
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: s3:ListBucket
                Resource: !Sub arn:${AWS::Partition}:s3:::${RuleBucket}
              - Effect: Allow
                Action: [s3:GetObject, s3:GetObjectVersion]
                Resource: !Sub arn:${AWS::Partition}:s3:::${RuleBucket}/${RuleKey}
`))

var configTemplate = template.Must(template.New("config").Parse(`AWSTemplateFormatVersion: "2010-09-09"
Description: >-
  PermissionsBoundaryMacro - a rule of AWS Config that finds roles and users
  without their permissions boundary. Written by pbm guard config.

Resources:
  PermissionsBoundaryRule:
    Type: AWS::Config::ConfigRule
    Properties:
      ConfigRuleName: permissions-boundary
      Description: Roles and users have a permissions boundary that counts
      Scope:
        ComplianceResourceTypes: ["AWS::IAM::Role", "AWS::IAM::User"]
      Source:
        Owner: CUSTOM_POLICY
        SourceDetails:
          - {EventSource: aws.config, MessageType: ConfigurationItemChangeNotification}
          - {EventSource: aws.config, MessageType: OversizedConfigurationItemChangeNotification}
        CustomPolicyDetails:
          PolicyRuntime: guard-2.x.x
          PolicyText: |
{{.Rule}}
`))
