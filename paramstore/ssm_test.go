package paramstore_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/paramstore/ssmtest"
)

func client(endpoint string) *ssm.Client {
	return ssm.New(ssm.Options{
		Region:           "eu-west-1",
		BaseEndpoint:     aws.String(endpoint),
		RetryMaxAttempts: 2,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
	})
}

func TestSSMGet(t *testing.T) {
	server := ssmtest.New()
	t.Cleanup(server.Close)
	server.Set("/team/x/dev", "none")
	store := paramstore.NewSSM(client(server.URL), "/team/x")

	record, err := store.Get(context.Background(), key("dev"))
	require.NoError(t, err)
	assert.Equal(t, boundary.Record{Key: key("dev"), Text: "none", Version: 1, Modified: time.Unix(1.7e9, 0).UTC()}, record)
	assert.Equal(t, "parameter /team/x/dev in eu-west-1", store.Location(key("dev")))

	_, err = store.Get(context.Background(), key("stage"))
	require.ErrorIs(t, err, boundary.ErrUnknown)
	assert.EqualError(t, err, `environment "stage" is unknown: parameter /team/x/stage in eu-west-1 does not exist`)
	assert.Equal(t, "add it: pbm env add stage --region eu-west-1 --prefix /team/x", boundary.Remedy(err))
	assert.Equal(t, []string{"GetParameter /team/x/dev", "GetParameter /team/x/stage"}, server.Calls())
}

// The override and the environment's own value come from one call, decrypted.
func TestSSMEffective(t *testing.T) {
	server := ssmtest.New()
	t.Cleanup(server.Close)
	server.SetSecure("/team/x/dev", "none")
	server.SetSecure("/team/x/dev/111122223333", "arn:aws:iam::aws:policy/One")
	store := paramstore.NewSSM(client(server.URL), "/team/x")

	for _, tc := range []struct{ key, from, text, call string }{
		{"dev/111122223333", "dev/111122223333", "arn:aws:iam::aws:policy/One", "GetParameters /team/x/dev/111122223333 /team/x/dev"},
		{"dev/444455556666", "dev", "none", "GetParameters /team/x/dev/444455556666 /team/x/dev"},
		{"dev", "dev", "none", "GetParameters /team/x/dev"},
	} {
		before := len(server.Calls())
		record, err := store.Effective(context.Background(), key(tc.key))
		require.NoError(t, err)
		assert.Equal(t, boundary.Record{Key: key(tc.from), Text: tc.text, Version: 1, Modified: time.Unix(1.7e9, 0).UTC()}, record)
		assert.Equal(t, []string{tc.call}, server.Calls()[before:])
	}
	_, err := store.Effective(context.Background(), key("stage/111122223333"))
	require.ErrorIs(t, err, boundary.ErrUnknown)
	assert.EqualError(t, err, `environment "stage" is unknown: parameter /team/x/stage in eu-west-1 does not exist`)
}

// An answer that could hide an override is not used, and a denial is told as one.
func TestSSMEffectiveErrors(t *testing.T) {
	const own, override = `{"Name":"/permissions-boundary/dev","Value":"none"}`, `{"Name":"/permissions-boundary/dev/111122223333","Value":"none"}`
	for _, body := range []string{
		`{}`,
		`{"Parameters":[` + own + `]}`,
		`{"Parameters":[` + override + `]}`,
		`{"Parameters":[` + own + `],"InvalidParameters":["/permissions-boundary/dev/444455556666"]}`,
		`{"Parameters":[` + own + `,` + override + `,{"Name":"/permissions-boundary/prod","Value":"none"}]}`,
		`{"Parameters":[{"Value":"none"}],"InvalidParameters":["/permissions-boundary/dev","/permissions-boundary/dev/111122223333"]}`,
	} {
		server := ssmtest.New()
		t.Cleanup(server.Close)
		server.Fail(ssmtest.Fault{Body: body})
		_, err := paramstore.NewSSM(client(server.URL), paramstore.DefaultPrefix).Effective(context.Background(), key("dev/111122223333"))
		assert.EqualError(t, err, "the answer of SSM about parameter /permissions-boundary/dev in eu-west-1 cannot be read", body)
	}
	server := ssmtest.New()
	t.Cleanup(server.Close)
	server.Fail(ssmtest.Fault{Code: "AccessDeniedException", Message: "no"})
	_, err := paramstore.NewSSM(client(server.URL), paramstore.DefaultPrefix).Effective(context.Background(), key("dev/111122223333"))
	require.ErrorIs(t, err, boundary.ErrDenied)
	assert.Equal(t, "allow ssm:GetParameters on it and on /permissions-boundary/dev/111122223333, and the use of its key if it is a SecureString", boundary.Remedy(err))
}

