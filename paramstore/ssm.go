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

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/awserror"
	"permissions-boundary-macro/internal/printable"
)

// parameters are the calls that SSM needs of the SDK's client.
type parameters interface {
	GetParameters(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	GetParametersByPath(context.Context, *ssm.GetParametersByPathInput, ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
	GetParameterHistory(context.Context, *ssm.GetParameterHistoryInput, ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error)
	PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	DeleteParameter(context.Context, *ssm.DeleteParameterInput, ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error)
}

// SSM keeps each value in a parameter: that of an environment in
// <prefix>/<environment>, and its overrides in <prefix>/<environment>/<account ID>.
// It never caches.
type SSM struct {
	client  parameters
	prefix  string
	region  string
	account string // empty where nobody has said it
	afar    bool   // whether its messages are read in another account
}

// NewSSM returns the store of the client's account and Region.
func NewSSM(client *ssm.Client, prefix string) *SSM {
	return &SSM{client: client, prefix: prefix, region: client.Options().Region}
}

// Of is the store with messages that name its account.
func (s *SSM) Of(account string) *SSM {
	named := *s
	named.account = account
	return &named
}

// InAccount is the store as seen by people who may be in another account: its
// messages name the account, and are for reading, not for pasting.
func (s *SSM) InAccount(account string) *SSM {
	there := s.Of(account)
	there.afar = true
	return there
}

// Name returns the name of the parameter that has a value.
func Name(prefix string, key boundary.Key) string { return prefix + "/" + key.String() }

func (s *SSM) name(key boundary.Key) string { return Name(s.prefix, key) }

// Location names the parameter, its Region, and its account where that is known.
func (s *SSM) Location(key boundary.Key) string {
	location := fmt.Sprintf("parameter %s in %s", s.name(key), s.region)
	if s.account != "" {
		location += " of account " + s.account
	}
	return location
}

// Correction names the command that replaces the value.
func (s *SSM) Correction(key boundary.Key) string {
	return s.remedy("correct it", UpdateCommand(key))
}

// Effective reads the override and the environment's own value in one call.
func (s *SSM) Effective(ctx context.Context, key boundary.Key) (boundary.Record, error) {
	keys, action := []boundary.Key{key.Own()}, readEffective
	if key.IsOverride() {
		keys, action.also = []boundary.Key{key, key.Own()}, " and on "+s.name(key)
	}
	records, err := s.get(ctx, keys)
	if err != nil {
		return boundary.Record{}, s.failed(action, key.Own(), err)
	}
	for _, key := range keys {
		if record, found := records[key]; found {
			return record, nil
		}
	}
	return boundary.Record{}, s.unknown(key.Own())
}

// get reads the parameters of some keys. Those that do not exist are omitted. An
// answer that does not account for each of them, or has others, is not one of
// SSM, and could hide an override.
func (s *SSM) get(ctx context.Context, keys []boundary.Key) (map[boundary.Key]boundary.Record, error) {
	names := map[string]boundary.Key{}
	in := &ssm.GetParametersInput{WithDecryption: aws.Bool(true)}
	for _, key := range keys {
		names[s.name(key)] = key
		in.Names = append(in.Names, s.name(key))
	}
	out, err := s.client.GetParameters(ctx, in)
	if err != nil {
		return nil, err
	}
	records := map[boundary.Key]boundary.Record{}
	for _, p := range out.Parameters {
		key, asked := names[aws.ToString(p.Name)]
		if !asked {
			return nil, awserror.ErrAnswer
		}
		records[key] = record(key, p)
		delete(names, aws.ToString(p.Name))
	}
	for _, missing := range out.InvalidParameters {
		delete(names, missing)
	}
	if len(names) > 0 {
		return nil, awserror.ErrAnswer
	}
	return records, nil
}

// Get reads a parameter of whatever type, SecureString included.
func (s *SSM) Get(ctx context.Context, key boundary.Key) (boundary.Record, error) {
	out, err := s.client.GetParameter(ctx, &ssm.GetParameterInput{
		Name:           aws.String(s.name(key)),
		WithDecryption: aws.Bool(true),
	})
	if err == nil && out.Parameter == nil {
		err = awserror.ErrAnswer
	}
	if err != nil {
		return boundary.Record{}, s.failed(read, key, err)
	}
	return record(key, *out.Parameter), nil
}

func record(key boundary.Key, p types.Parameter) boundary.Record {
	return boundary.Record{
		Key:      key,
		Text:     aws.ToString(p.Value),
		Version:  p.Version,
		Modified: aws.ToTime(p.LastModifiedDate),
	}
}

// List reads the parameters below the prefix, page by page. A page may be empty
// although others follow. Parameters with other names than the store's are not
// listed.
func (s *SSM) List(ctx context.Context) ([]boundary.Record, error) {
	pages := ssm.NewGetParametersByPathPaginator(s.client, &ssm.GetParametersByPathInput{
		Path:           aws.String(s.prefix),
		Recursive:      aws.Bool(true),
		WithDecryption: aws.Bool(true),
	})
	var records []boundary.Record
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.failed(list, boundary.Key{}, err)
		}
		for _, p := range page.Parameters {
			key, err := boundary.ParseKey(strings.TrimPrefix(aws.ToString(p.Name), s.prefix+"/"))
			if err == nil {
				records = append(records, record(key, p))
			}
		}
	}
	slices.SortFunc(records, func(a, b boundary.Record) int { return a.Key.Compare(b.Key) })
	return records, nil
}

