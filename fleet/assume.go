package fleet

import (
	"context"
	_ "embed"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/awserror"
)

// SessionPolicy is the policy of the sessions that [Assume] begins. It allows what
// an audit reads and nothing else, so that a session cannot write, whatever the
// role allows.
//
//go:embed session_policy.json
var SessionPolicy string

// AssumeRole is the role that an audit assumes in each account.
type AssumeRole struct {
	Name       string // with its path, such as platform/pbm-auditor
	ExternalID string // empty for none
}

// SessionName is the name of the sessions in CloudTrail.
const SessionName = "pbm-audit"

// Assume returns an account with credentials of a role in it, or with the reason
// why there are none. Regions are those to read, nil for all.
func Assume(ctx context.Context, cfg aws.Config, id string, role AssumeRole, regions []string) Account {
	arn := "arn:" + boundary.PartitionOf(cfg.Region) + ":iam::" + id + ":role/" + role.Name
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = SessionName
		o.Policy = aws.String(SessionPolicy)
		if role.ExternalID != "" {
			o.ExternalID = aws.String(role.ExternalID)
		}
	})
	account := Account{ID: id, Regions: regions, Config: cfg.Copy()}
	account.Config.Credentials = aws.NewCredentialsCache(provider)
	if _, err := account.Config.Credentials.Retrieve(ctx); err != nil {
		account.Err = awserror.Explain(awserror.Call{
			Service: "STS", Verb: "assume", Verbs: "requests to assume", Object: "role " + arn,
			Allow: "allow sts:AssumeRole on it; the role's trust policy must allow the caller, with the external ID that is given",
		}, err)
	}
	return account
}
