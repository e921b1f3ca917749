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
			t.Run("override", func(t *testing.T) { checkOverride(t, open(t)) })
			t.Run("override alone", func(t *testing.T) { checkOverrideAlone(t, open(t)) })
		})
	}
}

// key is ParseKey of a name that is well-formed.
func key(name string) boundary.Key {
	k, err := boundary.ParseKey(name)
	if err != nil {
		panic(err)
	}
	return k
}

func checkUnknown(t *testing.T, s boundary.Store) {
	ctx := context.Background()
	_, err := s.Get(ctx, key("dev"))
	assert.ErrorIs(t, err, boundary.ErrUnknown)
	_, err = s.History(ctx, key("dev"))
	assert.ErrorIs(t, err, boundary.ErrUnknown)
	_, err = s.Update(ctx, key("dev"), boundary.Value{}, 1)
	assert.ErrorIs(t, err, boundary.ErrUnknown)
	assert.ErrorIs(t, s.Remove(ctx, key("dev")), boundary.ErrUnknown)
	assert.Contains(t, boundary.Remedy(err), "pbm env add dev")
	records, err := s.List(ctx)
	require.NoError(t, err)
	assert.Empty(t, records)
}

func checkLife(t *testing.T, s boundary.Store) {
	ctx := context.Background()
	one := value(t, "arn:aws:iam::aws:policy/One")

	record, err := s.Create(ctx, key("dev"), one)
	require.NoError(t, err)
	assert.Equal(t, int64(1), record.Version)
	_, err = s.Create(ctx, key("dev"), boundary.Value{})
	require.ErrorIs(t, err, boundary.ErrExists)
	assert.Contains(t, boundary.Remedy(err), "pbm env update dev")

	record, err = s.Update(ctx, key("dev"), boundary.Value{}, 1)
	require.NoError(t, err)
	assert.Equal(t, int64(2), record.Version)
	_, err = s.Update(ctx, key("dev"), one, 1)
	require.ErrorIs(t, err, boundary.ErrMoved)

	record, err = s.Get(ctx, key("dev"))
	require.NoError(t, err)
	assert.Equal(t, "none", record.Text)
	assert.Equal(t, int64(2), record.Version)
	assert.False(t, record.Modified.IsZero())

	history, err := s.History(ctx, key("dev"))
	require.NoError(t, err)
	require.Len(t, history, 2)
	assert.Equal(t, []string{one.String(), "none"}, []string{history[0].Text, history[1].Text})
	assert.Equal(t, []int64{1, 2}, []int64{history[0].Version, history[1].Version})
	assert.NotEmpty(t, history[1].ModifiedBy)

	require.NoError(t, s.Remove(ctx, key("dev")))
	_, err = s.Get(ctx, key("dev"))
	assert.ErrorIs(t, err, boundary.ErrUnknown)
	record, err = s.Create(ctx, key("dev"), one)
	require.NoError(t, err)
	assert.Equal(t, int64(1), record.Version)
}

func checkList(t *testing.T, s boundary.Store) {
	ctx := context.Background()
	var want []string
	for i := 24; i >= 0; i-- {
		_, err := s.Create(ctx, key(fmt.Sprintf("env%02d", i)), boundary.Value{})
		require.NoError(t, err)
		want = append([]string{fmt.Sprintf("env%02d", i)}, want...)
	}
	records, err := s.List(ctx)
	require.NoError(t, err)
	var got []string
	for _, r := range records {
		got = append(got, r.Key.String())
		assert.Equal(t, int64(1), r.Version)
	}
	assert.Equal(t, want, got)
}

