package policy

import "strings"

// Facts are what is known of the roles' account. What is empty is not known, and
// may be anything.
type Facts struct {
	Partition string // aws
	Account   string // 12 digits
	Region    string // in which a template is deployed
}

// value returns the value of a pseudo parameter of CloudFormation, or of the
// policy variable that is the same for all principals of the account.
func (f Facts) value(name string) (value string, known bool) {
	switch name {
	case "AWS::Partition":
		value = f.Partition
	case "AWS::AccountId":
		value = f.Account
	case "AWS::Region":
		value = f.Region
	default:
		if strings.EqualFold(name, "aws:PrincipalAccount") {
			value = f.Account
		}
	}
	return value, value != ""
}
