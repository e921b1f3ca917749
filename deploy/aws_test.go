package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore/ssmtest"
)

// Accounts of the profiles that scripts use.
var accounts = map[string]string{"dev": "111122223333", "dev-2": "111122223333", "prod": "222233334444", "stage": "333344445555"}

// fakeAWS is SSM, STS and IAM of several accounts and Regions at one endpoint.
// Who calls, and where, is what the request was signed for, as with AWS.
type fakeAWS struct {
	*httptest.Server

	mu       sync.Mutex
	stores   map[string]*ssmtest.Server // by account and Region
	policies []string
	faults   map[string]fault // by service, or service and operation
}

type fault struct{ code, message string }

func newFakeAWS() *fakeAWS {
	f := &fakeAWS{
		stores:   map[string]*ssmtest.Server{},
		policies: []string{"arn:aws:iam::aws:policy/PowerUserAccess"},
		faults:   map[string]fault{},
	}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	return f
}

func (f *fakeAWS) Close() {
	f.Server.Close()
	for _, s := range f.stores {
		s.Close()
	}
}

var credential = regexp.MustCompile(`Credential=AKIA([0-9]{12})/[0-9]+/([a-z0-9-]+)/([a-z]+)/`)

func (f *fakeAWS) serve(w http.ResponseWriter, r *http.Request) {
	signed := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if signed == nil {
		http.Error(w, "not signed by a known key", http.StatusForbidden)
		return
	}
	account, region, service := signed[1], signed[2], signed[3]
	if service == "ssm" {
		f.store(account, region).Config.Handler.ServeHTTP(w, r)
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	action := r.Form.Get("Action")
	if fault, failing := f.faults[service+" "+action]; failing {
		answerError(w, fault.code, fault.message)
		return
	}
	switch action {
	case "AssumeRole":
		account = strings.Split(r.Form.Get("RoleArn"), ":")[4]
		answer(w, action, fmt.Sprintf("<Credentials><AccessKeyId>AKIA%s</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"+
			"<SessionToken>%s</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>", account, r.Form.Get("RoleSessionName")))
	case "GetCallerIdentity":
		answer(w, action, fmt.Sprintf("<Account>%s</Account><UserId>AIDA</UserId><Arn>arn:%s:iam::%s:user/operator</Arn>",
			account, boundary.PartitionOf(region), account))
	case "CreatePolicy":
		policy := "arn:aws:iam::" + account + ":policy" + r.Form.Get("Path") + r.Form.Get("PolicyName")
		f.policies = append(f.policies, policy)
		answer(w, action, "<Policy><Arn>"+policy+"</Arn></Policy>")
	case "GetPolicy":
		policy := r.Form.Get("PolicyArn")
		if !slices.Contains(f.policies, policy) {
			answerError(w, "NoSuchEntity", "Policy "+policy+" was not found.")
			return
		}
		answer(w, action, "<Policy><Arn>"+policy+"</Arn></Policy>")
	default:
		answerError(w, "InvalidAction", action)
	}
}

func answer(w http.ResponseWriter, action, result string) {
	_, _ = fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, result)
}

func answerError(w http.ResponseWriter, code, message string) {
	w.WriteHeader(http.StatusForbidden)
	_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
}

// store is Parameter Store of an account and Region.
func (f *fakeAWS) store(account, region string) *ssmtest.Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stores[account+region] == nil {
		f.stores[account+region] = ssmtest.New()
	}
	return f.stores[account+region]
}

// fail has calls answered with an error of AWS.
func (f *fakeAWS) fail(service, operation string, fault fault) {
	if service == "ssm" {
		f.store(accounts["dev"], "eu-west-1").Fail(ssmtest.Fault{Operation: operation, Code: fault.code, Message: fault.message})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[service+" "+operation] = fault
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

// asDev has this process be pbm for an operator of the account dev, in an empty
// directory, and returns the account's store.
func asDev(t *testing.T) *ssmtest.Server {
	t.Helper()
	fake := newFakeAWS()
	t.Cleanup(fake.Close)
	home := t.TempDir()
	require.NoError(t, writeProfiles(context.Background(), home, fake.URL, false))
	t.Setenv("AWS_ENDPOINT_URL", fake.URL)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	t.Setenv("AWS_PROFILE", "dev")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Chdir(t.TempDir())
	return fake.store(accounts["dev"], "eu-west-1")
}
