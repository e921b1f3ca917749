package deploy_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/paramstore/ssmtest"
)

var update = flag.Bool("update", false, "rewrite what the scripts and examples want")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pbm": func() { os.Exit(deploy.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// Each script in testdata/script is one behaviour of pbm, through its main.
// $SSM is an endpoint with /permissions-boundary/dev in account 111122223333.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			server := ssmtest.New()
			env.Defer(server.Close)
			server.Set("/permissions-boundary/dev", "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/dev")
			examples, err := filepath.Abs("../examples")
			if err != nil {
				return err
			}
			env.Vars = append(env.Vars, "SSM="+server.URL, "EXAMPLES="+examples)
			return nil
		},
	})
	entries, err := os.ReadDir(filepath.Join("testdata", "script"))
	require.NoError(t, err)
	for _, entry := range entries {
		assert.Equal(t, ".txtar", filepath.Ext(entry.Name()), "%s is no script", entry.Name())
	}
}

// The examples come out as their expected results say.
func TestExamples(t *testing.T) {
	templates, err := filepath.Glob("../examples/*-*.*")
	require.NoError(t, err)
	require.Len(t, templates, 3)
	for _, template := range templates {
		t.Run(filepath.Base(template), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.json")
			args := []string{"transform", template, "--store", "file:../examples/environments.json", "--account", "111122223333", "--region", "eu-west-1", "--out", out}
			if filepath.Base(template) == "website-cdk.json" {
				args = append(args, "--environment", "dev")
			}
			require.Zero(t, deploy.Run(context.Background(), args, os.Stdout, os.Stderr))
			got, err := os.ReadFile(out)
			require.NoError(t, err)
			expected := filepath.Join("../examples/expected", filepath.Base(template)+".json")
			if *update {
				require.NoError(t, os.WriteFile(expected, got, 0o644))
			}
			want, err := os.ReadFile(expected)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got))
		})
	}
}
