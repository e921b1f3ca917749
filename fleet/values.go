package fleet

import (
	"fmt"
	"slices"

	"permissions-boundary-macro/boundary"
)

// values are the boundary values of an account and Region.
type values struct {
	records []boundary.Record
	target  boundary.Target
}

// expected is the ARN of the boundary that roles of an environment should carry,
// or boundary.None. An override for the account goes before the environment's own
// value, also if it is malformed, as for the macro.
func (v values) expected(environment string) (string, error) {
	record, found := v.find(boundary.Key{Environment: environment, Account: v.target.AccountID})
	if !found {
		record, found = v.find(boundary.Key{Environment: environment})
	}
	if !found {
		return "", fmt.Errorf("environment %s has no boundary value in account %s, Region %s", environment, v.target.AccountID, v.target.Region)
	}
	value, err := boundary.Parse(record.Text)
	switch {
	case err != nil:
		return "", fmt.Errorf("the value of %s is malformed: %w", record.Key.Describe(), err)
	case value.IsNone():
		return boundary.None, nil
	}
	return value.Resolve(v.target)
}

func (v values) find(key boundary.Key) (boundary.Record, bool) {
	i := slices.IndexFunc(v.records, func(r boundary.Record) bool { return r.Key == key })
	if i < 0 {
		return boundary.Record{}, false
	}
	return v.records[i], true
}

// environmentOf is an environment whose boundary has an ARN, empty if there is
// none.
func (v values) environmentOf(arn string) string {
	for _, r := range v.records {
		if expected, err := v.expected(r.Key.Environment); err == nil && expected == arn {
			return r.Key.Environment
		}
	}
	return ""
}
