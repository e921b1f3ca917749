package fleettest

import (
	"encoding/json"
	"slices"
)

// nameProperties are the properties that name the IAM resources of a type; an
// empty one for types without names. Source: CloudFormation API, CreateChangeSet,
// Capabilities.
var nameProperties = map[string]string{
	"AWS::IAM::AccessKey":           "",
	"AWS::IAM::Group":               "GroupName",
	"AWS::IAM::InstanceProfile":     "InstanceProfileName",
	policyType:                      "ManagedPolicyName",
	"AWS::IAM::Policy":              "",
	roleType:                        "RoleName",
	userType:                        "UserName",
	"AWS::IAM::UserToGroupAddition": "",
}

// checkCapabilities refuses a template with IAM resources that are not
// acknowledged. Either capability is enough, unless there are custom names.
// CAPABILITY_AUTO_EXPAND has no effect on change sets.
func checkCapabilities(fragment []byte, acknowledged []string) error {
	var t processedTemplate
	if err := json.Unmarshal(fragment, &t); err != nil {
		return invalid("Template format error: %v", err)
	}
	needed := ""
	for _, r := range t.Resources {
		property, isIAM := nameProperties[r.Type]
		switch {
		case isIAM && property != "" && r.Properties[property] != nil:
			needed = "CAPABILITY_NAMED_IAM"
		case isIAM && needed == "":
			needed = "CAPABILITY_IAM"
		}
	}
	if needed == "" || slices.Contains(acknowledged, "CAPABILITY_NAMED_IAM") || slices.Contains(acknowledged, needed) {
		return nil
	}
	return failure{code: "InsufficientCapabilitiesException", message: "Requires capabilities : [" + needed + "]"}
}
