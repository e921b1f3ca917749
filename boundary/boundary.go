// Package boundary says what a permissions boundary is: the names of
// environments, the syntax of the ARNs that SSM Parameter Store holds, the
// placeholders in them, and when a boundary may be used in an account.
//
// It is pure: it reaches neither AWS nor the file system. Stores of boundary
// values implement [Store]; see package paramstore.
package boundary

import (
	"fmt"
	"regexp"
	"strings"
)

// None is the boundary value that says explicitly that an environment has no
// boundary. SSM Parameter Store cannot hold an empty string, so the absence is
// spelled out.
const None = "none"

// Placeholders that a boundary value may hold, with the meaning that the
// pseudo parameters of CloudFormation have. They let one value serve many
// accounts, Regions and partitions.
const (
	partitionPlaceholder = "${AWS::Partition}"
	accountPlaceholder   = "${AWS::AccountId}"
	regionPlaceholder    = "${AWS::Region}"
)

// Lengths of an ARN that IAM takes as PermissionsBoundary, in characters.
// Source: IAM API, PutRolePermissionsBoundary.
const (
	minARNLength = 20
	maxARNLength = 2048
)

// maxPathLength is the longest path of a managed policy, both slashes
// included. Source: IAM API, CreatePolicy.
const maxPathLength = 512

// maxNameLength is the longest name of a managed policy. Source: IAM API,
// CreatePolicy. It is no part of policyARN, for a bound in an expression is
// compiled as so many copies, at every start of the macro.
const maxNameLength = 128

// policyARN is the shape of a managed policy's ARN. There is no list of
// partitions: AWS adds them. The characters of the path and of the name are
// those of IAM's CreatePolicy.
var policyARN = regexp.MustCompile(
	`^arn:([a-z][a-z0-9-]*):iam::([0-9]{12}|aws):policy/((?:[A-Za-z0-9.,+@=_-]+/)*)([A-Za-z0-9_+=,.@-]+)$`)

// Value is a boundary value: the ARN of an IAM managed policy, in which the
// placeholders ${AWS::Partition}, ${AWS::AccountId} and ${AWS::Region} may
// stand, or explicitly none. The zero Value is none.
type Value struct {
	text string // an ARN, or empty for none
}

// Parse reads a boundary value as SSM Parameter Store holds it. White space
// around it, such as the newline that a file ends with, does not count.
//
// The error never repeats the text, which may be a secret that somebody put
// there by mistake.
func Parse(text string) (Value, error) {
	text = strings.TrimSpace(text)
	if text == None {
		return Value{}, nil
	}
	// No account is called aws-cn: the partition stands in its place only.
	sample := Target{Partition: "aws-cn", AccountID: "111122223333", Region: "eu-west-1"}
	if err := checkARN(sample.fill(text)); err != nil {
		return Value{}, err
	}
	return Value{text}, nil
}

func checkARN(arn string) error {
	parts := policyARN.FindStringSubmatch(arn)
	switch {
	case parts == nil || len(parts[4]) > maxNameLength:
		return fmt.Errorf("neither %q nor the ARN of an IAM managed policy (arn:PARTITION:iam::ACCOUNT:policy/NAME)", None)
	case len(arn) < minARNLength || len(arn) > maxARNLength:
		return fmt.Errorf("an ARN of %d characters, IAM takes %d to %d", len(arn), minARNLength, maxARNLength)
	case len("/")+len(parts[3]) > maxPathLength:
		return fmt.Errorf("an ARN with a path of %d characters, IAM takes %d", len("/")+len(parts[3]), maxPathLength)
	}
	return nil
}

// IsNone reports whether the value says that there is no boundary.
func (v Value) IsNone() bool { return v.text == "" }

// String is the value as SSM Parameter Store holds it. Parse takes it back.
func (v Value) String() string {
	if v.IsNone() {
		return None
	}
	return v.text
}

// Resolve returns the ARN that the value means in a target: placeholders
// filled in, and checked as IAM would check it minutes later, role by role. A
// boundary must be of the target's partition, and a customer managed policy of
// the target's account. The value must not be none.
func (v Value) Resolve(t Target) (string, error) {
	if err := t.known(); err != nil {
		return "", err
	}
	arn := t.fill(v.text)
	if err := checkARN(arn); err != nil {
		return "", fmt.Errorf("resolve %s: %w", v.text, err)
	}
	partition, account := arnParts(arn)
	switch {
	case partition != t.Partition:
		return "", Problem{
			What:   fmt.Sprintf("boundary %s is of partition %s, the stack deploys to %s", arn, partition, t.Partition),
			Remedy: "store a policy of that partition, or write " + partitionPlaceholder + " in its place",
		}
	case account != "aws" && account != t.AccountID:
		return "", Problem{
			What:   fmt.Sprintf("boundary %s is a policy of account %s, the stack deploys to account %s", arn, account, t.AccountID),
			Remedy: "store a policy of that account, or write " + accountPlaceholder + " in its place",
		}
	}
	return arn, nil
}

// Expand replaces the placeholders by the target's names, which it does not check:
// the names may be patterns, such as *. The value must not be none.
func (v Value) Expand(t Target) string { return t.fill(v.text) }

// Portable is the value for roles of an account that is not known here, to be
// wrapped in Fn::Sub: partition and account are placeholders, whatever the
// value spells out. AWS managed policies keep their account field. The value
// must not be none.
func (v Value) Portable() string {
	fields := splitARN(v.text)
	fields[1] = partitionPlaceholder
	if fields[4] != "aws" {
		fields[4] = accountPlaceholder
	}
	return strings.Join(fields, ":")
}

// AccountID is the account that the value spells out, empty when it leaves the
// account to a placeholder, is an AWS managed policy, or is none.
func (v Value) AccountID() string {
	if v.IsNone() {
		return ""
	}
	if account := splitARN(v.text)[4]; account != "aws" && account != accountPlaceholder {
		return account
	}
	return ""
}

// NeedsAccount reports whether the value has a placeholder for the account.
func (v Value) NeedsAccount() bool { return strings.Contains(v.text, accountPlaceholder) }

func arnParts(arn string) (partition, account string) {
	fields := splitARN(arn)
	return fields[1], fields[4]
}

// splitARN splits at the colons between fields. The colons inside of
// placeholders are none of those.
func splitARN(arn string) []string {
	const mark = "\x00"
	fields := strings.SplitN(strings.ReplaceAll(arn, "AWS::", "AWS"+mark), ":", 6)
	for i := range fields {
		fields[i] = strings.ReplaceAll(fields[i], "AWS"+mark, "AWS::")
	}
	return fields
}
