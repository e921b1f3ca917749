// Package paramstore keeps the boundary values of environments: in SSM
// Parameter Store, where the macro reads them, and in a local file, with which
// everything can be tried without an AWS account.
package paramstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"permissions-boundary-macro/awserror"
	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// parameters are the calls that SSM needs of the SDK's client.
type parameters interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	GetParametersByPath(context.Context, *ssm.GetParametersByPathInput, ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
	GetParameterHistory(context.Context, *ssm.GetParameterHistoryInput, ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error)
	PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	DeleteParameter(context.Context, *ssm.DeleteParameterInput, ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error)
}

// SSM keeps each value in a parameter <prefix>/<environment>. It never caches.
type SSM struct {
	client  parameters
	prefix  string
	region  string
	account string // empty where nobody has said it
}

// NewSSM returns the store of the client's account and Region.
func NewSSM(client *ssm.Client, prefix string) *SSM {
	return &SSM{client: client, prefix: prefix, region: client.Options().Region}
}

// InAccount is the store as seen by people who may be in another account: its
// messages name the account, and are for reading, not for pasting.
func (s *SSM) InAccount(account string) *SSM {
	there := *s
	there.account = account
	return &there
}

func (s *SSM) name(environment string) string { return s.prefix + "/" + environment }

// Location names the parameter, its Region, and its account where that is known.
func (s *SSM) Location(environment string) string {
	location := fmt.Sprintf("parameter %s in %s", s.name(environment), s.region)
	if s.account != "" {
		location += " of account " + s.account
	}
	return location
}

// Correction names the command that replaces the value.
func (s *SSM) Correction(environment string) string {
	return s.remedy("correct it", "update", environment)
}

// Get reads a parameter of whatever type, SecureString included.
func (s *SSM) Get(ctx context.Context, environment string) (boundary.Record, error) {
	out, err := s.client.GetParameter(ctx, &ssm.GetParameterInput{
		Name:           aws.String(s.name(environment)),
		WithDecryption: aws.Bool(true),
	})
	if err != nil {
		return boundary.Record{}, s.failed(read, environment, err)
	}
	if out.Parameter == nil {
		return boundary.Record{}, s.failed(read, environment, awserror.ErrAnswer)
	}
	return s.record(*out.Parameter), nil
}

func (s *SSM) record(p types.Parameter) boundary.Record {
	return boundary.Record{
		Environment: strings.TrimPrefix(aws.ToString(p.Name), s.prefix+"/"),
		Text:        aws.ToString(p.Value),
		Version:     p.Version,
		Modified:    aws.ToTime(p.LastModifiedDate),
	}
}

// List reads the parameters right below the prefix, page by page. A page may
// be empty although others follow.
func (s *SSM) List(ctx context.Context) ([]boundary.Record, error) {
	pages := ssm.NewGetParametersByPathPaginator(s.client, &ssm.GetParametersByPathInput{
		Path:           aws.String(s.prefix),
		WithDecryption: aws.Bool(true),
	})
	var records []boundary.Record
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.failed(list, "", err)
		}
		for _, p := range page.Parameters {
			record := s.record(p)
			// A parameter whose name is no environment's is not one of ours.
			if boundary.CheckEnvironment(record.Environment) == nil {
				records = append(records, record)
			}
		}
	}
	slices.SortFunc(records, func(a, b boundary.Record) int { return strings.Compare(a.Environment, b.Environment) })
	return records, nil
}

// History reads all versions that SSM still has: the last hundred.
func (s *SSM) History(ctx context.Context, environment string) ([]boundary.Record, error) {
	pages := ssm.NewGetParameterHistoryPaginator(s.client, &ssm.GetParameterHistoryInput{
		Name:           aws.String(s.name(environment)),
		WithDecryption: aws.Bool(true),
	})
	var records []boundary.Record
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.failed(readHistory, environment, err)
		}
		for _, p := range page.Parameters {
			records = append(records, boundary.Record{
				Environment: environment,
				Text:        aws.ToString(p.Value),
				Version:     p.Version,
				Modified:    aws.ToTime(p.LastModifiedDate),
				ModifiedBy:  aws.ToString(p.LastModifiedUser),
			})
		}
	}
	slices.SortFunc(records, func(a, b boundary.Record) int { return cmp.Compare(a.Version, b.Version) })
	return records, nil
}

