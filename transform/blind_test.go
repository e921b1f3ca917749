package transform_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// answer is what a reader of a template says to the question whether a resource
// may create roles out of sight.
type answer int

const (
	unsure answer = iota // the reader here is simple, and leaves some to the engine
	yes
	no
)

func answerOf(may bool) answer {
	if may {
		return yes
	}
	return no
}

// blindQuestions are asked about the resource types that create roles out of
// sight by what their properties say. All others of types/decisions.tsv that
// are reported are so whatever their properties say.
var blindQuestions = map[string]func(p, resources map[string]any) answer{
	"AWS::Athena::DataCatalog": func(p, _ map[string]any) answer {
		return answerOf(mayBe(p["Type"], "FEDERATED"))
	},
	"AWS::CloudFormation::ChangeSet": func(_, _ map[string]any) answer { return unsure },
	"AWS::CloudFormation::StackSet":  func(_, _ map[string]any) answer { return unsure },
	"AWS::CodePipeline::Pipeline": func(p, _ map[string]any) answer {
		if _, isList := p["Stages"].([]any); p["Stages"] != nil && !isList {
			return unsure
		}
		return anyObject(p["Stages"], func(o map[string]any) answer {
			return answerOf(mayBe(o["Owner"], "AWS") &&
				mayBe(o["Provider"], "CloudFormation", "CloudFormationStackSet", "CloudFormationStackInstances", "ServiceCatalog"))
		})
	},
	"AWS::CodeStarConnections::SyncConfiguration": func(p, _ map[string]any) answer {
		return answerOf(mayBe(p["SyncType"], "CFN_STACK_SYNC"))
	},
	"AWS::DataZone::EnvironmentBlueprintConfiguration": func(p, _ map[string]any) answer {
		if arn, _ := p["EnvironmentRolePermissionBoundary"].(string); arn != "" && !strings.HasPrefix(arn, "arn:") {
			return unsure
		}
		return lacks(p["EnvironmentRolePermissionBoundary"])
	},
	"AWS::DataZone::Project": func(p, _ map[string]any) answer { return answerOf(isSet(p["ProjectProfileId"])) },
	"AWS::Grafana::Workspace": func(p, _ map[string]any) answer {
		return answerOf(mayBe(p["PermissionType"], "SERVICE_MANAGED") || isSet(p["StackSetName"]))
	},
	"AWS::MWAA::Environment": func(p, _ map[string]any) answer { return lacks(p["ExecutionRoleArn"]) },
	"AWS::SSM::Document": func(p, _ map[string]any) answer {
		switch {
		case mayBe(p["DocumentType"], "CloudFormation"):
			return yes
		case !mayBe(p["DocumentType"], "Automation"):
			return no
		}
		return automation(p["Content"])
	},
	"AWS::SSO::Assignment": func(p, resources map[string]any) answer {
		switch arn := p["PermissionSetArn"].(type) {
		case string, nil:
			return yes
		case map[string]any:
			if list, _ := arn["Fn::GetAtt"].([]any); len(arn) == 1 && len(list) == 2 {
				id, _ := list[0].(string)
				return answerOf(object(resources[id])["Type"] != "AWS::SSO::PermissionSet")
			}
		}
		return unsure
	},
	"AWS::SSO::PermissionSet": func(p, _ map[string]any) answer {
		// An empty ARN fails the deployment, so either answer will do.
		if arn, _ := object(p["PermissionsBoundary"])["ManagedPolicyArn"].(string); strings.HasPrefix(arn, "arn:") {
			return no
		}
		return lacks(p["PermissionsBoundary"])
	},
	"AWS::SecretsManager::RotationSchedule": func(p, _ map[string]any) answer {
		return answerOf(isSet(p["HostedRotationLambda"]))
	},
}

// automation answers for the content of an automation.
func automation(content any) answer {
	if text, isString := content.(string); isString {
		if strings.Contains(text, "aws:createStack") {
			return yes
		}
		return unsure
	}
	return anyObject(content, func(step map[string]any) answer {
		service, _ := step["Service"].(string)
		call, isCall := step["Api"].(string)
		call = strings.ToLower(strings.ReplaceAll(call, "_", ""))
		deploys := isCall && (service == "iam" && call == "createrole" ||
			service == "cloudformation" && slices.Contains([]string{"createstack", "updatestack", "createstackset", "createchangeset"}, call))
		switch {
		case step["action"] == "aws:createStack" || deploys:
			return yes
		case object(step["action"]) != nil, object(step["Service"]) != nil, object(step["Api"]) != nil,
			strings.Contains(service+call, "{"), slices.Contains([]string{"cloudformation", "iam", "servicecatalog", "organizations"}, service):
			return unsure
		}
		return no
	})
}

// mayBe reports whether a value may be one of texts: unless it is another text,
// or both branches of Fn::If are.
func mayBe(v any, texts ...string) bool {
	if text, isString := v.(string); isString {
		return slices.Contains(texts, text) || mayChange(text)
	}
	if list, _ := object(v)["Fn::If"].([]any); len(list) == 3 && len(object(v)) == 1 {
		return mayBe(list[1], texts...) || mayBe(list[2], texts...)
	}
	_, isList := v.([]any)
	return isList || object(v) != nil && isSet(v)
}

