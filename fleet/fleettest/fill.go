package fleettest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/transform"
)

// Workload is a number of stacks that use the macro.
type Workload struct {
	Regions    []string          // one of them for each stack, in turn
	Stacks     int               // in all; the nth, from 0, is app-0000n
	Roles      int               // of each stack; their logical IDs are Role0, Role1 and so on
	Boundaries map[string]string // the ARN of each environment's boundary; the stacks of a Region belong to them in turn
}

// Fill creates stacks as they are after a deployment with the macro, and
// changes nothing in Parameter Store. The same workload makes the same stacks.
//
// Every stack has a parameter Environment and a parameter Secret with NoEcho.
// Its original template is JSON or YAML by turns, and calls
// PermissionsBoundaryMacro. In the processed one, each role has the boundary of
// the stack's environment.
func (a *Account) Fill(w Workload) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	environments := slices.Sorted(maps.Keys(w.Boundaries))
	originals := []string{originalJSON(w.Roles), originalYAML(w.Roles)}
	processed := map[string]string{}
	for environment, arn := range w.Boundaries {
		processed[environment] = processedJSON(w.Roles, arn)
	}
	for i := range w.Stacks {
		round := i / len(w.Regions) // each Region gets stacks of all environments, in both syntaxes
		environment := environments[round%len(environments)]
		name := fmt.Sprintf("app-%05d", i)
		s := Stack{
			Name:         name,
			Parameters:   []Parameter{{Key: "Environment", Value: environment}, {Key: "Secret", Value: "swordfish", NoEcho: true}},
			Tags:         []Tag{{"team", "orders"}},
			Capabilities: []string{"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"},
			Original:     originals[round/len(environments)%len(originals)],
			Processed:    processed[environment],
			Resources:    []Resource{{"Queue", physicalName(name, "Queue", a.ID), "AWS::SQS::Queue"}},
		}
		for n := range w.Roles {
			id := fmt.Sprintf("Role%d", n)
			role := Role{
				Name: physicalName(name, id, a.ID), Boundary: w.Boundaries[environment],
				Inline: []Policy{{"access", accessPolicy}},
				Tags:   s.Tags,
			}
			a.putRole(role)
			s.Resources = append(s.Resources, Resource{id, role.Name, roleType})
		}
		a.putStack(w.Regions[i%len(w.Regions)], s)
	}
}

// FillLagging is [Account.Fill] with boundaries that are out of date: values are
// those that Parameter Store of each Region has now. The macro is installed, so
// that change sets can be made.
func (a *Account) FillLagging(w Workload, values map[string]string) {
	a.Fill(w)
	for _, region := range w.Regions {
		a.InstallMacro(region, "PermissionsBoundaryMacro", a.Macro(region, transform.Options{}))
		for environment, value := range values {
			a.Store(region).Set(paramstore.Name(paramstore.DefaultPrefix, boundary.Key{Environment: environment}), value)
		}
	}
}

// accessPolicy is the inline policy of all roles of a workload.
const accessPolicy = `{"Version":"2012-10-17","Statement":[` +
	`{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::orders/*"},` +
	`{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query","dynamodb:PutItem"],"Resource":"*"},` +
	`{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"*"}]}`

const parametersJSON = `"Parameters":{"Environment":{"Type":"String"},"Secret":{"Type":"String","NoEcho":true}}`

func originalJSON(roles int) string {
	return `{"Transform":"PermissionsBoundaryMacro",` + parametersJSON + `,"Resources":{` + resourcesJSON(roles, "") + `}}`
}

func processedJSON(roles int, boundary string) string {
	return `{` + parametersJSON + `,"Resources":{` + resourcesJSON(roles, `"PermissionsBoundary":"`+boundary+`",`) + `}}`
}

// resourcesJSON has a queue and roles, each with a property more.
func resourcesJSON(roles int, property string) string {
	var text strings.Builder
	text.WriteString(`"Queue":{"Type":"AWS::SQS::Queue"}`)
	for n := range roles {
		fmt.Fprintf(&text, `,"Role%d":{"Type":"AWS::IAM::Role","Properties":{%s"AssumeRolePolicyDocument":%s,"Policies":[{"PolicyName":"access","PolicyDocument":%s}]}}`,
			n, property, trustOfLambda, accessPolicy)
	}
	return text.String()
}

func originalYAML(roles int) string {
	var text strings.Builder
	text.WriteString(`# deployed by hand
Transform: PermissionsBoundaryMacro
Parameters:
  Environment: {Type: String}
  Secret: {Type: String, NoEcho: true}
Resources:
  Queue:
    Type: AWS::SQS::Queue
`)
	for n := range roles {
		fmt.Fprintf(&text, `  Role%d:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: %s
      Policies:
        - PolicyName: access
          PolicyDocument: %s
`, n, trustOfLambda, accessPolicy)
	}
	return text.String()
}