// Each thing that can go wrong in AWS has a text of its own and a remedy, and
// says it once.
func TestSSMErrors(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, tc := range []struct {
		name   string
		fault  ssmtest.Fault
		want   string
		remedy string
	}{
		{
			"denied",
			ssmtest.Fault{Code: "AccessDeniedException", Message: "no identity-based policy allows the ssm:GetParameter action"},
			"not permitted to read parameter /permissions-boundary/dev in eu-west-1: no identity-based policy allows the ssm:GetParameter action",
			"allow ssm:GetParameter on it, and the use of its key if it is a SecureString",
		},
		{
			"throttled",
			ssmtest.Fault{Code: "ThrottlingException", Message: "Rate exceeded"},
			"SSM throttles reads of parameter /permissions-boundary/dev in eu-west-1: Rate exceeded",
			"try again in a minute; if it happens often, raise the throughput of Parameter Store in this Region",
		},
		{
			"expired credentials",
			ssmtest.Fault{Code: "ExpiredTokenException", Message: "The security token included in the request is expired"},
			"AWS does not accept the credentials to read parameter /permissions-boundary/dev in eu-west-1: ExpiredTokenException: The security token included in the request is expired",
			"sign in again, or give other credentials",
		},
		{
			"failing",
			ssmtest.Fault{Code: "InternalServerError", Message: "an error occurred on the server side", Status: 500},
			"SSM failed to read parameter /permissions-boundary/dev in eu-west-1: InternalServerError: an error occurred on the server side",
			"try again in a minute; if it goes on, see the AWS Health Dashboard",
		},
		{
			"without a parameter",
			ssmtest.Fault{Body: `{}`},
			"the answer of SSM about parameter /permissions-boundary/dev in eu-west-1 cannot be read",
			"try again; if it happens often, check the way to SSM (VPC endpoint, proxy)",
		},
		{
			"a value of another kind, which is not repeated",
			ssmtest.Fault{Body: `{"Parameter":{"Value":123456}}`},
			"the answer of SSM about parameter /permissions-boundary/dev in eu-west-1 cannot be read (HTTP status 200)",
			"try again; if it happens often, check the way to SSM (VPC endpoint, proxy)",
		},
		{
			"a gateway",
			ssmtest.Fault{Body: "<html>secret</html>", Status: 502},
			"the answer of SSM about parameter /permissions-boundary/dev in eu-west-1 cannot be read (HTTP status 502)",
			"try again; if it happens often, check the way to SSM (VPC endpoint, proxy)",
		},
		{
			"reset",
			ssmtest.Fault{Cut: ssmtest.InBody, Body: `{"Parameter":{}}`},
			"the answer of SSM about parameter /permissions-boundary/dev in eu-west-1 cannot be read (HTTP status 200)",
			"try again; if it happens often, check the way to SSM (VPC endpoint, proxy)",
		},
		{
			"a redirection of a proxy",
			ssmtest.Fault{Body: " ", Status: 302},
			"the answer of SSM about parameter /permissions-boundary/dev in eu-west-1 cannot be read (HTTP status 302)",
			"try again; if it happens often, check the way to SSM (VPC endpoint, proxy)",
		},
		{
			"a sign-in of a proxy",
			ssmtest.Fault{Body: `{"message":"secret"}`, Status: 401},
			"the answer of SSM about parameter /permissions-boundary/dev in eu-west-1 cannot be read (HTTP status 401)",
			"try again; if it happens often, check the way to SSM (VPC endpoint, proxy)",
		},
		{
			"an empty refusal",
			ssmtest.Fault{Body: "{}", Status: 400},
			"the answer of SSM about parameter /permissions-boundary/dev in eu-west-1 cannot be read (HTTP status 400)",
			"try again; if it happens often, check the way to SSM (VPC endpoint, proxy)",
		},
		{
			"a text that is no line",
			ssmtest.Fault{Code: "AccessDeniedException", Message: "no\n\x1b[2K::error::"},
			`not permitted to read parameter /permissions-boundary/dev in eu-west-1: no\n\x1b[2K::error::`,
			"allow ssm:GetParameter on it, and the use of its key if it is a SecureString",
		},
		{
			"slow",
			ssmtest.Fault{Delay: time.Second},
			"SSM did not answer in time about parameter /permissions-boundary/dev in eu-west-1",
			"try again; if it happens often, check the way to SSM (VPC endpoint, proxy)",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := ssmtest.New()
			t.Cleanup(server.Close)
			server.Fail(tc.fault)
			ctx := context.Background()
			if tc.fault.Delay > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			_, err := paramstore.NewSSM(client(server.URL), paramstore.DefaultPrefix).Get(ctx, key("dev"))
			assert.EqualError(t, err, tc.want)
			assert.Equal(t, tc.remedy, boundary.Remedy(err))
		})
	}
	t.Run("unreachable", func(t *testing.T) {
		t.Parallel()
		_, err := paramstore.NewSSM(client(gone.URL), paramstore.DefaultPrefix).Get(context.Background(), key("dev"))
		assert.ErrorContains(t, err, "SSM cannot be reached to read parameter /permissions-boundary/dev in eu-west-1: dial tcp ")
		assert.Equal(t, "check the way to SSM (VPC endpoint, proxy) and try again", boundary.Remedy(err))
	})
}