// mayChange reports whether a text holds a dynamic reference or a variable.
func mayChange(text string) bool {
	return strings.Contains(text, "{{") || strings.Contains(text, "${") || strings.Contains(text, "&{")
}

func isSet(v any) bool {
	return v != nil && !(len(object(v)) == 1 && object(v)["Ref"] == "AWS::NoValue")
}

// lacks answers whether a property may be absent or empty.
func lacks(v any) answer {
	if text, isString := v.(string); isString && !strings.Contains(text, "{") {
		return answerOf(text == "")
	}
	if !isSet(v) || hasNewFunction(v) {
		return yes
	}
	return unsure
}

// anyObject answers yes when an object in a value does. Functions and loops may
// yield what is not there.
func anyObject(v any, ask func(map[string]any) answer) answer {
	var answers []answer
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			answers = append(answers, anyObject(element, ask))
		}
	case map[string]any:
		answers = append(answers, ask(v))
		if hasNewFunction(v) {
			answers = append(answers, yes)
		}
		for name, value := range v {
			switch {
			case strings.HasPrefix(name, "Fn::ForEach::"):
				return unsure
			case name == "Ref" && value != "AWS::NoValue", strings.HasPrefix(name, "Fn::") && name != "Fn::If":
				answers = append(answers, unsure)
			}
			answers = append(answers, anyObject(value, ask))
		}
	}
	switch {
	case slices.Contains(answers, yes):
		return yes
	case slices.Contains(answers, unsure):
		return unsure
	}
	return no
}

var reportedTypes = sync.OnceValue(func() map[string]bool {
	types := map[string]bool{}
	for _, d := range decisions() {
		if d.verdict == "reported" && !strings.Contains(d.typ, "*") {
			types[d.typ] = true
		}
	}
	return types
})

// blindAnswer says whether a resource of a type may create roles out of sight.
func blindAnswer(typ string, p, resources map[string]any) answer {
	ask, asked := blindQuestions[typ]
	isOwn := strings.HasPrefix(typ, "AWS::") || strings.HasPrefix(typ, "Alexa::") || strings.HasPrefix(typ, "Custom::")
	switch {
	case strings.Contains(typ, "{"), strings.HasPrefix(typ, "AWS::Serverless::"):
		return unsure
	case asked && hasNewFunction(p):
		return yes
	case asked:
		return ask(p, resources)
	}
	return answerOf(reportedTypes()[typ] || strings.Contains(typ, "::") && (!isOwn || strings.HasSuffix(typ, "::MODULE")))
}

// checkBlind holds the blind spots of a template's own resources against what a
// reader of the template says.
func checkBlind(fragment []byte, report transform.Report) error {
	var t map[string]any
	if json.Unmarshal(fragment, &t) != nil {
		return nil
	}
	resources := object(t["Resources"])
	if _, isResource := resources["Type"].(string); isResource {
		return nil
	}
	if hasNewFunction(resources) && !reportsNewFunction(report, "Resources") {
		return errors.New("a function makes the resources, and is not reported")
	}
	for id, r := range resources {
		if hasNewFunction(r) && !isOdd(fragment, id) && !reportsNewFunction(report, id) {
			return fmt.Errorf("a function makes %s, and is not reported", id)
		}
		typ, _ := object(r)["Type"].(string)
		p := object(object(r)["Properties"])
		reported := slices.ContainsFunc(report.BlindSpots, func(f rules.Finding) bool { return f.LogicalID == id && f.Type == printable.Line(typ) })
		switch found := blindAnswer(typ, p, resources); {
		case isOdd(fragment, id), isLossy(typ), reported == (found == yes), found == unsure, hasLoop(p):
		case reported && !jsontext.Value(fragment).IsValid():
			// Members are repeated. The engine looks at all of them, this reader at the last.
		case reported:
			return fmt.Errorf("%s (%s) is reported, and creates no role", id, typ)
		default:
			return fmt.Errorf("%s (%s) may create a role, and is not reported", id, typ)
		}
	}
	return nil
}

// reportsNewFunction reports whether a report says that a function nobody has
// documented makes what has an ID.
func reportsNewFunction(report transform.Report, id string) bool {
	return slices.ContainsFunc(report.BlindSpots, func(f rules.Finding) bool { return f.LogicalID == id && f.Code == "unknown-function" })
}

// isOdd reports whether an ID may stand for several resources, or be spelled in
// another way.
func isOdd(fragment []byte, id string) bool {
	return len(id) > 255 || strings.Contains(id, "\ufffd") || bytes.Contains(fragment, []byte(`\u`)) ||
		bytes.Count(fragment, []byte(`"`+id+`"`)) != 1
}

// isLossy reports whether encoding/json or the report has replaced or cut a part
// of a type.
func isLossy(typ string) bool { return len(typ) > 255 || strings.Contains(typ, "\ufffd") }

func hasLoop(p map[string]any) bool {
	for name := range p {
		if strings.HasPrefix(name, "Fn::ForEach::") {
			return true
		}
	}
	return false
}
