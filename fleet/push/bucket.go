package push

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/awserror"
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

// S3 is the part of Amazon S3 that a bucket needs.
type S3 interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// Bucket keeps templates until CloudFormation has read them. It must be in the Region
// and the account of the stacks.
type Bucket struct {
	Name, Account, Region string
	Client                S3
}

// put stores a template, and returns how CloudFormation is told where it is. Nobody
// else's bucket gets it.
func (b Bucket) put(ctx context.Context, key, body string) (url string, err error) {
	_, err = b.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.Name, Key: &key, Body: bytes.NewReader([]byte(body)), ExpectedBucketOwner: &b.Account,
	})
	if err != nil {
		return "", b.failure("write to", "s3:PutObject", err)
	}
	return ObjectURL(b.Name, b.Region, key), nil
}

// delete deletes what put has stored, if it is there.
func (b Bucket) delete(ctx context.Context, key string) error {
	_, err := b.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Name, Key: &key, ExpectedBucketOwner: &b.Account})
	if api, isAnswer := errors.AsType[smithy.APIError](err); isAnswer && api.ErrorCode() == "NoSuchBucket" {
		return nil
	}
	if err != nil {
		return b.failure("delete from", "s3:DeleteObject", err)
	}
	return nil
}

func (b Bucket) failure(verb, permission string, err error) error {
	return awserror.Explain(awserror.Call{
		Service: "S3", Verb: verb, Verbs: "requests to " + verb, Object: "bucket " + b.Name + " in " + b.Region,
		Allow: "allow " + permission + " on " + b.Name + "/pbm/*; the bucket must be in the account and the Region of the stack",
	}, err)
}

// objectKey is where the template is in a bucket.
func (d deployment) objectKey() string {
	sum := sha256.Sum256([]byte(d.ID))
	return fmt.Sprintf("pbm/%s/%x.template", d.run, sum[:8])
}
