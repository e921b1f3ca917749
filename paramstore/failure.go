package paramstore

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"permissions-boundary-macro/awserror"
	"permissions-boundary-macro/boundary"
)

// action is a call to SSM, in the words of its errors.
type action struct {
	verb, verbs string // "read", "reads of"
	permission  string
}

var (
	read        = action{"read", "reads of", "ssm:GetParameter"}
	readHistory = action{"read the history of", "reads of the history of", "ssm:GetParameterHistory"}
	list        = action{"list", "lists of", "ssm:GetParametersByPath"}
	create      = action{"create", "writes of", "ssm:PutParameter and ssm:AddTagsToResource"}
	update      = action{"update", "writes of", "ssm:PutParameter"}
	remove      = action{"delete", "deletions of", "ssm:DeleteParameter"}
)

// failed says what the error of a call means.
func (s *SSM) failed(a action, environment string, err error) error {
	where := "the parameters below " + s.prefix + " in " + s.region
	if environment != "" {
		where = s.Location(environment)
	}
	if _, missing := errors.AsType[*types.ParameterNotFound](err); missing {
		return boundary.Problem{
			What:   fmt.Sprintf("environment %q is unknown: %s does not exist", environment, where),
			Remedy: s.remedy("add it", "add", environment),
			Kind:   boundary.ErrUnknown,
		}
	}
	if _, exists := errors.AsType[*types.ParameterAlreadyExists](err); exists {
		return boundary.Problem{
			What:   fmt.Sprintf("environment %q exists already: %s", environment, where),
			Remedy: s.remedy("change it", "update", environment),
			Kind:   boundary.ErrExists,
		}
	}
	return awserror.Explain(awserror.Call{
		Service:    "SSM",
		Verb:       a.verb,
		Verbs:      a.verbs,
		Object:     where,
		Allow:      "allow " + a.permission + " on it, and the use of its key if it is a SecureString",
		Throughput: "if it happens often, raise the throughput of Parameter Store in this Region",
	}, err)
}
