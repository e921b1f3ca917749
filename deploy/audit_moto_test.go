package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/fleet"
)

// Accounts at moto. The auditor's is where pbm starts.
const (
	auditorAccount = "444455556666"
	readAccount    = "111122223333"
	otherAccount   = "222233334444"
	deniedAccount  = "333344445555"
)

// An audit of three accounts, one of which refuses, against moto: what pbm sends and
// reads is understood by an implementation of AWS that is not of this project.
func TestAuditMoto(t *testing.T) {
	moto := os.Getenv("MOTO")
	if moto == "" {
		t.Skip("MOTO is not the address of a moto server: make test-moto starts one")
	}
	require.NoError(t, resetMoto(moto))
	for _, account := range []string{readAccount, otherAccount, deniedAccount} {
		a := motoAccount{t, account, atMoto(t, moto, account)}
		a.fill()
		if account == readAccount {
			a.value("prod", "prod-2")
		}
	}
	proxy := newMotoProxy(t, moto)
	asAuditorAt(t, proxy.URL, atMoto(t, moto, auditorAccount))
	accounts := filepath.Join(t.TempDir(), "accounts")
	require.NoError(t, os.WriteFile(accounts, []byte(strings.Join([]string{readAccount, otherAccount, deniedAccount}, "\n")), 0o600))

	var out, errs bytes.Buffer
	code := deploy.Run(context.Background(), []string{
		"audit", "--accounts", accounts, "--role", "platform/pbm-auditor", "--external-id", "example",
		"--exempt", "exempt-*", "--rate", "0", "--json",
	}, nil, &out, &errs)

	assert.Equal(t, 1, code)
	assert.Regexp(t, `(?m)^pbm: error: 1 account could not be read completely; of the rest, lags: 1, drifted: 2, unbound: 4$`, errs.String())
	var report fleet.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &report), errs.String())
	statuses := map[string]fleet.Status{}
	for _, r := range report.Roles {
		assert.Empty(t, statuses[r.Account+" "+r.Name], "%s has two statuses", r.Name)
		statuses[r.Account+" "+r.Name] = r.Status
	}
	assert.Equal(t, map[string]fleet.Status{
		readAccount + " live": fleet.Live, otherAccount + " live": fleet.Live,
		readAccount + " drifted": fleet.Drifted, otherAccount + " drifted": fleet.Drifted,
		readAccount + " removed": fleet.Unbound, otherAccount + " removed": fleet.Unbound,
		readAccount + " forgotten": fleet.Unbound, otherAccount + " forgotten": fleet.Unbound,
		readAccount + " of-prod": fleet.Lags, otherAccount + " of-prod": fleet.Live,
		readAccount + " plain": fleet.NoMacro, otherAccount + " plain": fleet.NoMacro,
		readAccount + " exempt-1": fleet.Exempt, otherAccount + " exempt-1": fleet.Exempt,
		readAccount + " by-hand": fleet.Unknown, otherAccount + " by-hand": fleet.Unknown, // moto does not tell the Regions
	}, statuses)

	require.Len(t, report.Accounts, 3)
	for _, a := range report.Accounts[:2] {
		assert.Equal(t, fleet.AccountResult{ID: a.ID, Regions: []string{"eu-west-1"}}, a)
	}
	denied := report.Accounts[2]
	assert.Equal(t, deniedAccount, denied.ID)
	assert.Empty(t, denied.Regions)
	assert.Contains(t, denied.Error, "arn:aws:iam::333344445555:role/platform/pbm-auditor")
	assert.Contains(t, denied.Error, "not permitted to assume role")

	assert.Equal(t, map[string]int{
		"sts GetCallerIdentity":              1,
		"sts AssumeRole":                     3,
		"iam GetAccountAuthorizationDetails": 4, // again for roles of no stack, which may be gone
		"ssm GetParametersByPath":            2,
		"cloudformation DescribeStacks":      2,
		"cloudformation ListStackResources":  6,
		"cloudformation GetTemplate":         6 + 3,
		"account listRegions":                2, // moto does not have it
	}, proxy.answered(), "all that an audit asks for; none of it writes")
	for _, form := range proxy.assumed {
		assert.Equal(t, fleet.SessionPolicy, form.Get("Policy"))
		assert.Equal(t, "example", form.Get("ExternalId"))
	}
}

// atMoto is a configuration for an account at moto.
func atMoto(t *testing.T, endpoint, account string) aws.Config {
	t.Helper()
	key, secret, token, err := motoCredentials(context.Background(), endpoint, account)
	require.NoError(t, err)
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, token),
	}
}

// asAuditorAt has this process be pbm for an operator with the credentials of a
// configuration, at an endpoint, in an empty directory with an empty cache.
func asAuditorAt(t *testing.T, endpoint string, cfg aws.Config) {
	t.Helper()
	c, err := cfg.Credentials.Retrieve(context.Background())
	require.NoError(t, err)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": cfg.Region, "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": c.AccessKeyID, "AWS_SECRET_ACCESS_KEY": c.SecretAccessKey, "AWS_SESSION_TOKEN": c.SessionToken,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_CONFIG_FILE": os.DevNull, "XDG_CACHE_HOME": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	t.Chdir(t.TempDir())
}

// motoAccount is an account at moto, with what the test needs done to it.
type motoAccount struct {
	t   *testing.T
	id  string
	cfg aws.Config
}

func (a motoAccount) arn(policy string) string { return "arn:aws:iam::" + a.id + ":policy/" + policy }

