// Package e2e_test runs what users run: SAM CLI, the AWS CLI, the SAM
// translator, the CDK, the Serverless Framework and pbm, with the macro in AWS's
// own runtime emulator, and SSM, IAM and CloudFormation in moto. make e2e
// installs and starts all that; elsewhere the tests skip.
package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// What make e2e tells: the folder with the programs of AWS, and where moto is.
var (
	tools = os.Getenv("E2E_TOOLS")
	moto  = os.Getenv("MOTO")
)

const (
	account = "123456789012" // moto's
	region  = "eu-west-1"
)

func TestMain(m *testing.M) {
	if tools == "" || moto == "" {
		fmt.Println("end-to-end tests skip here: make e2e runs them")
		return
	}
	if runtime.GOARCH != "amd64" {
		fmt.Println("end-to-end tests run on x86_64 only: they use the emulator and the image for it")
		os.Exit(1)
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "e2e")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		work = dir
		return m.Run()
	}())
}

// work is a folder for what all tests share.
var work string

// scenario runs a test that ends in one line: what was seen, or that it failed.
func scenario(t *testing.T, name string, run func(t *testing.T) (seen string)) {
	t.Run(name, func(t *testing.T) {
		seen := "failed"
		defer func() {
			verdict := "ok  "
			if t.Failed() {
				verdict = "FAIL"
			}
			fmt.Printf("%s %s: %s\n", verdict, name, seen)
		}()
		resetMoto(t)
		seen = run(t)
	})
}

// resetMoto empties the account. Functions of stacks are not run: the macro's
// own is, outside of moto.
func resetMoto(t *testing.T) {
	for path, body := range map[string]string{"reset": "", "config": `{"lambda": {"use_docker": false}}`} {
		response, err := http.Post(moto+"/moto-api/"+path, "application/json", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Less(t, response.StatusCode, http.StatusBadRequest)
	}
}

// environ is the environment of programs that talk to moto.
func environ(more ...string) []string {
	return append(os.Environ(), append([]string{
		"PATH=" + tools + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"AWS_ENDPOINT_URL=" + moto, "AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"SAM_CLI_TELEMETRY=0", "CI=true",
	}, more...)...)
}

// failure is a program that ended badly.
type failure struct {
	command string
	stderr  string
}

func (f *failure) Error() string { return f.command + ": " + f.stderr }

// try runs a program in a folder and returns what it prints.
func try(dir string, env []string, program string, args ...string) (string, error) {
	// The program is looked up on the path that it is given.
	cmd := exec.Command("env", append([]string{program}, args...)...)
	cmd.Dir, cmd.Env = dir, env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(stderr.String())
		if text == "" {
			text = strings.TrimSpace(stdout.String())
		}
		return stdout.String(), &failure{program + " " + strings.Join(args[:min(len(args), 2)], " "), text}
	}
	return stdout.String(), nil
}

func run(t *testing.T, dir string, env []string, program string, args ...string) string {
	t.Helper()
	out, err := try(dir, env, program, args...)
	require.NoError(t, err)
	return out
}

// aws runs the AWS CLI against moto, and reads what it prints.
func aws(t *testing.T, into any, args ...string) {
	t.Helper()
	require.NoError(t, tryAWS(into, args...))
}

func tryAWS(into any, args ...string) error {
	out, err := try("", environ(), "aws", append(args, "--output", "json")...)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

// pbm runs the operator's program against moto.
func pbm(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, t.TempDir(), environ(), pbmBinary(t), args...)
}

var buildPBM = sync.OnceValues(func() (string, error) {
	path := filepath.Join(work, "pbm")
	_, err := try("..", os.Environ(), "go", "build", "-o", path, "./cmd/pbm")
	return path, err
})

func pbmBinary(t *testing.T) string {
	t.Helper()
	path, err := buildPBM()
	require.NoError(t, err)
	return path
}

// checkout is a copy of the project's files as they are now, which sam build
// may write into.
var checkout = sync.OnceValues(func() (string, error) {
	list, err := try("..", os.Environ(), "git", "ls-files", "-co", "--exclude-standard")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(work, "checkout")
	for name := range strings.Lines(list) {
		name = strings.TrimSuffix(name, "\n")
		content, err := os.ReadFile(filepath.Join("..", name))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not committed yet
		}
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
})
