package fleettest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/transform"
)

const prodBoundary = "arn:aws:iam::111122223333:policy/platform/prod"

// installed is the macro as it is installed in the hub.
func installed(s *fleettest.Server) func([]byte) []byte {
	macro := transform.Macro{Store: paramstore.NewSSM(ssm.NewFromConfig(as(s, hub, region)), "/permissions-boundary")}
	return func(event []byte) []byte {
		answer, _ := macro.Respond(context.Background(), event)
		return answer
	}
}

// echo answers with a fragment, whatever it is asked.
func echo(fragment string) func([]byte) []byte {
	return func(event []byte) []byte {
		var request struct{ RequestID string }
		if err := json.Unmarshal(event, &request); err != nil {
			panic(err)
		}
		return fmt.Appendf(nil, `{"requestId":%q,"status":"success","fragment":%s}`, request.RequestID, fragment)
	}
}

const service = `
Transform: PermissionsBoundaryMacro
Parameters:
  Environment: {Type: String, Default: dev}
  Secret: {Type: String, Default: swordfish, NoEcho: true}
Conditions:
  IsProd: !Equals [!Ref Environment, prod]
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Api:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}
      Policies:
        - {PolicyName: access, PolicyDocument: {Version: "2012-10-17", Statement: []}}
  Named:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub "${AWS::StackName}-${Environment}"
      Path: /team/
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}
  OnlyInProd:
    Type: AWS::IAM::Role
    Condition: IsProd
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}
`

// A stack lives through its deployments as on CloudFormation, with the real
// macro.
func TestDeploy(t *testing.T) {
	s := newServer(t)
	a := s.Account(hub)
	a.Store(region).Set("/permissions-boundary/dev", devBoundary)
	a.Store(region).Set("/permissions-boundary/prod", prodBoundary)
	deploy := func(parameters map[string]string) (fleettest.Stack, map[string]string) {
		require.NoError(t, a.Deploy(region, "orders", service, parameters, installed(s)))
		stack, exists := a.Stack(region, "orders")
		require.True(t, exists)
		bound := map[string]string{}
		for _, r := range stack.Resources {
			if r.Type == "AWS::IAM::Role" {
				role, exists := a.Role(r.PhysicalID)
				require.True(t, exists)
				bound[r.LogicalID] = role.Boundary
			}
		}
		assert.Len(t, a.Roles(), len(bound))
		return stack, bound
	}

	created, bound := deploy(nil)
	assert.Equal(t, map[string]string{"Api": devBoundary, "Named": devBoundary}, bound)
	assert.Equal(t, "CREATE_COMPLETE", created.Status)
	assert.Zero(t, created.Updated)
	assert.Equal(t, service, created.Original)
	assert.NotContains(t, created.Processed, "Transform")
	assert.Contains(t, created.Processed, devBoundary)
	assert.Equal(t, "Queue", created.Resources[2].LogicalID)
	assert.Regexp(t, "^orders-Queue-[A-Z2-7]{12}$", created.Resources[2].PhysicalID)
	assert.Regexp(t, "^orders-Api-[A-Z2-7]{12}$", created.Resources[0].PhysicalID)
	named, _ := a.Role("orders-dev")
	assert.Equal(t, "/team/", named.Path)
	api, _ := a.Role(created.Resources[0].PhysicalID)
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[]}`, api.Inline[0].Document)

	// The same template again takes the new value.
	a.Store(region).Set("/permissions-boundary/dev", devBoundary+"-2")
	updated, bound := deploy(nil)
	assert.Equal(t, map[string]string{"Api": devBoundary + "-2", "Named": devBoundary + "-2"}, bound)
	assert.Equal(t, "UPDATE_COMPLETE", updated.Status)
	assert.True(t, updated.Updated.After(updated.Created))
	assert.Equal(t, created.ID, updated.ID)
	assert.Equal(t, created.Created, updated.Created)
	assert.Equal(t, created.Resources, updated.Resources)

	// What somebody has changed by hand stays while the template is the same.
	a.SetBoundary("orders-dev", "")
	_, bound = deploy(nil)
	assert.Equal(t, map[string]string{"Api": devBoundary + "-2", "Named": ""}, bound)

	// A parameter replaces one role and creates another one.
	_, bound = deploy(map[string]string{"Environment": "prod"})
	assert.Equal(t, map[string]string{"Api": prodBoundary, "Named": prodBoundary, "OnlyInProd": prodBoundary}, bound)
	_, exists := a.Role("orders-dev")
	assert.False(t, exists)

	a.DeleteStack(region, "orders")
	assert.Empty(t, a.Roles())
	deleted, exists := a.Stack(region, created.ID)
	require.True(t, exists)
	assert.Equal(t, "DELETE_COMPLETE", deleted.Status)
	again, _ := deploy(nil)
	assert.NotEqual(t, created.ID, again.ID)
}

// The event has what CloudFormation passes to a macro.
func TestEvent(t *testing.T) {
	s := newServer(t)
	a := s.Account(hub)
	a.Store(region).Set("/team", "blue")
	var event []byte
	err := a.Deploy(region, "app", `{
		"Transform": [{"Name": "Boundaries", "Parameters": {"Environment": {"Ref": "Stage"}, "Strict": true}}],
		"Parameters": {
			"Stage": {"Type": "String"}, "Zones": {"Type": "CommaDelimitedList", "Default": "a,b"}, "Count": {"Type": "Number", "Default": 2},
			"Team": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/team"}
		},
		"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"Size": 1.50}}}
	}`, map[string]string{"Stage": "dev"}, func(e []byte) []byte {
		event = e
		return echo(`{"Resources":{}}`)(e)
	})
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"region": "eu-west-1", "accountId": "111122223333", "transformId": "111122223333::Boundaries",
		"requestId": "00000000-0000-4000-8000-000000000000",
		"params": {"Environment": "dev", "Strict": true},
		"templateParameterValues": {"Stage": "dev", "Zones": ["a", "b"], "Count": "2", "Team": "blue"},
		"fragment": {
			"Parameters": {
				"Stage": {"Type": "String"}, "Zones": {"Type": "CommaDelimitedList", "Default": "a,b"}, "Count": {"Type": "Number", "Default": 2},
				"Team": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/team"}
			},
			"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"Size": 1.50}}}
		}
	}`, string(event))
	stack, _ := a.Stack(region, "app")
	assert.Contains(t, stack.Parameters, fleettest.Parameter{Key: "Team", Value: "/team", Resolved: "blue"})
}

