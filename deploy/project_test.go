package deploy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
)

// FuzzProject: a project file is taken, and then says the same when it is
// written and read again, or is refused by name and with a remedy. It is never
// taken for one that is not there.
func FuzzProject(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"current":"dev"}`,
		`{"current":"dev","environments":{"dev":{"profile":"p","region":"eu-west-1"},"prod":{}}}`,
		`{"environments":{"dev":{"targets":[{"account":"111122223333","region":"eu-west-1","profile":"p"},` +
			`{"region":"us-east-1","role":"arn:aws:iam::444455556666:role/pbm"}]},"local":{"store":"file:b.json"}}}`,
		`{"environments":{"dev":{"store":"file:b.json","profile":"p"},"prod":{"store":"ssm"}}}`, `{"environments":{"dev":{"targets":[]}}}`,
		`{"current":"a/b"}`, `{"environments":{"":{}}}`, `{"environments":null}`, `{"unknown":1}`, `{} {}`, `[]`, `null`, ``,
	} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), projectFile)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > maxProjectSize/4 {
			return // too large, or so when it is indented
		}
		require.NoError(t, os.WriteFile(path, text, 0o600))
		found, err := findProject(filepath.Dir(path))
		if err != nil {
			require.Nil(t, found)
			require.ErrorContains(t, err, "the project file "+path+" is not readable")
			require.NotEmpty(t, boundary.Remedy(err))
			return
		}
		require.NotNil(t, found)
		for name := range found.Environments {
			require.NoError(t, boundary.CheckEnvironment(name))
		}
		require.NoError(t, found.save())
		again, err := findProject(filepath.Dir(path))
		require.NoError(t, err)
		require.Equal(t, found.Current, again.Current)
		require.Equal(t, len(found.Environments), len(again.Environments))
		for name, how := range found.Environments {
			require.Equal(t, how, again.Environments[name])
		}
	})
}
