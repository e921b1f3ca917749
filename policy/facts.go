package policy

import (
	"maps"
	"slices"
	"strings"
)

// Facts are what is known of all requests of the roles. What is empty is not
// known, and may be anything.
type Facts struct {
	Partition string // aws
	Account   string // of the roles: 12 digits
	Region    string // in which a template is deployed
	// Keys are condition keys, such as aws:RequestedRegion, that each request has
	// with this one value.
	Keys map[string]string
}

// value returns the value of a policy variable, or of a pseudo parameter of
// CloudFormation.
func (f Facts) value(name string, pseudo bool) (value string, known bool) {
	if pseudo {
		value = map[string]string{"AWS::Partition": f.Partition, "AWS::AccountId": f.Account, "AWS::Region": f.Region}[name]
	} else {
		value = f.keys()[strings.ToLower(name)]
	}
	return value, value != ""
}

// keys are the condition keys whose value is known, in lower case.
func (f Facts) keys() map[string]string {
	keys := map[string]string{}
	for key, value := range f.Keys {
		keys[strings.ToLower(key)] = value
	}
	if f.Account != "" {
		keys["aws:principalaccount"] = f.Account
	}
	return keys
}

// conditions are those that hold for every request.
func (f Facts) conditions() []condition {
	var all []condition
	keys := f.keys()
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		for _, name := range []string{"stringequals", "bool"} {
			value := syntax{}.pattern(keys[key])
			all = append(all, condition{operator: operator{comparison: comparisons[name]}, key: key, values: []pattern{value}})
		}
	}
	return all
}