// A template without a transform is deployed as it is, its boundaries
// evaluated.
func TestDeployWithoutMacro(t *testing.T) {
	s := newServer(t)
	a := s.Account(hub)
	noMacro := func([]byte) []byte { panic("called") }
	require.NoError(t, a.Deploy("cn-north-1", "app", `
Parameters: {Name: {Type: String, Default: dev}}
Conditions:
  Named: !Not [!Equals [!Ref Name, ""]]
  Always: !Or [!Condition Named, !Equals [a, b]]
  Never: !And [!Condition Named, !Equals [a, b]]
Resources:
  Sub: {Type: AWS::IAM::Role, Properties: {PermissionsBoundary: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${Name}"}}
  Join: {Type: AWS::IAM::Role, Properties: {PermissionsBoundary: !Join [/, [!Sub "arn:aws-cn:iam::1:policy", !Ref Name]]}}
  If: {Type: AWS::IAM::Role, Properties: {PermissionsBoundary: !If [Always, !Ref Boundary, !Ref AWS::NoValue]}}
  NoValue: {Type: AWS::IAM::Role, Properties: {PermissionsBoundary: !If [Never, x, !Ref AWS::NoValue]}}
  Boundary: {Type: AWS::IAM::ManagedPolicy, Properties: {ManagedPolicyName: limit}}
  Absent: {Type: AWS::IAM::Role, Condition: Never}
`, nil, noMacro))
	stack, _ := a.Stack("cn-north-1", "app")
	bound := map[string]string{}
	for _, r := range stack.Resources {
		role, exists := a.Role(r.PhysicalID)
		if exists {
			bound[r.LogicalID] = role.Boundary
		}
	}
	assert.Equal(t, map[string]string{
		"Sub":     "arn:aws-cn:iam::111122223333:policy/dev",
		"Join":    "arn:aws-cn:iam::1:policy/dev",
		"If":      "arn:aws-cn:iam::111122223333:policy/limit",
		"NoValue": "",
	}, bound)
}

