package push

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"

	"permissions-boundary-macro/boundary"
)

// BucketIn is the name of the bucket for a stack, in which the placeholders
// ${AWS::AccountId} and ${AWS::Region} are replaced.
func BucketIn(name string, s Stack) string {
	return strings.NewReplacer("${AWS::AccountId}", s.Account, "${AWS::Region}", s.Region).Replace(name)
}

// ObjectURL is how CloudFormation is told where a template is. Source: Amazon S3 user
// guide, virtual-hosted-style access.
func ObjectURL(bucket, region, key string) string {
	host := bucket + ".s3." + region + ".amazonaws.com"
	if boundary.PartitionOf(region) == "aws-cn" {
		host += ".cn"
	}
	return (&url.URL{Scheme: "https", Host: host, Path: "/" + key}).String()
}

// NeedsBucket reports whether the template is too long for a call.
func (t Template) NeedsBucket() bool { return t.Size > maxBody }

// Bucket keeps templates until CloudFormation has read them.
type Bucket interface {
	// Put stores a template, and returns how CloudFormation is told where it is.
	Put(ctx context.Context, key, body string) (url string, err error)
	// Delete deletes what Put has stored, if it is there.
	Delete(ctx context.Context, key string) error
}

// objectKey is where the template is in a bucket.
func (d deployment) objectKey() string {
	sum := sha256.Sum256([]byte(d.ID))
	return fmt.Sprintf("pbm/%s/%x.template", d.run, sum[:8])
}