// Create puts a parameter of type String, with a description and a tag. The
// service decides whether there is one already.
func (s *SSM) Create(ctx context.Context, environment string, value boundary.Value) (boundary.Record, error) {
	_, err := s.client.PutParameter(ctx, &ssm.PutParameterInput{
		Name:        aws.String(s.name(environment)),
		Value:       aws.String(value.String()),
		Type:        types.ParameterTypeString,
		Description: aws.String("Permissions boundary of environment " + environment),
		Tags:        []types.Tag{{Key: aws.String("PermissionsBoundaryMacro:Environment"), Value: aws.String(environment)}},
	})
	if err != nil {
		return boundary.Record{}, s.failed(create, environment, err)
	}
	return boundary.Record{Environment: environment, Text: value.String(), Version: 1}, nil
}

// Update overwrites a parameter, and leaves its type and tags as they are. SSM
// has no compare and swap: the version that comes back tells whether somebody
// else wrote in between, and then this error tells that the present value
// replaced theirs.
func (s *SSM) Update(ctx context.Context, environment string, value boundary.Value, from int64) (boundary.Record, error) {
	present, err := s.Get(ctx, environment)
	if err != nil {
		return boundary.Record{}, err
	}
	if present.Version != from {
		return boundary.Record{}, s.moved(ctx, environment, present.Version,
			"nothing was written: look at the present value, and update again if it is still wrong")
	}
	out, err := s.client.PutParameter(ctx, &ssm.PutParameterInput{
		Name:      aws.String(s.name(environment)),
		Value:     aws.String(value.String()),
		Overwrite: aws.Bool(true),
	})
	if err != nil {
		return boundary.Record{}, s.failed(update, environment, err)
	}
	if out.Version != from+1 {
		return boundary.Record{}, s.moved(ctx, environment, out.Version-1,
			fmt.Sprintf("version %d with your value stands now: see pbm env history %s, and agree on one", out.Version, environment))
	}
	return boundary.Record{Environment: environment, Text: value.String(), Version: out.Version}, nil
}

// moved is the error of an update that met another one. Who made that is told
// where the history may be read.
func (s *SSM) moved(ctx context.Context, environment string, version int64, remedy string) error {
	by := ""
	if records, err := s.History(ctx, environment); err == nil {
		for _, r := range records {
			if r.Version == version && r.ModifiedBy != "" {
				by = " by " + r.ModifiedBy
			}
		}
	}
	return boundary.Problem{
		What:   fmt.Sprintf("environment %q was changed meanwhile: %s got version %d%s", environment, s.Location(environment), version, by),
		Remedy: remedy,
		Kind:   boundary.ErrMoved,
	}
}

// Remove deletes a parameter.
func (s *SSM) Remove(ctx context.Context, environment string) error {
	_, err := s.client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String(s.name(environment))})
	if err != nil {
		return s.failed(remove, environment, err)
	}
	return nil
}

// remedy is what to do with a pbm command. People who deploy read a sentence,
// behind which CloudFormation writes more; those who run pbm get a line to paste.
func (s *SSM) remedy(what, verb, environment string) string {
	command := "pbm env " + verb + " " + printable.Shell(environment) + " --region " + printable.Shell(s.region)
	if s.prefix != DefaultPrefix {
		command += " --prefix " + printable.Shell(s.prefix)
	}
	if s.account == "" {
		return what + ": " + command
	}
	return fmt.Sprintf("run \"%s\" with credentials of account %s to %s", command, s.account, what)
}
