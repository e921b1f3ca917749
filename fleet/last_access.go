package fleet

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/awserror"
)

// LastAccess is when a role last tried to use services and actions. Denied attempts
// count. The zero time is for none in the period that IAM tracks, which is 400 days
// or less. IAM tracks a part of the actions, and tells of services that the role's
// policies allow. Source: IAM API, GenerateServiceLastAccessedDetails.
type LastAccess struct {
	Services map[string]time.Time // by prefix, such as s3
	Actions  map[string]time.Time // in lower case, such as s3:createbucket
}

// AccessReader reads when roles were last used. It may be used concurrently.
type AccessReader struct{ client *iam.Client }

// NewAccessReader returns a reader that makes this number of calls per second, 0
// for no limit.
func NewAccessReader(cfg aws.Config, perSecond float64) AccessReader {
	return AccessReader{iam.NewFromConfig(Limited(cfg, cfg.Region, perSecond))}
}

// How long to wait for a report of IAM, which takes seconds.
const (
	firstReportDelay = 500 * time.Millisecond
	maxReportDelay   = 8 * time.Second
	maxReportReads   = 30
)

const tryReportAgain = "try again in a few minutes"

// Of reads the last access of a role by its ARN. Its errors are of type
// boundary.Problem, or that of the context.
func (r AccessReader) Of(ctx context.Context, arn string) (LastAccess, error) {
	access, err := r.read(ctx, arn)
	if err != nil && ctx.Err() != nil {
		return LastAccess{}, ctx.Err()
	}
	if unfinished, is := errors.AsType[boundary.Problem](err); is {
		return LastAccess{}, unfinished
	}
	if err != nil {
		return LastAccess{}, awserror.Explain(awserror.Call{
			Service: "IAM", Verb: "read", Verbs: "reads of", Object: "the last use of role " + arn,
			Allow: "allow iam:GenerateServiceLastAccessedDetails and iam:GetServiceLastAccessedDetails on it",
		}, err)
	}
	return access, nil
}

func (r AccessReader) read(ctx context.Context, arn string) (LastAccess, error) {
	job, err := r.client.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{
		Arn: aws.String(arn), Granularity: types.AccessAdvisorUsageGranularityTypeActionLevel,
	})
	if err != nil {
		return LastAccess{}, err
	}
	access := LastAccess{Services: map[string]time.Time{}, Actions: map[string]time.Time{}}
	in := &iam.GetServiceLastAccessedDetailsInput{JobId: job.JobId}
	for {
		out, err := r.report(ctx, in)
		if err != nil {
			return LastAccess{}, err
		}
		for _, s := range out.ServicesLastAccessed {
			access.add(s)
		}
		if !out.IsTruncated {
			return access, nil
		}
		if aws.ToString(out.Marker) == "" {
			return LastAccess{}, awserror.ErrAnswer // the rest cannot be asked for
		}
		in.Marker = out.Marker
	}
}

// report reads a page of a report as soon as IAM has made it. The SDK has neither a
// waiter nor a paginator for it.
func (r AccessReader) report(ctx context.Context, in *iam.GetServiceLastAccessedDetailsInput) (*iam.GetServiceLastAccessedDetailsOutput, error) {
	delay := firstReportDelay
	for range maxReportReads {
		out, err := r.client.GetServiceLastAccessedDetails(ctx, in)
		switch {
		case err != nil:
			return nil, err
		case out.JobStatus == types.JobStatusTypeCompleted:
			return out, nil
		case out.JobStatus == types.JobStatusTypeFailed:
			return nil, boundary.Problem{What: "IAM failed to report the last use of the role", Remedy: tryReportAgain}
		case out.JobStatus != types.JobStatusTypeInProgress:
			return nil, awserror.ErrAnswer
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(delay):
		}
		delay = min(2*delay, maxReportDelay)
	}
	return nil, boundary.Problem{What: "IAM has not reported the last use of the role in several minutes", Remedy: tryReportAgain}
}

func (a LastAccess) add(s types.ServiceLastAccessed) {
	service := strings.ToLower(aws.ToString(s.ServiceNamespace))
	a.Services[service] = aws.ToTime(s.LastAuthenticated)
	for _, tracked := range s.TrackedActionsLastAccessed {
		a.Actions[service+":"+strings.ToLower(aws.ToString(tracked.ActionName))] = aws.ToTime(tracked.LastAccessedTime)
	}
}
