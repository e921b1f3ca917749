package boundary

import (
	"errors"
	"strings"
)

// Target is where the roles that get a boundary will be.
type Target struct {
	Partition string // such as aws-cn
	AccountID string // 12 digits; a string, for its leading zeros
	Region    string // such as eu-west-1
}

// TargetOf is the target of a macro request. CloudFormation tells the account
// and the Region; the partition follows from the Region.
func TargetOf(accountID, region string) Target {
	return Target{Partition: PartitionOf(region), AccountID: accountID, Region: region}
}

// fill replaces the placeholders in text by the target's names.
func (t Target) fill(text string) string {
	return strings.NewReplacer(
		partitionPlaceholder, t.Partition,
		accountPlaceholder, t.AccountID,
		regionPlaceholder, t.Region,
	).Replace(text)
}

// Resolve replaces the placeholders in the text of a Fn::Sub. It reports false
// when others remain, whose values are not known before the deployment.
func (t Target) Resolve(text string) (string, bool) {
	if t.known() != nil {
		return "", false
	}
	text = t.fill(text)
	return text, !strings.Contains(text, "${")
}

// known checks that account and Region are there: a request without
// an account or a Region cannot say whether a boundary fits.
func (t Target) known() error {
	if t.AccountID == "" {
		return errors.New("request names no account (accountId), so the boundary cannot be checked against it")
	}
	if t.Region == "" {
		return errors.New("request names no Region (region), so the boundary cannot be checked against its partition")
	}
	return nil
}

// partitions maps the beginning of a Region's name to its partition. Source:
// the partition file that the AWS SDKs share. A Region of none of these is of
// partition aws.
var partitions = []struct{ regions, partition string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"us-iso-", "aws-iso"},
	{"us-isob-", "aws-iso-b"},
	{"eu-isoe-", "aws-iso-e"},
	{"us-isof-", "aws-iso-f"},
	{"eusc-", "aws-eusc"},
}

// PartitionOf is the partition that a Region belongs to. A macro request names
// the Region only.
func PartitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.regions) {
			return p.partition
		}
	}
	return "aws"
}
