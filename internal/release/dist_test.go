package release_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/cmd/macro/lambdatest"
)

// What make release-check tells: the files of a release, and its commit.
var (
	dist   = os.Getenv("DIST")
	commit = os.Getenv("COMMIT")
)

func TestDist(t *testing.T) {
	if dist == "" {
		t.Skip("make release-check runs it")
	}
	t.Run("files", testFiles)
	t.Run("programs", testPrograms)
	t.Run("functions", testFunctions)
	t.Run("templates", testTemplates)
}

var platforms = []string{"darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64", "windows_amd64", "windows_arm64"}

// Every file that a release needs, and no other, has a checksum.
func testFiles(t *testing.T) {
	want := []string{
		"auditor.yaml", "macro-arm64.cdx.json", "macro-arm64.zip", "macro-x86_64.cdx.json", "macro-x86_64.zip",
		"pusher.yaml", "spoke.yaml", "template-arm64.yaml", "template-x86_64.yaml",
	}
	for _, platform := range platforms {
		want = append(want, "pbm_"+platform+".cdx.json", filepath.Base(archive(platform)))
	}
	sums, err := os.ReadFile(filepath.Join(dist, "checksums.txt"))
	require.NoError(t, err)
	var got []string
	for line := range strings.Lines(string(sums)) {
		got = append(got, strings.Fields(line)[1])
	}
	assert.ElementsMatch(t, want, got)
	for _, name := range got {
		if text, err := os.ReadFile(filepath.Join(dist, name)); assert.NoError(t, err) && strings.HasSuffix(name, ".cdx.json") {
			assert.True(t, json.Valid(text), name)
			assert.Contains(t, string(text), "pkg:golang/github.com/aws/aws-sdk-go-v2@", name)
		}
	}
}

func archive(platform string) string {
	if strings.HasPrefix(platform, "windows") {
		return filepath.Join(dist, "pbm_"+platform+".zip")
	}
	return filepath.Join(dist, "pbm_"+platform+".tar.gz")
}

// Each archive has the program, LICENSE and README.md, and the program of this
// platform says what it was built from.
func testPrograms(t *testing.T) {
	for _, platform := range platforms {
		files, program := unzip, "pbm.exe"
		if strings.HasSuffix(archive(platform), ".tar.gz") {
			files, program = untar, "pbm"
		}
		got := files(t, archive(platform))
		require.Len(t, got, 3, platform)
		assert.Greater(t, len(got[program]), 1<<20, platform)
		for _, name := range []string{"LICENSE", "README.md"} {
			want, err := os.ReadFile("../../" + name)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got[name]), platform)
		}
		if platform != runtime.GOOS+"_"+runtime.GOARCH {
			continue
		}
		out, err := exec.Command(executable(t, got[program]), "version", "--json").Output()
		require.NoError(t, err)
		var build struct{ Version, Commit string }
		require.NoError(t, json.Unmarshal(out, &build))
		assert.Equal(t, commit, build.Commit)
		assert.Equal(t, output(t, "template-arm64.yaml", "Version"), build.Version)
	}
}

// Each zip has the function and nothing else, and that of this platform answers
// an event and logs what it was built from.
func testFunctions(t *testing.T) {
	for architecture, name := range map[string]string{"amd64": "macro-x86_64.zip", "arm64": "macro-arm64.zip"} {
		path := filepath.Join(dist, name)
		got := unzip(t, path)
		require.Len(t, got, 1, name)
		require.Contains(t, got, "bootstrap", name)
		if runtime.GOOS != "linux" || runtime.GOARCH != architecture {
			continue
		}
		api := lambdatest.New()
		defer api.Close()
		var log bytes.Buffer
		cmd := exec.Command(executable(t, got["bootstrap"]))
		cmd.Env, cmd.Stdout, cmd.Stderr = api.Environment("http://127.0.0.1:1"), &log, &log
		require.NoError(t, cmd.Start())
		answer, err := api.Invoke([]byte(`{"region":"eu-west-1","accountId":"111122223333","transformId":"111122223333::M","requestId":"5dba79b5",`+
			`"params":{},"templateParameterValues":{},"fragment":{"Resources":{"T":{"Type":"AWS::SNS::Topic"}}}}`), 20*time.Second)
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // "signal: killed"
		require.NoError(t, err)
		require.Equal(t, lambdatest.ResponsePath, answer.Path)
		assert.JSONEq(t, `{"requestId":"5dba79b5","status":"success","fragment":{"Resources":{"T":{"Type":"AWS::SNS::Topic"}}}}`, string(answer.Body))
		assert.Contains(t, log.String(), `"version":"`+output(t, "template-arm64.yaml", "Version")+`","commit":"`+commit+`"`)
	}
}

// Each template takes the function from the zip beside it, without a build.
func testTemplates(t *testing.T) {
	for _, architecture := range []string{"arm64", "x86_64"} {
		name := "template-" + architecture + ".yaml"
		text, err := os.ReadFile(filepath.Join(dist, name))
		require.NoError(t, err)
		assert.Contains(t, string(text), "\n      CodeUri: macro-"+architecture+".zip\n")
		assert.Contains(t, string(text), "\n    Default: "+architecture+"\n    AllowedValues: ["+architecture+"]\n")
		assert.NotContains(t, string(text), "BuildMethod")
		assert.Equal(t, commit, output(t, name, "Commit"))
	}
}

// output is the literal value of an output of a template.
func output(t *testing.T, template, name string) string {
	text, err := os.ReadFile(filepath.Join(dist, template))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\n  "+name+":\n    Description: The ")
	require.True(t, found, name)
	_, rest, _ = strings.Cut(rest, "\n    Value: ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

func executable(t *testing.T, content []byte) string {
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, content, 0o700))
	return path
}

// unzip is the content of each file.
func unzip(t *testing.T, path string) map[string][]byte {
	r, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer r.Close()
	files := map[string][]byte{}
	for _, f := range r.File {
		content, err := f.Open()
		require.NoError(t, err)
		files[f.Name], err = io.ReadAll(content)
		require.NoError(t, err)
		if f.Name == "bootstrap" {
			assert.Equal(t, os.FileMode(0o755), f.Mode(), "%s: Lambda starts only an executable", path)
		}
	}
	return files
}

func untar(t *testing.T, path string) map[string][]byte {
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	require.NoError(t, err)
	files := map[string][]byte{}
	for r := tar.NewReader(unpacked); ; {
		header, err := r.Next()
		if err == io.EOF {
			return files
		}
		require.NoError(t, err)
		files[header.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
}
