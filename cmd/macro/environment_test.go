package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What Lambda and SAM set in the environment is what the client takes, and
// nothing else is looked at.
func TestClientEnvironment(t *testing.T) {
	clear := func(t *testing.T) {
		for _, name := range []string{"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"} {
			t.Setenv(name, "")
		}
		t.Setenv("AWS_REGION", "eu-west-1")
	}
	t.Run("keys of a session", func(t *testing.T) {
		clear(t)
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
		t.Setenv("AWS_SESSION_TOKEN", "token")
		t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
		client, err := newClient(context.Background())
		require.NoError(t, err)
		got, err := client.Options().Credentials.Retrieve(context.Background())
		require.NoError(t, err)
		assert.Equal(t, []string{"AKIDEXAMPLE", "secret", "token"}, []string{got.AccessKeyID, got.SecretAccessKey, got.SessionToken})
		assert.Equal(t, "eu-west-1", client.Options().Region)
		require.NotNil(t, client.Options().BaseEndpoint)
		assert.Equal(t, "http://127.0.0.1:4566", *client.Options().BaseEndpoint)
	})
	t.Run("credentials of a container, as with SnapStart", func(t *testing.T) {
		clear(t)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "Bearer x", r.Header.Get("Authorization"))
			_, _ = w.Write([]byte(`{"AccessKeyId":"AKIDCONTAINER","SecretAccessKey":"s","Token":"t","Expiration":"2999-01-01T00:00:00Z"}`))
		}))
		t.Cleanup(server.Close)
		t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL)
		t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x")
		client, err := newClient(context.Background())
		require.NoError(t, err)
		got, err := client.Options().Credentials.Retrieve(context.Background())
		require.NoError(t, err)
		assert.Equal(t, "AKIDCONTAINER", got.AccessKeyID)
	})
	t.Run("no files", func(t *testing.T) {
		clear(t)
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
		file := filepath.Join(t.TempDir(), "config")
		require.NoError(t, os.WriteFile(file, []byte("[default]\nendpoint_url = http://127.0.0.1:1\n"), 0o600))
		t.Setenv("AWS_CONFIG_FILE", file)
		client, err := newClient(context.Background())
		require.NoError(t, err)
		assert.Nil(t, client.Options().BaseEndpoint)
	})
}