// Whatever cannot be deployed, or is not known to this package, is an error that
// leaves everything as it was.
func TestDeployErrors(t *testing.T) {
	s := newServer(t)
	a := s.Account(hub)
	a.PutRole(fleettest.Role{Name: "taken"})
	const plain = `{"Transform":"M","Parameters":{"A":{"Type":"String"}},"Resources":{}}`
	role := func(properties string) string {
		return `{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{` + properties + `}}}}`
	}
	answer := func(text string) func([]byte) []byte { return func([]byte) []byte { return []byte(text) } }
	given := map[string]string{"A": "a"}
	for want, c := range map[string]struct {
		body       string
		parameters map[string]string
		macro      func([]byte) []byte
	}{
		"Parameters: [A] must have values":                                   {body: plain},
		"Parameters: [B] do not exist in the template":                       {body: plain, parameters: map[string]string{"A": "a", "B": "b"}},
		"Unable to fetch parameters [/missing]":                              {body: `{"Parameters":{"A":{"Type":"AWS::SSM::Parameter::Value<String>","Default":"/missing"}},"Resources":{}}`},
		"Template format error":                                              {body: "["},
		"one macro only":                                                     {body: `{"Transform":["AWS::Serverless-2016-10-31","M"],"Resources":{}}`},
		"Received malformed response from transform 111122223333::M":         {body: plain, parameters: given, macro: answer("null")},
		"Transform 111122223333::M failed without an error message.":         {body: plain, parameters: given, macro: answer(`{"requestId":"00000000-0000-4000-8000-000000000000","status":"failure"}`)},
		"Transform 111122223333::M failed with: no":                          {body: plain, parameters: given, macro: answer(`{"requestId":"00000000-0000-4000-8000-000000000000","status":"failure","errorMessage":"no"}`)},
		"unsupported structure":                                              {body: plain, parameters: given, macro: echo(`"text"`)},
		"does not evaluate Fn::ImportValue":                                  {body: role(`"PermissionsBoundary":{"Fn::ImportValue":"x"}`)},
		"has no value for Ref Missing":                                       {body: role(`"PermissionsBoundary":{"Ref":"Missing"}`)},
		"taken already exists":                                               {body: role(`"RoleName":"taken"`)},
		"unresolved condition dependency Missing":                            {body: role(`"PermissionsBoundary":{"Fn::If":["Missing","a","b"]}`)},
		"in Path: an object with 2 members is not an intrinsic function":     {body: role(`"Path":{"a":1,"b":2}`)},
		"in PermissionsBoundary: a value of type []interface {} is not text": {body: role(`"PermissionsBoundary":["a"]`)},
	} {
		err := a.Deploy(region, "app", c.body, c.parameters, c.macro)
		assert.ErrorContains(t, err, want)
	}
	_, exists := a.Stack(region, "app")
	assert.False(t, exists)
	assert.Equal(t, []string{"taken"}, a.Roles())
}

// The macro's refusal is the error, and the stack stays as it was.
func TestRefusedDeployment(t *testing.T) {
	s := newServer(t)
	a := s.Account(hub)
	a.Store(region).Set("/permissions-boundary/dev", devBoundary)
	require.NoError(t, a.Deploy(region, "orders", service, nil, installed(s)))
	before, _ := a.Stack(region, "orders")
	err := a.Deploy(region, "orders", service, map[string]string{"Environment": "prod"}, installed(s))
	require.ErrorContains(t, err, "Transform 111122223333::PermissionsBoundaryMacro failed with: ")
	after, _ := a.Stack(region, "orders")
	assert.Equal(t, before, after)
}

// Stacks of a workload can be deployed again by the real macro.
func TestDeployFilled(t *testing.T) {
	s := newServer(t)
	a := s.Account(hub)
	a.Fill(fleettest.Workload{Regions: []string{region}, Stacks: 4, Roles: 2, Boundaries: boundaries})
	a.Store(region).Set("/permissions-boundary/dev", devBoundary)
	a.Store(region).Set("/permissions-boundary/prod", prodBoundary)
	for _, name := range []string{"app-00000", "app-00001", "app-00002", "app-00003"} {
		before, _ := a.Stack(region, name)
		environment := before.Parameters[0].Value
		require.NoError(t, a.Deploy(region, name, before.Original, map[string]string{"Environment": environment, "Secret": "x"}, installed(s)))
		after, _ := a.Stack(region, name)
		assert.ElementsMatch(t, before.Resources, after.Resources)
		for _, r := range after.Resources {
			if role, exists := a.Role(r.PhysicalID); exists {
				assert.Equal(t, map[string]string{"dev": devBoundary, "prod": prodBoundary}[environment], role.Boundary)
			}
		}
	}
	assert.Len(t, a.Roles(), 8)
}
