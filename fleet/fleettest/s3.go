package fleettest

import (
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// s3Bucket is a bucket, of which there is one with its name in all accounts.
type s3Bucket struct {
	owner, region string
	isOpen        bool              // to all accounts
	objects       map[string][]byte // by key
}

// CreateBucket creates a bucket in S3, which only this account can use.
func (a *Account) CreateBucket(region, name string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.server.s3Buckets[name] = &s3Bucket{owner: a.ID, region: region, objects: map[string][]byte{}}
}

// OpenBucket lets all accounts use a bucket.
func (a *Account) OpenBucket(name string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.server.s3Buckets[name].isOpen = true
}

// lets reports whether an account can use a bucket.
func (b *s3Bucket) lets(account string) bool { return b.isOpen || b.owner == account }

// PutObject creates an object, or replaces it. The bucket exists.
func (a *Account) PutObject(bucket, key, body string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.server.s3Buckets[bucket].objects[key] = []byte(body)
}

// Objects returns the keys of the objects in a bucket, sorted.
func (a *Account) Objects(bucket string) []string {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return slices.Sorted(maps.Keys(a.server.s3Buckets[bucket].objects))
}

// s3Operations are those of objects, over REST.
var s3Operations = map[string]func(*request) ([]byte, error){
	"DeleteObject": deleteObject,
	"GetObject":    getObject,
	"PutObject":    putObject,
}

// s3Methods are the operations on objects by HTTP method.
var s3Methods = map[string]string{
	http.MethodDelete: "DeleteObject", http.MethodGet: "GetObject", http.MethodPut: "PutObject",
}

// s3Object is what a request to S3 names: the bucket is the first label of the
// host, or, at an IP address or localhost, the first element of the path.
func s3Object(r *http.Request) (bucket, key string) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if bucket, _, isVirtual := strings.Cut(host, "."); isVirtual && net.ParseIP(host) == nil {
		return bucket, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// s3Request is a request to an object, with the server's state locked.
func s3Request(r *request, do func(b *s3Bucket, key string) ([]byte, error)) ([]byte, error) {
	r.account.server.mu.Lock()
	defer r.account.server.mu.Unlock()
	name, key := s3Object(r.http)
	b := r.account.server.s3Buckets[name]
	expected := r.http.Header.Get("X-Amz-Expected-Bucket-Owner")
	switch {
	case b == nil:
		return nil, failure{code: "NoSuchBucket", message: "The specified bucket does not exist"}
	case !b.lets(r.Account), expected != "" && expected != b.owner:
		return nil, failure{code: "AccessDenied", message: "Access Denied"}
	case b.region != r.Region:
		return nil, failure{code: "PermanentRedirect", message: "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint."}
	}
	return do(b, key)
}

func putObject(r *request) ([]byte, error) {
	return s3Request(r, func(b *s3Bucket, key string) ([]byte, error) {
		if strings.HasPrefix(r.http.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
			return nil, failure{code: "NotImplemented", message: "fleettest does not read bodies in chunks"}
		}
		b.objects[key] = r.body
		return nil, nil
	})
}

func getObject(r *request) ([]byte, error) {
	return s3Request(r, func(b *s3Bucket, key string) ([]byte, error) {
		body, exists := b.objects[key]
		if !exists {
			return nil, failure{code: "NoSuchKey", message: "The specified key does not exist."}
		}
		return body, nil
	})
}

// deleteObject deletes an object. One that does not exist is no error.
func deleteObject(r *request) ([]byte, error) {
	return s3Request(r, func(b *s3Bucket, key string) ([]byte, error) {
		delete(b.objects, key)
		return nil, nil
	})
}

// s3Host is the host of a URL of S3, with the bucket in front or not.
var s3Host = regexp.MustCompile(`^(?:(.+)\.)?s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$`)

// seeErrors is the end of errors that CloudFormation has from S3.
const seeErrors = "\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"

// templateAt is the template that a TemplateURL names, which CloudFormation reads
// as the caller. Source of the texts: recorded on AWS.
func (a *Account) templateAt(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" {
		return "", invalid("TemplateURL must be a supported URL.")
	}
	host := s3Host.FindStringSubmatch(u.Host)
	if host == nil {
		return "", invalid("S3 error: Domain name specified in %s is not a valid S3 domain", u.Host)
	}
	bucket, key := host[1], strings.TrimPrefix(u.Path, "/")
	if bucket == "" {
		bucket, key, _ = strings.Cut(key, "/")
	}
	body, err := a.object(bucket, key)
	switch {
	case err != nil:
		return "", invalid("S3 error: %s%s", messageOf(err), seeErrors)
	case len(body) > longestObject:
		return "", invalid("Template may not exceed %d bytes in size.", longestObject)
	}
	return string(body), nil
}

// snippetAt is the text at a location of AWS::Include, an s3:// URI.
func (a *Account) snippetAt(location string) (string, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(location, "s3://"), "/")
	body, err := a.object(bucket, key)
	if f, isFailure := err.(failure); isFailure && f.code == "NoSuchBucket" {
		return "", invalid("S3 bucket [%s] does not exist.", bucket)
	}
	return string(body), err
}

// object is the body of an object, as a caller of the account reads it.
func (a *Account) object(bucket, key string) ([]byte, error) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	b := a.server.s3Buckets[bucket]
	if b == nil {
		return nil, failure{code: "NoSuchBucket", message: "The specified bucket does not exist"}
	}
	body, exists := b.objects[key]
	switch {
	case !b.lets(a.ID):
		return nil, failure{code: "AccessDenied", message: "Access Denied"}
	case !exists:
		return nil, failure{code: "NoSuchKey", message: "The specified key does not exist."}
	}
	return body, nil
}
