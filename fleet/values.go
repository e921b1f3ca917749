package fleet

import (
	"fmt"
	"maps"
	"slices"

	"permissions-boundary-macro/boundary"
)

// values are what the boundary values of environments mean in an account and
// Region.
type values struct {
	target boundary.Target
	arns   map[string]expectation // by environment
}

// expectation is the ARN of the boundary that roles of an environment should carry,
// or boundary.None, or why that is not known.
type expectation struct {
	arn    string
	err    error
	remedy Remedy // of err
}

// valuesIn reads the records of a store. An override for the account goes before the
// environment's own value, also if it is malformed, as for the macro. Those for
// other accounts do not count.
func valuesIn(target boundary.Target, records []boundary.Record) values {
	effective := map[string]boundary.Record{}
	for _, r := range records {
		_, known := effective[r.Key.Environment]
		if r.Key.Account == target.AccountID || !r.Key.IsOverride() && !known {
			effective[r.Key.Environment] = r
		}
	}
	v := values{target, map[string]expectation{}}
	for environment, r := range effective {
		arn, err := arnOf(r, target)
		v.arns[environment] = expectation{arn, err, CorrectValue}
	}
	return v
}

func arnOf(r boundary.Record, target boundary.Target) (string, error) {
	value, err := boundary.Parse(r.Text)
	switch {
	case err != nil:
		return "", fmt.Errorf("the value of %s is malformed: %w", r.Key.Describe(), err)
	case value.IsNone():
		return boundary.None, nil
	}
	return value.Resolve(target)
}

func (v values) expected(environment string) expectation {
	e, found := v.arns[environment]
	if !found {
		e.err = fmt.Errorf("environment %s has no boundary value for account %s in %s", environment, v.target.AccountID, v.target.Region)
		e.remedy = AddValue
	}
	return e
}

// Expected is the ARN of the boundary that roles of an environment should carry in an
// account and Region whose store has the records, or boundary.None.
func Expected(environment string, target boundary.Target, records []boundary.Record) (string, error) {
	e := valuesIn(target, records).expected(environment)
	return e.arn, e.err
}

// environmentOf is the first environment whose boundary has an ARN, empty if there
// is none.
func (v values) environmentOf(arn string) string {
	for _, environment := range slices.Sorted(maps.Keys(v.arns)) {
		if v.arns[environment].arn == arn {
			return environment
		}
	}
	return ""
}
