package deploy

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/internal/atomicfile"
	"permissions-boundary-macro/internal/awsclient"
	"permissions-boundary-macro/internal/awserror"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/paramstore"
)

// storeOptions are the flags that say where the values are.
type storeOptions struct {
	store, prefix   string
	profile, region string
	targets         targetList
	regions         []string // that --region names
	flags           *pflag.FlagSet
}

// register registers the flags that all commands have.
func (o *storeOptions) register(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVar(&o.store, "store", "ssm", "where boundaries are kept: ssm, or file:PATH")
	flags.StringVar(&o.prefix, "prefix", paramstore.DefaultPrefix, "path of the SSM parameters")
	flags.StringVar(&o.profile, "profile", "", "AWS profile")
	flags.StringVar(&o.region, "region", "", "AWS Region; for init, env, audit and guard also several: A,B")
}

const targetFlagName = "target"

// registerTargets registers the flag of commands that may have several targets.
// For them, --region may name several Regions.
func (o *storeOptions) registerTargets(flags *pflag.FlagSet) {
	flags.Var(&o.targets, targetFlagName, "account and Region, in place of --profile and --region, as\n"+
		strings.Replace(targetForm, " or ", " or\n", 1)+"; may be repeated")
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
	_, isFile := storeFile(o.store)
	targets := o.isSet(targetFlagName)
	switch {
	case !isStore(o.store):
		return usagef("%s %s is neither ssm nor file:PATH", spelling(o.flags, "store"), o.store)
	case targets && o.flags.Changed("profile"):
		return usagef("%s and %s are mutually exclusive", spelling(o.flags, targetFlagName), spelling(o.flags, "profile"))
	case targets && o.flags.Changed("region"):
		return usagef("%s and %s are mutually exclusive", spelling(o.flags, targetFlagName), spelling(o.flags, "region"))
	case targets && isFile:
		return usagef("%s and %s %s are mutually exclusive", spelling(o.flags, targetFlagName), spelling(o.flags, "store"), o.store)
	}
	// Variables are for all commands of a job. To others, a Region also says where a
	// stack deploys to.
	for _, name := range []string{"profile", "region"} {
		if isFile && o.flags.Lookup(targetFlagName) != nil && isTyped(o.flags, name) {
			return usagef("--%s and %s %s are mutually exclusive", name, spelling(o.flags, "store"), o.store)
		}
	}
	if err := paramstore.CheckPrefix(o.prefix); err != nil {
		return usagef("%s %w", spelling(o.flags, "prefix"), err)
	}
	var err error
	if o.regions, err = parseRegions(o.region); err != nil {
		return usagef("%s %w", spelling(o.flags, "region"), err)
	}
	if len(o.regions) > 1 && o.flags.Lookup(targetFlagName) == nil {
		return usagef("%s names several Regions, and this command takes one", spelling(o.flags, "region"))
	}
	return nil
}

// isSet reports whether the command has a flag and was given it.
func (o *storeOptions) isSet(name string) bool {
	return o.flags.Lookup(name) != nil && o.flags.Changed(name)
}

// isGiven reports whether flags say which store is meant.
func (o *storeOptions) isGiven() bool {
	return slices.ContainsFunc([]string{"profile", "region", "store", targetFlagName}, o.isSet)
}

// isDecided reports whether flags say all of how the store is reached, so that a
// project has nothing to add.
func (o *storeOptions) isDecided() bool {
	_, isFile := storeFile(o.store)
	return o.flags.Changed("store") && (isFile || o.flags.Changed("profile") && o.flags.Changed("region"))
}

// given is the access that flags alone name.
func (o *storeOptions) given() access {
	if _, isFile := storeFile(o.store); isFile {
		return access{Store: o.store}
	}
	if o.isSet(targetFlagName) {
		return access{Targets: o.targets}
	}
	return access{Targets: inRegions(target{Profile: o.profile}, o.regions)}
}

// place is a store that is open, or why it is not.
type place struct {
	boundary.Store
	file   string // of a file store
	prefix string // of the parameters in SSM
	target
	environment string // that a command is about
	several     bool   // whether the environment is in other places, too

	project   *project // nil when there is none
	by        *project // the project, if it decided some of it
	confirmed bool     // whether the user has named or confirmed it
	config    aws.Config
	given     string           // flags that lead here, for commands in hints
	caller    *boundary.Target // who pbm is there, once it has asked

	record    boundary.Record   // that a command is about, once read
	overrides []boundary.Record // of the environment, once read
	plan      act               // what a command does here
	failure   error             // what ended the work here
	reported  bool              // whether the user knows the failure
	notes     []note
}

// note is a line about a place, of a kind such as "warning: ".
type note struct{ kind, text string }

func (at *place) note(kind, text string) { at.notes = append(at.notes, note{kind, text}) }

// account is the account that the place is in, as far as it is known.
func (at *place) account() string {
	if at.caller != nil {
		return at.caller.AccountID
	}
	return at.target.account()
}

// inAWS reports whether there is an account to ask.
func (at *place) inAWS() bool { return at.file == "" }

