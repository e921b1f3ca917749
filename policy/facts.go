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

// value returns the value of a policy variable, or of a pseudo parameter behind its
// sign.
func (f Facts) value(name string) (value string, known bool) {
	if pseudo, isPseudo := strings.CutPrefix(name, pseudoSign); isPseudo {
		value = map[string]string{"AWS::Partition": f.Partition, "AWS::AccountId": f.Account, "AWS::Region": f.Region}[pseudo]
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
		is := func(operatorName, value string) condition {
			return condition{operator: operator{comparison: comparisons[operatorName]}, key: key, values: []pattern{syntax{}.pattern(value)}}
		}
		all = append(all, is("stringequals", keys[key]), is("bool", strings.ToLower(keys[key])))
	}
	return all
}
