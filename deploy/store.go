package deploy

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/atomicfile"
	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/paramstore"
)

// storeOptions are the flags that say where the values are.
type storeOptions struct {
	access
	prefix string
	flags  *pflag.FlagSet
}

func (o *storeOptions) register(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVar(&o.Store, "store", "ssm", "where boundaries are kept: ssm, or file:PATH")
	flags.StringVar(&o.prefix, "prefix", paramstore.DefaultPrefix, "path of the SSM parameters")
	flags.StringVar(&o.Profile, "profile", "", "AWS profile")
	flags.StringVar(&o.Region, "region", "", "AWS Region")
}

const filePrefix = "file:"

// storeFile is the path of a file store, if it is one.
func storeFile(store string) (string, bool) { return strings.CutPrefix(store, filePrefix) }

func isStore(text string) bool {
	path, isFile := storeFile(text)
	return text == "ssm" || isFile && path != ""
}

// check finds wrong flags before anything is read.
func (o *storeOptions) check() error {
	if !isStore(o.Store) {
		return usagef("%s %s is neither ssm nor file:PATH", spelling(o.flags, "store"), o.Store)
	}
	if err := paramstore.CheckPrefix(o.prefix); err != nil {
		return usagef("%s %w", spelling(o.flags, "prefix"), err)
	}
	return nil
}

// isGiven reports whether flags say which store is meant.
func (o *storeOptions) isGiven() bool {
	return o.flags.Changed("profile") || o.flags.Changed("region") || o.flags.Changed("store")
}

// isDecided reports whether flags say all of how the store is reached, so that a
// project has nothing to add.
func (o *storeOptions) isDecided() bool {
	_, isFile := storeFile(o.Store)
	return o.flags.Changed("store") && (isFile || o.flags.Changed("profile") && o.flags.Changed("region"))
}

// place is a store, and how it is reached.
type place struct {
	boundary.Store
	file   string // of a file store
	prefix string // of the parameters in SSM
	access
	by        *project // that decided some of it, nil when none did
	confirmed bool     // whether the user has named or confirmed it
	config    aws.Config
	given     string           // flags that led here, for commands in hints
	caller    *boundary.Target // who pbm is there, once it has asked
}

// open opens the store, to be reached as given.
func (o *storeOptions) open(ctx context.Context, how access) (*place, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if path, isFile := storeFile(how.Store); isFile {
		return &place{Store: paramstore.NewFile(path), file: path, access: access{Store: how.Store}, given: " --store " + printable.Shell(how.Store)}, nil
	}
	cfg, err := load(ctx, how)
	if err != nil {
		return nil, err
	}
	how = access{Profile: cmp.Or(how.Profile, ambientProfile()), Region: cfg.Region}
	return &place{
		Store:  paramstore.NewSSM(ssm.NewFromConfig(cfg), o.prefix),
		prefix: o.prefix,
		access: how,
		config: cfg,
		given:  o.given(how),
	}, nil
}

// open opens the store that was chosen for an environment.
func (p *pbm) open(ctx context.Context, c choice, environment string) (*place, error) {
	at, err := p.store.open(ctx, c.access)
	if err != nil {
		return nil, err
	}
	at.by, at.confirmed = c.by, c.by == nil || c.by.isConfirmed(environment)
	if file, isFile := at.Store.(*paramstore.File); isFile {
		file.Waiting = p.waiting(at.file)
	}
	return at, nil
}

// waiting tells that another process has a file.
func (p *pbm) waiting(path string) func() {
	return func() { p.line("", "waiting for another process to release "+path+atomicfile.LockSuffix) }
}

// Effective reads the record that takes effect in an account.
func (at *place) Effective(ctx context.Context, key boundary.Key) (boundary.Record, error) {
	record, err := at.Store.Effective(ctx, key)
	return record, at.withProfile(err)
}

// Get reads the record of a key.
func (at *place) Get(ctx context.Context, key boundary.Key) (boundary.Record, error) {
	record, err := at.Store.Get(ctx, key)
	return record, at.withProfile(err)
}

