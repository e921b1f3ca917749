package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/paramstore/ssmtest"
	"permissions-boundary-macro/transform"
)

// Accounts of the profiles that scripts use.
var accounts = map[string]string{"dev": "111122223333", "dev-2": "111122223333", "prod": "222233334444", "stage": "333344445555"}

// newFakeAWS starts AWS in small, with a managed policy of AWS, and the roles that
// targets of scripts assume.
func newFakeAWS() *fleettest.Server {
	fake := fleettest.New()
	for _, account := range accounts {
		fake.Account(account).PutPolicy("arn:aws:iam::aws:policy/PowerUserAccess", `{"Version":"2012-10-17","Statement":[]}`)
	}
	fake.Account(accounts["prod"]).Trust("a", fleettest.Trust{})
	fake.Account(accounts["prod"]).Trust("a,b", fleettest.Trust{})
	fake.Account(accounts["stage"]).Trust("team/pbm", fleettest.Trust{})
	return fake
}

// fail has calls answered with an error of AWS: those to SSM only for the account
// dev in eu-west-1.
func fail(fake *fleettest.Server, service, operation, code, message string) {
	if service == "ssm" {
		fake.Account(accounts["dev"]).Store("eu-west-1").Fail(ssmtest.Fault{Operation: operation, Code: code, Message: message})
		return
	}
	fake.Fail(fleettest.Fault{On: fleettest.Call{Service: service, Operation: operation}, Code: code, Message: message})
}

// writeProfiles writes the profiles of an endpoint as ~/.aws has them.
func writeProfiles(ctx context.Context, dir, endpoint string, isMoto bool) error {
	var text strings.Builder
	for profile, account := range accounts {
		key, secret, token := "AKIA"+account, "secret", ""
		if isMoto {
			var err error
			if key, secret, token, err = motoCredentials(ctx, endpoint, account); err != nil {
				return err
			}
		}
		fmt.Fprintf(&text, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, key, secret)
		if token != "" {
			fmt.Fprintf(&text, "aws_session_token = %s\n", token)
		}
	}
	return os.WriteFile(filepath.Join(dir, "credentials"), []byte(text.String()), 0o600)
}

// motoCredentials are credentials that moto takes for an account.
func motoCredentials(ctx context.Context, endpoint, account string) (key, secret, token string, err error) {
	cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(endpoint), Credentials: aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
		})}
	out, err := sts.NewFromConfig(cfg).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn:         aws.String("arn:aws:iam::" + account + ":role/operator"),
		RoleSessionName: aws.String("test"),
	})
	if err != nil {
		return "", "", "", err
	}
	c := out.Credentials
	return *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, nil
}

// client is what scripts prepare an account with, apart from pbm.
func client(ctx context.Context, dir, endpoint, profile string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithSharedCredentialsFiles([]string{filepath.Join(dir, "credentials")}),
		config.WithSharedConfigProfile(profile),
		config.WithRegion("eu-west-1"))
	cfg.BaseEndpoint = aws.String(endpoint)
	return cfg, err
}

// createPolicy creates a managed policy, named as path/name.
func createPolicy(ctx context.Context, cfg aws.Config, name string) error {
	path := "/"
	if i := strings.LastIndex(name, "/"); i >= 0 {
		path, name = "/"+name[:i+1], name[i+1:]
	}
	_, err := iam.NewFromConfig(cfg).CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String(name), Path: aws.String(path),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`),
	})
	return err
}

// putParameter sets a parameter, as somebody does by hand.
func putParameter(ctx context.Context, cfg aws.Config, name, value string) error {
	c := ssm.NewFromConfig(cfg)
	_, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(name), Value: aws.String(value), Type: types.ParameterTypeString})
	if _, exists := errors.AsType[*types.ParameterAlreadyExists](err); exists {
		_, err = c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(name), Value: aws.String(value), Overwrite: aws.Bool(true)})
	}
	return err
}

// startAWS starts AWS in small, and returns the directory of the files that name its
// profiles.
func startAWS(t *testing.T) (fake *fleettest.Server, home string) {
	t.Helper()
	fake = newFakeAWS()
	t.Cleanup(fake.Close)
	home = t.TempDir()
	require.NoError(t, writeProfiles(context.Background(), home, fake.URL, false))
	return fake, home
}

// asOperator has this process, and those that it starts, be pbm for an operator of
// the account dev, in an empty directory and with an empty cache.
func asOperator(t *testing.T) *fleettest.Server {
	t.Helper()
	fake, home := startAWS(t)
	t.Setenv("AWS_ENDPOINT_URL", fake.URL)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	t.Setenv("AWS_PROFILE", "dev")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	t.Chdir(t.TempDir())
	return fake
}

// asDev is asOperator, and returns the account's store.
func asDev(t *testing.T) *ssmtest.Server {
	t.Helper()
	return asOperator(t).Account(accounts["dev"]).Store("eu-west-1")
}

// macroIn is the macro as it is installed in an account and Region.
func macroIn(cfg aws.Config, options transform.Options) func(event []byte) []byte {
	m := transform.Macro{Options: options, Store: paramstore.NewSSM(ssm.NewFromConfig(cfg), paramstore.DefaultPrefix)}
	return func(event []byte) []byte {
		response, _ := m.Respond(context.Background(), event)
		return response
	}
}
