package fleet

import (
	"context"
	_ "embed"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/awserror"
)

// SessionPolicy is the policy of the sessions of audits. It allows what an audit
// reads and nothing else, so that a session cannot write, whatever the role allows.
//
//go:embed session_policy.json
var SessionPolicy string

// AssumeRole is the role that is assumed in each account.
type AssumeRole struct {
	Name       string // with its path, such as platform/pbm-auditor
	ExternalID string // empty for none
	Session    Session
}

// Session is what the sessions of a role are.
type Session struct {
	Name   string // in CloudTrail
	Policy string // the session policy, which limits what the role allows
}

// AuditSession is that of an audit.
var AuditSession = Session{SessionName, SessionPolicy}

// SessionName is the name of the sessions of audits in CloudTrail.
const SessionName = "pbm-audit"

// Assume returns an account with credentials of a role in it, or with the reason
// why there are none. Regions are those to read, nil for all.
func Assume(ctx context.Context, cfg aws.Config, id string, role AssumeRole, regions []string) Account {
	arn := "arn:" + boundary.PartitionOf(cfg.Region) + ":iam::" + id + ":role/" + role.Name
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = role.Session.Name
		o.Policy = aws.String(role.Session.Policy)
		if role.ExternalID != "" {
			o.ExternalID = aws.String(role.ExternalID)
		}
	})
	account := Account{ID: id, Regions: regions, Config: cfg.Copy()}
	account.Config.Credentials = Cached(provider)
	if _, err := account.Config.Credentials.Retrieve(ctx); err != nil {
		account.Err = awserror.Explain(awserror.Call{
			Service: "STS", Verb: "assume", Verbs: "requests to assume", Object: "role " + arn,
			Allow: "allow sts:AssumeRole on it; the role's trust policy must allow the caller, with the external ID that is given",
		}, err)
	}
	return account
}

// Cached keeps the credentials of a role until five minutes before they expire, so
// that a call that waits for its turn does not find them expired.
func Cached(provider aws.CredentialsProvider) aws.CredentialsProvider {
	return aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute })
}