// History reads all versions that SSM still has: the last hundred.
func (s *SSM) History(ctx context.Context, key boundary.Key) ([]boundary.Record, error) {
	pages := ssm.NewGetParameterHistoryPaginator(s.client, &ssm.GetParameterHistoryInput{
		Name:           aws.String(s.name(key)),
		WithDecryption: aws.Bool(true),
	})
	var records []boundary.Record
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.failed(readHistory, key, err)
		}
		for _, p := range page.Parameters {
			records = append(records, boundary.Record{
				Key:        key,
				Text:       aws.ToString(p.Value),
				Version:    p.Version,
				Modified:   aws.ToTime(p.LastModifiedDate),
				ModifiedBy: aws.ToString(p.LastModifiedUser),
			})
		}
	}
	slices.SortFunc(records, func(a, b boundary.Record) int { return cmp.Compare(a.Version, b.Version) })
	return records, nil
}

// Create puts a parameter of type String, with a description and a tag. The
// service decides whether there is one already.
func (s *SSM) Create(ctx context.Context, key boundary.Key, value boundary.Value) (boundary.Record, error) {
	description := "Permissions boundary of environment " + key.Environment
	if key.IsOverride() {
		description += " for account " + key.Account
	}
	_, err := s.client.PutParameter(ctx, &ssm.PutParameterInput{
		Name:        aws.String(s.name(key)),
		Value:       aws.String(value.String()),
		Type:        types.ParameterTypeString,
		Description: aws.String(description),
		Tags:        []types.Tag{{Key: aws.String("PermissionsBoundaryMacro:Environment"), Value: aws.String(key.Environment)}},
	})
	if err != nil {
		return boundary.Record{}, s.failed(create, key, err)
	}
	return boundary.Record{Key: key, Text: value.String(), Version: 1}, nil
}

// Update overwrites a parameter, and leaves its type and tags as they are. SSM
// has no compare and swap: the version that comes back tells whether somebody
// else wrote in between, and then this error tells that the present value
// replaced theirs.
func (s *SSM) Update(ctx context.Context, key boundary.Key, value boundary.Value, from int64) (boundary.Record, error) {
	present, err := s.Get(ctx, key)
	if err != nil {
		return boundary.Record{}, err
	}
	if present.Version != from {
		return boundary.Record{}, s.moved(ctx, key, present.Version,
			"nothing was written: look at the present value, and update again if it is still wrong")
	}
	out, err := s.client.PutParameter(ctx, &ssm.PutParameterInput{
		Name:      aws.String(s.name(key)),
		Value:     aws.String(value.String()),
		Overwrite: aws.Bool(true),
	})
	if err != nil {
		return boundary.Record{}, s.failed(update, key, err)
	}
	if out.Version != from+1 {
		return boundary.Record{}, s.moved(ctx, key, out.Version-1,
			fmt.Sprintf("version %d with your value stands now: see pbm env history %s, and agree on one", out.Version, arguments(key)))
	}
	return boundary.Record{Key: key, Text: value.String(), Version: out.Version}, nil
}

// moved is the error of an update that met another one. Who made that is told
// where the history may be read.
func (s *SSM) moved(ctx context.Context, key boundary.Key, version int64, remedy string) error {
	by := ""
	if records, err := s.History(ctx, key); err == nil {
		for _, r := range records {
			if r.Version == version && r.ModifiedBy != "" {
				by = " by " + r.ModifiedBy
			}
		}
	}
	return boundary.Problem{
		What:   fmt.Sprintf("%s was changed meanwhile: %s got version %d%s", key.Describe(), s.Location(key), version, by),
		Remedy: remedy,
		Kind:   boundary.ErrMoved,
	}
}

// Remove deletes a parameter.
func (s *SSM) Remove(ctx context.Context, key boundary.Key) error {
	_, err := s.client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String(s.name(key))})
	if err != nil {
		return s.failed(remove, key, err)
	}
	return nil
}

// remedy is what to do with a pbm command. People who deploy read a sentence,
// behind which CloudFormation writes more; those who run pbm get a line to paste.
func (s *SSM) remedy(what, command string) string {
	command += " --region " + printable.Shell(s.region)
	if s.prefix != DefaultPrefix {
		command += " --prefix " + printable.Shell(s.prefix)
	}
	if !s.afar {
		return what + ": " + command
	}
	return fmt.Sprintf("run \"%s\" with credentials of account %s to %s", command, s.account, what)
}