// value sets the boundary value of an environment.
func (a motoAccount) value(environment, policy string) {
	a.t.Helper()
	require.NoError(a.t, putParameter(context.Background(), a.cfg, "/permissions-boundary/"+environment,
		"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/"+policy))
}

// fill makes roles with each status that moto can have. Its macros do not run, so
// the templates have the boundaries that the macro sets. They have no inline
// policies, which moto cannot read back from roles of stacks.
func (a motoAccount) fill() {
	a.t.Helper()
	a.value("dev", "dev-1")
	a.value("prod", "prod-1")
	dev := a.arn("dev-1")
	a.stack("service", macroOf("dev"), map[string]string{"live": dev, "drifted": dev, "removed": dev, "forgotten": ""})
	a.stack("orders", macroOf("prod"), map[string]string{"of-prod": a.arn("prod-1")})
	a.stack("legacy", "", map[string]string{"plain": dev})

	ctx, client := context.Background(), iam.NewFromConfig(a.cfg)
	for _, name := range []string{"by-hand", "exempt-1"} {
		_, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, PermissionsBoundary: &dev, AssumeRolePolicyDocument: aws.String(trustOfLambda)})
		require.NoError(a.t, err)
	}
	_, err := client.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String("drifted"), PermissionsBoundary: aws.String(a.arn("by-hand"))})
	require.NoError(a.t, err)
	_, err = client.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("removed")})
	require.NoError(a.t, err)
}

const trustOfLambda = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// macroOf are the sections of a template that calls the macro.
func macroOf(environment string) string {
	return `"Transform":"PermissionsBoundaryMacro","Metadata":{"PermissionsBoundaryMacro":{"Environment":"` + environment + `"}},`
}

// stack creates a stack with roles, each with a boundary or none.
func (a motoAccount) stack(name, sections string, boundaries map[string]string) {
	a.t.Helper()
	resources := map[string]any{}
	for role, boundary := range boundaries {
		properties := map[string]any{"RoleName": role, "AssumeRolePolicyDocument": json.RawMessage(trustOfLambda)}
		if boundary != "" {
			properties["PermissionsBoundary"] = boundary
		}
		resources[regexp.MustCompile(`\W`).ReplaceAllString(role, "")] = map[string]any{"Type": "AWS::IAM::Role", "Properties": properties}
	}
	text, err := json.Marshal(resources)
	require.NoError(a.t, err)
	_, err = cloudformation.NewFromConfig(a.cfg).CreateStack(context.Background(), &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: aws.String(`{` + sections + `"Resources":` + string(text) + `}`),
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand},
	})
	require.NoError(a.t, err)
}

// motoProxy passes calls on to moto, which denies nobody anything, except requests
// to assume roles of deniedAccount.
type motoProxy struct {
	*httptest.Server
	mu      sync.Mutex
	calls   map[string]int // by service and operation, those that moto failed at left out
	assumed []url.Values   // requests to assume a role
}

func newMotoProxy(t *testing.T, moto string) *motoProxy {
	target, err := url.Parse(moto)
	require.NoError(t, err)
	p := &motoProxy{calls: map[string]int{}}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ModifyResponse = func(r *http.Response) error {
		p.note(r.Request, r.StatusCode)
		return nil
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body)) // other protocols have no action
		r.Header.Set(operationHeader, operationOf(r, form))
		if form.Get("Action") != "AssumeRole" {
			forward.ServeHTTP(w, r)
			return
		}
		p.mu.Lock()
		p.assumed = append(p.assumed, form)
		p.mu.Unlock()
		if !strings.HasPrefix(form.Get("RoleArn"), "arn:aws:iam::"+deniedAccount+":") {
			forward.ServeHTTP(w, r)
			return
		}
		p.note(r, http.StatusForbidden)
		deny(w, form.Get("RoleArn"))
	}))
	t.Cleanup(p.Close)
	return p
}

// operationHeader takes the name of a call through the proxy.
const operationHeader = "X-Test-Operation"

var serviceOf = regexp.MustCompile(`Credential=[^/]+/[0-9]+/[^/]+/([a-z]+)/`)

// operationOf is the service that a request is signed for, and the operation, in
// each of AWS's protocols.
func operationOf(r *http.Request, form url.Values) string {
	service := serviceOf.FindStringSubmatch(r.Header.Get("Authorization"))
	if service == nil {
		return "not signed: " + r.URL.Path
	}
	_, target, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	operation := target
	switch {
	case form.Has("Action"):
		operation = form.Get("Action")
	case target == "":
		operation = strings.Trim(r.URL.Path, "/")
	}
	return service[1] + " " + operation
}

// note counts a call, unless moto failed at it: it is not safe for concurrent use,
// and the SDK tries again.
func (p *motoProxy) note(r *http.Request, status int) {
	if status >= http.StatusInternalServerError {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[r.Header.Get(operationHeader)]++
}

func (p *motoProxy) answered() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// deny answers as STS does when a role's trust policy, or the caller's policies, do
// not allow to assume it.
func deny(w http.ResponseWriter, role string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>AccessDenied</Code>
    <Message>User: arn:aws:sts::%s:assumed-role/operator/test is not authorized to perform: sts:AssumeRole on resource: %s</Message>
  </Error>
  <RequestId>11111111-2222-3333-4444-555555555555</RequestId>
</ErrorResponse>
`, auditorAccount, role)
}