// People who deploy may be in another account than the store, and what they read
// does not end with a command.
func TestSSMInAccount(t *testing.T) {
	server := ssmtest.New()
	t.Cleanup(server.Close)
	store := paramstore.NewSSM(client(server.URL), "/team/x").InAccount("111122223333")
	assert.Equal(t, "parameter /team/x/dev in eu-west-1 of account 111122223333", store.Location(key("dev")))
	assert.Equal(t, `run "pbm env update dev --region eu-west-1 --prefix /team/x" with credentials of account 111122223333 to correct it`, store.Correction(key("dev")))
	_, err := store.Get(context.Background(), key("stage"))
	require.ErrorIs(t, err, boundary.ErrUnknown)
	assert.Equal(t, `run "pbm env add stage --region eu-west-1 --prefix /team/x" with credentials of account 111122223333 to add it`, boundary.Remedy(err))
}

// Whether an environment is there, a caller without the permission cannot tell.
func TestSSMDenied(t *testing.T) {
	server := ssmtest.New()
	t.Cleanup(server.Close)
	server.Fail(ssmtest.Fault{Code: "AccessDeniedException"})
	_, err := paramstore.NewSSM(client(server.URL), paramstore.DefaultPrefix).Get(context.Background(), key("dev"))
	assert.ErrorIs(t, err, boundary.ErrDenied)
	assert.NotErrorIs(t, err, boundary.ErrUnknown)
}

// What lies below the prefix under a name that no environment can have is not
// listed.
func TestSSMListNames(t *testing.T) {
	server := ssmtest.New()
	t.Cleanup(server.Close)
	server.Set("/permissions-boundary/dev", "none")
	server.Set("/permissions-boundary/"+strings.Repeat("x", 65), "none")
	server.Set("/permissions-boundary/dev/11112222333", "none")
	server.Set("/permissions-boundary/dev/111122223333/x", "none")
	server.Set("/permissions-boundary/team/x/111122223333", "none")
	records, err := paramstore.NewSSM(client(server.URL), paramstore.DefaultPrefix).List(context.Background())
	require.NoError(t, err)
	require.Len(t, records, 1)
	assert.Equal(t, "dev", records[0].Key.String())
}

// A throttled read is tried again.
func TestSSMRetries(t *testing.T) {
	t.Parallel()
	server := ssmtest.New()
	t.Cleanup(server.Close)
	server.Set("/permissions-boundary/dev", "none")
	server.Fail(ssmtest.Fault{Code: "ThrottlingException", Times: 1})
	record, err := paramstore.NewSSM(client(server.URL), paramstore.DefaultPrefix).Get(context.Background(), key("dev"))
	require.NoError(t, err)
	assert.Equal(t, "none", record.Text)
	assert.Len(t, server.Calls(), 2)
}

func TestCheckPrefix(t *testing.T) {
	for _, prefix := range []string{"/permissions-boundary", "/a/b.c/d_e-f", "/x1", "/a/b/c/d/e/f/g/h/i/j/k/l/m"} {
		assert.NoError(t, paramstore.CheckPrefix(prefix), prefix)
	}
	for _, prefix := range []string{"", "/", "a", "/a/", "/a b", "//a", "/aws/x", "/SSM", "/awsome", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n"} {
		assert.Error(t, paramstore.CheckPrefix(prefix), prefix)
	}
}