// An override takes effect in its own account only, whatever it is, and has a
// life of its own.
func checkOverride(t *testing.T, s boundary.Store) {
	ctx := context.Background()
	const override = "dev/111122223333"
	effective := func(name string) (string, string) {
		t.Helper()
		record, err := s.Effective(ctx, key(name))
		require.NoError(t, err)
		return record.Key.String(), record.Text
	}
	check := func(name, wantKey, wantText string) {
		t.Helper()
		gotKey, gotText := effective(name)
		assert.Equal(t, []string{wantKey, wantText}, []string{gotKey, gotText})
	}
	_, err := s.Create(ctx, key("dev"), value(t, "arn:aws:iam::aws:policy/One"))
	require.NoError(t, err)
	check(override, "dev", "arn:aws:iam::aws:policy/One")
	check("dev", "dev", "arn:aws:iam::aws:policy/One")
	_, err = s.Get(ctx, key(override))
	require.ErrorIs(t, err, boundary.ErrUnknown)
	assert.ErrorContains(t, err, `environment "dev" has no override for account 111122223333`)
	assert.Contains(t, boundary.Remedy(err), "add it: pbm env update dev --for-account 111122223333 ")

	record, err := s.Create(ctx, key(override), boundary.Value{})
	require.NoError(t, err)
	assert.Equal(t, key(override), record.Key)
	assert.Equal(t, int64(1), record.Version)
	_, err = s.Create(ctx, key(override), boundary.Value{})
	require.ErrorIs(t, err, boundary.ErrExists)
	assert.ErrorContains(t, err, `the override of environment "dev" for account 111122223333 exists already`)
	check(override, override, "none")
	check("dev/444455556666", "dev", "arn:aws:iam::aws:policy/One")
	check("dev", "dev", "arn:aws:iam::aws:policy/One")

	record, err = s.Update(ctx, key(override), value(t, "arn:aws:iam::aws:policy/Two"), 1)
	require.NoError(t, err)
	assert.Equal(t, int64(2), record.Version)
	_, err = s.Update(ctx, key(override), boundary.Value{}, 1)
	require.ErrorIs(t, err, boundary.ErrMoved)
	check(override, override, "arn:aws:iam::aws:policy/Two")
	history, err := s.History(ctx, key(override))
	require.NoError(t, err)
	require.Len(t, history, 2)
	assert.Equal(t, key(override), history[1].Key)
	history, err = s.History(ctx, key("dev"))
	require.NoError(t, err)
	require.Len(t, history, 1)

	// "dev.x" sorts before "dev/" as text.
	for _, name := range []string{"dev.x", "dev/000000000000", "111122223333"} {
		_, err := s.Create(ctx, key(name), boundary.Value{})
		require.NoError(t, err)
	}
	records, err := s.List(ctx)
	require.NoError(t, err)
	var names []string
	for _, r := range records {
		names = append(names, r.Key.String())
	}
	assert.Equal(t, []string{"111122223333", "dev", "dev/000000000000", override, "dev.x"}, names)

	require.NoError(t, s.Remove(ctx, key(override)))
	check(override, "dev", "arn:aws:iam::aws:policy/One")
	require.ErrorIs(t, s.Remove(ctx, key(override)), boundary.ErrUnknown)
}

// An override counts without a value of the environment, and keeps it from no
// other account that the environment is unknown.
func checkOverrideAlone(t *testing.T, s boundary.Store) {
	ctx := context.Background()
	_, err := s.Create(ctx, key("dev/111122223333"), boundary.Value{})
	require.NoError(t, err)
	record, err := s.Effective(ctx, key("dev/111122223333"))
	require.NoError(t, err)
	assert.Equal(t, key("dev/111122223333"), record.Key)
	for _, name := range []string{"dev", "dev/444455556666"} {
		_, err := s.Effective(ctx, key(name))
		require.ErrorIs(t, err, boundary.ErrUnknown)
		assert.ErrorContains(t, err, `environment "dev" is unknown`)
		assert.Contains(t, boundary.Remedy(err), "pbm env add dev")
	}
	_, err = s.Get(ctx, key("dev"))
	assert.ErrorIs(t, err, boundary.ErrUnknown)
	records, err := s.List(ctx)
	require.NoError(t, err)
	require.Len(t, records, 1)
}

// SSM has no compare and swap. An update that meets another one is told so,
// whichever was first.
func TestSSMTwoUpdates(t *testing.T) {
	ctx := context.Background()
	server := ssmtest.New()
	t.Cleanup(server.Close)
	s := paramstore.NewSSM(client(server.URL), paramstore.DefaultPrefix)
	_, err := s.Create(ctx, key("dev"), boundary.Value{})
	require.NoError(t, err)

	server.Set("/permissions-boundary/dev", "arn:aws:iam::aws:policy/Theirs")
	_, err = s.Update(ctx, key("dev"), value(t, "arn:aws:iam::aws:policy/Mine"), 1)
	require.ErrorIs(t, err, boundary.ErrMoved)
	assert.EqualError(t, err, `environment "dev" was changed meanwhile: parameter /permissions-boundary/dev in eu-west-1 got version 2 by arn:aws:iam::111122223333:user/somebody-else`)
	assert.Contains(t, boundary.Remedy(err), "nothing was written")
	values, tags := server.Values("/permissions-boundary/dev")
	assert.Equal(t, []string{"none", "arn:aws:iam::aws:policy/Theirs"}, values)
	assert.Equal(t, []string{"PermissionsBoundaryMacro:Environment=dev"}, tags)

	server.BeforeNextWrite(func() { server.Set("/permissions-boundary/dev", "arn:aws:iam::aws:policy/Faster") })
	_, err = s.Update(ctx, key("dev"), value(t, "arn:aws:iam::aws:policy/Mine"), 2)
	require.ErrorIs(t, err, boundary.ErrMoved)
	assert.ErrorContains(t, err, "got version 3 by arn:aws:iam::111122223333:user/somebody-else")
	assert.Equal(t, "version 4 with your value stands now: see pbm env history dev, and agree on one", boundary.Remedy(err))
}
