package deploy

import (
	"context"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
)

// storeOptions are the flags that say where the values are.
type storeOptions struct {
	store, prefix   string
	profile, region string
}

func (o *storeOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.store, "store", "ssm", "where the boundaries are: ssm, or file:PATH")
	flags.StringVar(&o.prefix, "prefix", paramstore.DefaultPrefix, "path of the parameters in SSM")
	flags.StringVar(&o.profile, "profile", "", "AWS profile")
	flags.StringVar(&o.region, "region", "", "AWS Region")
}

// file is the path of the file store, if it is one.
func (o *storeOptions) file() (string, bool) { return strings.CutPrefix(o.store, "file:") }

// check finds wrong flags before anything is read.
func (o *storeOptions) check() error {
	if path, isFile := o.file(); o.store != "ssm" && (!isFile || path == "") {
		return usagef("--store %s is neither ssm nor file:PATH", o.store)
	}
	if err := paramstore.CheckPrefix(o.prefix); err != nil {
		return usagef("--prefix %w", err)
	}
	return nil
}

// load finds credentials and Region as the AWS CLI does.
func (o *storeOptions) load(ctx context.Context) (aws.Config, error) {
	// The SDK's own remarks would stand between ours.
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if o.profile != "" {
		options = append(options, config.WithSharedConfigProfile(o.profile))
	}
	if o.region != "" {
		options = append(options, config.WithRegion(o.region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, &boundary.Problem{
			What:   "cannot read the AWS configuration",
			Cause:  err,
			Remedy: "check --profile, or the files in ~/.aws",
		}
	}
	if cfg.Region == "" {
		return cfg, &boundary.Problem{
			What:   "no AWS Region is set",
			Remedy: "give --region, or set AWS_REGION",
		}
	}
	return cfg, nil
}

// accountOf asks who the caller is.
func accountOf(ctx context.Context, cfg aws.Config) (string, error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", &boundary.Problem{
			What:   "cannot tell which AWS account this is",
			Cause:  err,
			Remedy: "check the AWS credentials, or give --account",
		}
	}
	return aws.ToString(out.Account), nil
}

// openSSM is the store in the account and Region of a configuration.
func (o *storeOptions) openSSM(cfg aws.Config) boundary.Reader {
	return paramstore.NewSSM(ssm.NewFromConfig(cfg), o.prefix)
}

// localRegion is the Region where there is no AWS to ask.
func (o *storeOptions) localRegion() string {
	for _, region := range []string{o.region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")} {
		if region != "" {
			return region
		}
	}
	return "us-east-1"
}