// History reads all records of a key.
func (at *place) History(ctx context.Context, key boundary.Key) ([]boundary.Record, error) {
	records, err := at.Store.History(ctx, key)
	return records, at.withProfile(err)
}

// withProfile adds the profile that was given to a remedy of the store, which
// knows the Region alone.
func (at *place) withProfile(err error) error {
	problem, ok := errors.AsType[boundary.Problem](err)
	if ok && problem.Kind == boundary.ErrUnknown && strings.Contains(at.given, " --profile ") {
		return boundary.WithRemedy(err, problem.Remedy+" --profile "+printable.Shell(at.Profile))
	}
	return err
}

// Correction names the command that replaces a value, with the flags that lead
// here.
func (at *place) Correction(key boundary.Key) string {
	return "correct it: " + at.correction(key)
}

// given are the flags of the command that lead to a store in SSM.
func (o *storeOptions) given(how access) string {
	var given strings.Builder
	for _, flag := range present([][]string{{"store", "ssm"}, {"prefix", o.prefix}, {"profile", how.Profile}, {"region", how.Region}}) {
		if o.flags.Changed(flag[0]) {
			given.WriteString(" --" + flag[0] + " " + printable.Shell(flag[1]))
		}
	}
	return given.String()
}

// ambientProfile is the profile that AWS's own variables name, unless keys in
// variables go before it.
func ambientProfile() string {
	if os.Getenv("AWS_ACCESS_KEY_ID") != "" {
		return ""
	}
	return cmp.Or(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"))
}

// command is a pbm command in a hint, with the flags that it needs to come
// here.
func (at *place) command(text string) string { return text + at.given }

// inAWS reports whether there is an account to ask.
func (at *place) inAWS() bool { return at.file == "" }

// load finds credentials and Region as the AWS CLI does.
func load(ctx context.Context, how access) (aws.Config, error) {
	// The SDK's own remarks would stand between ours.
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if how.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(how.Profile))
	}
	if how.Region != "" {
		options = append(options, config.WithRegion(how.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, boundary.Problem{
			What:   "cannot read the AWS configuration",
			Cause:  err,
			Remedy: "check the profile (--profile, AWS_PROFILE, the project file) and the files in ~/.aws",
		}
	}
	if cfg.Region == "" {
		return cfg, boundary.Problem{
			What:   "no AWS Region is set",
			Remedy: "pass --region, or set AWS_REGION",
		}
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return cfg, noCredentials(err)
	}
	return cfg, nil
}

// noCredentials is the problem of somebody who is not signed in. Instances of
// EC2 are where the SDK looks last, and what it says of them is no news.
func noCredentials(err error) error {
	problem := boundary.Problem{
		What:   "there are no AWS credentials",
		Remedy: "name a profile with --profile or AWS_PROFILE, or set AWS's own variables; with single sign-on: aws sso login --profile NAME",
	}
	if !strings.Contains(err.Error(), "no EC2 IMDS role found") {
		problem.What, problem.Cause = "the AWS credentials cannot be used", err
	}
	if way, unreachable := errors.AsType[*url.Error](err); unreachable && isOfSTS(err) {
		problem.What, problem.Cause = "the role of the AWS profile cannot be assumed, for STS cannot be reached", way
		problem.Remedy = "check the way to STS (VPC endpoint, proxy)"
		if os.Getenv("AWS_ENDPOINT_URL") != "" && os.Getenv("AWS_ENDPOINT_URL_STS") == "" {
			problem.Remedy = "set AWS_ENDPOINT_URL_STS: the AWS SDK does not use AWS_ENDPOINT_URL to assume the role of a profile"
		}
	}
	return problem
}

// isOfSTS reports whether a call to STS failed.
func isOfSTS(err error) bool {
	operation, ok := errors.AsType[*smithy.OperationError](err)
	return ok && operation.Service() == sts.ServiceID
}

// localRegion is the Region where there is no AWS to ask.
func (o *storeOptions) localRegion() string {
	return cmp.Or(o.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1")
}
