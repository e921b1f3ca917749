package paramstore

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/awserror"
)

// action is a call to SSM, in the words of its errors.
type action struct {
	verb, verbs string // "read", "reads of"
	permission  string
	also        string // what else needs the permission, such as " and on /p/dev/111122223333"
}

var (
	read          = action{verb: "read", verbs: "reads of", permission: "ssm:GetParameter"}
	readEffective = action{verb: "read", verbs: "reads of", permission: "ssm:GetParameters"}
	readHistory   = action{verb: "read the history of", verbs: "reads of the history of", permission: "ssm:GetParameterHistory"}
	list          = action{verb: "list", verbs: "lists of", permission: "ssm:GetParametersByPath"}
	create        = action{verb: "create", verbs: "writes of", permission: "ssm:PutParameter and ssm:AddTagsToResource"}
	update        = action{verb: "update", verbs: "writes of", permission: "ssm:PutParameter"}
	remove        = action{verb: "delete", verbs: "deletions of", permission: "ssm:DeleteParameter"}
)

// failed says what the error of a call about a key means, or of a list, for the
// zero key.
func (s *SSM) failed(a action, key boundary.Key, err error) error {
	where := "the parameters below " + s.prefix + " in " + s.region
	if key != (boundary.Key{}) {
		where = s.Location(key)
	}
	if _, missing := errors.AsType[*types.ParameterNotFound](err); missing {
		return s.unknown(key)
	}
	if _, exists := errors.AsType[*types.ParameterAlreadyExists](err); exists {
		return alreadyExists(key, ": "+where, s.remedy("change it", UpdateCommand(key)))
	}
	return awserror.Explain(awserror.Call{
		Service:    "SSM",
		Verb:       a.verb,
		Verbs:      a.verbs,
		Object:     where,
		Allow:      "allow " + a.permission + " on it" + a.also + ", and the use of its key if it is a SecureString",
		Throughput: "if it happens often, raise the throughput of Parameter Store in this Region",
	}, err)
}

// unknown is the error for a parameter that does not exist.
func (s *SSM) unknown(key boundary.Key) error {
	return unknown(key, s.Location(key)+" does not exist", s.remedy("add it", AddCommand(key)))
}

// unknown is the error for a key without a value.
func unknown(key boundary.Key, why, remedy string) error {
	what := key.Describe() + " is unknown"
	if key.IsOverride() {
		what = fmt.Sprintf("%s has no override for account %s", key.Own().Describe(), key.Account)
	}
	return boundary.Problem{What: what + ": " + why, Remedy: remedy, Kind: boundary.ErrUnknown}
}

// alreadyExists is the error for a value that would be created a second time.
func alreadyExists(key boundary.Key, where, remedy string) error {
	return boundary.Problem{What: key.Describe() + " exists already" + where, Remedy: remedy, Kind: boundary.ErrExists}
}