// openFile opens a file store.
func (p *pbm) openFile(path string) *place {
	store := paramstore.NewFile(path)
	store.Waiting = p.waiting(path)
	return &place{Store: store, file: path, given: " --store " + printable.Shell(filePrefix+path)}
}

// waiting tells that another process has a file.
func (p *pbm) waiting(path string) func() {
	return func() { p.line("", "waiting for another process to release "+path+atomicfile.LockSuffix) }
}

// connect opens SSM in the place's target.
func (at *place) connect(load func() (aws.Config, error)) error {
	config, err := load()
	if err != nil {
		return err
	}
	config = config.Copy()
	config.Region = cmp.Or(at.Region, config.Region)
	at.config = config
	at.Region, at.Profile = config.Region, cmp.Or(at.Profile, ambientProfile())
	at.Store = paramstore.NewSSM(ssm.NewFromConfig(config), at.prefix)
	return nil
}

// Effective reads the record that takes effect in an account.
func (at *place) Effective(ctx context.Context, key boundary.Key) (boundary.Record, error) {
	record, err := at.Store.Effective(ctx, key)
	return record, at.withFlags(err, key)
}

// Get reads the record of a key.
func (at *place) Get(ctx context.Context, key boundary.Key) (boundary.Record, error) {
	record, err := at.Store.Get(ctx, key)
	return record, at.withFlags(err, key)
}

// History reads all records of a key.
func (at *place) History(ctx context.Context, key boundary.Key) ([]boundary.Record, error) {
	records, err := at.Store.History(ctx, key)
	return records, at.withFlags(err, key)
}

// withFlags adds what led here to the remedy of the store, which knows the
// Region alone.
func (at *place) withFlags(err error, key boundary.Key) error {
	problem, ok := errors.AsType[boundary.Problem](err)
	switch {
	case !ok || problem.Kind != boundary.ErrUnknown:
	case strings.Contains(at.given, " --"+targetFlagName+" "):
		return boundary.WithRemedy(err, "add it: "+at.command(paramstore.AddCommand(key)))
	case strings.Contains(at.given, " --profile "):
		return boundary.WithRemedy(err, problem.Remedy+" --profile "+printable.Shell(at.Profile))
	}
	return err
}

// Correction names the command that replaces a value, with the flags that lead
// here.
func (at *place) Correction(key boundary.Key) string {
	return "correct it: " + at.correction(key)
}

// leadingTo are the flags of the command that lead to a target: those that were
// given, or those that pick it out of several.
func (o *storeOptions) leadingTo(t target, several bool) string {
	var given strings.Builder
	write := func(name, value string) { given.WriteString(" --" + name + " " + printable.Shell(value)) }
	for _, flag := range [][]string{{"store", "ssm"}, {"prefix", o.prefix}, {"profile", t.Profile}, {"region", t.Region}} {
		ofTarget := flag[0] == "profile" || flag[0] == "region"
		if o.flags.Changed(flag[0]) && flag[1] != "" && !(ofTarget && several) {
			write(flag[0], flag[1])
		}
	}
	t.Account = ""
	switch {
	case !several && !o.isSet(targetFlagName):
	case t.Profile == "" && t.Role == "":
		write("region", t.Region)
	default:
		given.WriteString(t.flag())
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

// load finds credentials and Region as the AWS CLI does, and assumes the role of
// a target that has one.
func load(ctx context.Context, how target) (aws.Config, error) {
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
	cfg.APIOptions = append(cfg.APIOptions, awsclient.ReadLongAnswers)
	if cfg.Region == "" {
		return cfg, boundary.Problem{
			What:   "no AWS Region is set",
			Remedy: "pass --region, or set AWS_REGION",
		}
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return cfg, noCredentials(err, cmp.Or(how.Profile, ambientProfile()))
	}
	if how.Role == "" {
		return cfg, nil
	}
	return assume(ctx, cfg, how.Role)
}

// assume has a configuration use a role.
func assume(ctx context.Context, cfg aws.Config, role string) (aws.Config, error) {
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "pbm"
	})
	cfg.Credentials = fleet.Cached(provider)
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return cfg, awserror.Explain(awserror.Call{
			Service: "STS", Verb: "assume", Verbs: "requests to assume", Object: "role " + role,
			Allow: "allow sts:AssumeRole on it, and allow the caller in the role's trust policy",
		}, err)
	}
	return cfg, nil
}

// noCredentials is the problem of somebody who is not signed in, with a profile or
// without. Instances of EC2 are where the SDK looks last, and what it says of them
// is no news.
func noCredentials(err error, profile string) error {
	problem := boundary.Problem{
		What:   "there are no AWS credentials",
		Remedy: "name a profile with --profile or AWS_PROFILE, or set AWS's own variables; with single sign-on: aws sso login --profile NAME",
	}
	if profile != "" {
		problem.What = "profile " + profile + " has no credentials"
		problem.Remedy = "check the profile in the files in ~/.aws; with single sign-on: aws sso login --profile " + printable.Shell(profile)
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
	return cmp.Or(o.region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1")
}
