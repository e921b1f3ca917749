package paramstore_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/paramstore/ssmtest"
)

// What every store promises, on each of them. With the variable MOTO set to
// the address of a moto server, there too, so that the fake cannot lie.
func TestStores(t *testing.T) {
	stores := map[string]func(t *testing.T) boundary.Store{
		"ssm": func(t *testing.T) boundary.Store {
			server := ssmtest.New()
			t.Cleanup(server.Close)
			return paramstore.NewSSM(client(server.URL), paramstore.DefaultPrefix)
		},
		"file": func(t *testing.T) boundary.Store {
			return paramstore.NewFile(filepath.Join(t.TempDir(), "environments.json"))
		},
	}
	if moto := os.Getenv("MOTO"); moto != "" {
		stores["moto"] = func(t *testing.T) boundary.Store {
			response, err := http.Post(moto+"/moto-api/reset", "", nil)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode)
			return paramstore.NewSSM(client(moto), paramstore.DefaultPrefix)
		}
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Run("unknown", func(t *testing.T) { checkUnknown(t, open(t)) })
			t.Run("life", func(t *testing.T) { checkLife(t, open(t)) })
			t.Run("list", func(t *testing.T) { checkList(t, open(t)) })
		})
	}
}

func checkUnknown(t *testing.T, s boundary.Store) {
	ctx := context.Background()
	_, err := s.Get(ctx, "dev")
	assert.ErrorIs(t, err, boundary.ErrUnknown)
	_, err = s.History(ctx, "dev")
	assert.ErrorIs(t, err, boundary.ErrUnknown)
	_, err = s.Update(ctx, "dev", boundary.Value{}, 1)
	assert.ErrorIs(t, err, boundary.ErrUnknown)
	assert.ErrorIs(t, s.Remove(ctx, "dev"), boundary.ErrUnknown)
	assert.Contains(t, boundary.Remedy(err), "pbm env add dev")
	records, err := s.List(ctx)
	require.NoError(t, err)
	assert.Empty(t, records)
}

func checkLife(t *testing.T, s boundary.Store) {
	ctx := context.Background()
	one := value(t, "arn:aws:iam::aws:policy/One")

	record, err := s.Create(ctx, "dev", one)
	require.NoError(t, err)
	assert.Equal(t, int64(1), record.Version)
	_, err = s.Create(ctx, "dev", boundary.Value{})
	require.ErrorIs(t, err, boundary.ErrExists)
	assert.Contains(t, boundary.Remedy(err), "pbm env update dev")

	record, err = s.Update(ctx, "dev", boundary.Value{}, 1)
	require.NoError(t, err)
	assert.Equal(t, int64(2), record.Version)
	_, err = s.Update(ctx, "dev", one, 1)
	require.ErrorIs(t, err, boundary.ErrMoved)

	record, err = s.Get(ctx, "dev")
	require.NoError(t, err)
	assert.Equal(t, "none", record.Text)
	assert.Equal(t, int64(2), record.Version)
	assert.False(t, record.Modified.IsZero())

	history, err := s.History(ctx, "dev")
	require.NoError(t, err)
	require.Len(t, history, 2)
	assert.Equal(t, []string{one.String(), "none"}, []string{history[0].Text, history[1].Text})
	assert.Equal(t, []int64{1, 2}, []int64{history[0].Version, history[1].Version})
	assert.NotEmpty(t, history[1].ModifiedBy)

	require.NoError(t, s.Remove(ctx, "dev"))
	_, err = s.Get(ctx, "dev")
	assert.ErrorIs(t, err, boundary.ErrUnknown)
	record, err = s.Create(ctx, "dev", one)
	require.NoError(t, err)
	assert.Equal(t, int64(1), record.Version)
}

func checkList(t *testing.T, s boundary.Store) {
	ctx := context.Background()
	var want []string
	for i := 24; i >= 0; i-- {
		_, err := s.Create(ctx, fmt.Sprintf("env%02d", i), boundary.Value{})
		require.NoError(t, err)
		want = append([]string{fmt.Sprintf("env%02d", i)}, want...)
	}
	records, err := s.List(ctx)
	require.NoError(t, err)
	var got []string
	for _, r := range records {
		got = append(got, r.Environment)
		assert.Equal(t, int64(1), r.Version)
	}
	assert.Equal(t, want, got)
}

// SSM has no compare and swap. An update that meets another one is told so,
// whichever was first.
func TestSSMTwoUpdates(t *testing.T) {
	ctx := context.Background()
	server := ssmtest.New()
	t.Cleanup(server.Close)
	s := paramstore.NewSSM(client(server.URL), paramstore.DefaultPrefix)
	_, err := s.Create(ctx, "dev", boundary.Value{})
	require.NoError(t, err)

	server.Set("/permissions-boundary/dev", "arn:aws:iam::aws:policy/Theirs")
	_, err = s.Update(ctx, "dev", value(t, "arn:aws:iam::aws:policy/Mine"), 1)
	require.ErrorIs(t, err, boundary.ErrMoved)
	assert.EqualError(t, err, `environment "dev" was changed meanwhile: parameter /permissions-boundary/dev in eu-west-1 got version 2 by arn:aws:iam::111122223333:user/somebody-else`)
	assert.Contains(t, boundary.Remedy(err), "nothing was written")
	values, tags := server.Values("/permissions-boundary/dev")
	assert.Equal(t, []string{"none", "arn:aws:iam::aws:policy/Theirs"}, values)
	assert.Equal(t, []string{"PermissionsBoundaryMacro:Environment=dev"}, tags)

	server.BeforeNextWrite(func() { server.Set("/permissions-boundary/dev", "arn:aws:iam::aws:policy/Faster") })
	_, err = s.Update(ctx, "dev", value(t, "arn:aws:iam::aws:policy/Mine"), 2)
	require.ErrorIs(t, err, boundary.ErrMoved)
	assert.ErrorContains(t, err, "got version 3 by arn:aws:iam::111122223333:user/somebody-else")
	assert.Equal(t, "version 4 with your value stands now: see pbm env history dev, and agree on one", boundary.Remedy(err))
}
