package e2e_test

import (
	"debug/elf"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A user's first hour, as docs/deploying.md has it.
func TestSAM(t *testing.T) {
	scenario(t, "sam validate --lint and cfn-lint", func(t *testing.T) string {
		dir, err := checkout()
		require.NoError(t, err)
		run(t, dir, environ(), "sam", "validate", "--lint")
		run(t, dir, environ(), "cfn-lint", "template.yaml", "deploy/spoke.yaml", "deploy/auditor.yaml", "deploy/pusher.yaml")
		return "no finding in template.yaml, nor in those of deploy"
	})

	scenario(t, "sam build", func(t *testing.T) string {
		for architecture, want := range map[string]struct {
			goarch  string
			machine elf.Machine
		}{"arm64": {"arm64", elf.EM_AARCH64}, "x86_64": {"amd64", elf.EM_X86_64}} {
			dir, err := samBuild(want.goarch, architecture)
			require.NoError(t, err)
			binary, err := elf.Open(filepath.Join(dir, "MacroFunction/bootstrap"))
			require.NoError(t, err)
			assert.Equal(t, want.machine, binary.Machine)
			require.NoError(t, binary.Close())
		}
		return "arm64 and x86_64"
	})

	scenario(t, "sam local invoke", func(t *testing.T) string {
		putExamples(t)
		template := localTemplate(t)
		events, err := filepath.Glob("../events/*.json")
		require.NoError(t, err)
		require.NotEmpty(t, events)
		for _, event := range events {
			event, err := filepath.Abs(event)
			require.NoError(t, err)
			got := run(t, filepath.Dir(template), environ(), "sam", "local", "invoke", "MacroFunction", "--template", template,
				"--parameter-overrides", "Architecture=x86_64", "--event", event, "--skip-pull-image")
			// SAM CLI prints the response anew.
			assert.JSONEq(t, golden(t, event), got, filepath.Base(event))
		}
		return fmt.Sprintf("%d events answered as events/expected has it", len(events))
	})

	scenario(t, "sam local start-lambda and aws lambda invoke", func(t *testing.T) string {
		putExamples(t)
		endpoint := startLambda(t, localTemplate(t))
		events, err := filepath.Glob("../events/*.json")
		require.NoError(t, err)
		for _, event := range events {
			out := filepath.Join(t.TempDir(), "out.json")
			var status struct {
				StatusCode    int
				FunctionError string
			}
			aws(t, &status, "lambda", "invoke", "--endpoint-url", endpoint, "--function-name", "MacroFunction", "--payload", "file://"+event, out)
			assert.Equal(t, 200, status.StatusCode)
			assert.Empty(t, status.FunctionError)
			got, err := os.ReadFile(out)
			require.NoError(t, err)
			assert.JSONEq(t, golden(t, event), string(got), filepath.Base(event))
		}
		return fmt.Sprintf("%d events answered as events/expected has it", len(events))
	})
}

// putExamples writes the boundaries of examples/environments.json into SSM, as
// docs/deploying.md does.
func putExamples(t *testing.T) {
	t.Helper()
	for environment, value := range map[string]string{
		"dev":     "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/dev-boundary",
		"prod":    "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/prod-boundary",
		"sandbox": "none",
	} {
		aws(t, nil, "ssm", "put-parameter", "--type", "String", "--name", "/permissions-boundary/"+environment, "--value", value)
	}
}

// What events/expected has for the function's account, and what AWS's runtime
// emulator has for it.
const (
	functionAccount = "of account 111122223333"
	emulatorAccount = "of account 012345678912"
)

func golden(t *testing.T, event string) string {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("../events/expected", filepath.Base(event)))
	require.NoError(t, err)
	// The emulator of the runtime gives functions an account of its own.
	return strings.ReplaceAll(string(want), functionAccount, emulatorAccount)
}

// localTemplate is the built template with one variable more: the function
// finds moto in place of SSM.
func localTemplate(t *testing.T) string {
	t.Helper()
	dir := filepath.Dir(builtFunction(t))
	text, err := os.ReadFile(filepath.Join(dir, "template.yaml"))
	require.NoError(t, err)
	const variables = "        Variables:\n"
	require.Equal(t, 1, strings.Count(string(text), variables))
	path := filepath.Join(dir, "local.yaml")
	text = []byte(strings.Replace(string(text), variables, variables+"          AWS_ENDPOINT_URL_SSM: "+relay(t)+"\n", 1))
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// relay passes requests from containers on to moto, which listens on loopback
// only. SAM CLI has no way to put a container on the host's network.
func relay(t *testing.T) string {
	t.Helper()
	bridge, err := net.InterfaceByName("docker0")
	require.NoError(t, err)
	addresses, err := bridge.Addrs()
	require.NoError(t, err)
	require.NotEmpty(t, addresses)
	listener, err := net.Listen("tcp", net.JoinHostPort(addresses[0].(*net.IPNet).IP.String(), "0"))
	require.NoError(t, err)
	target, err := url.Parse(moto)
	require.NoError(t, err)
	server := &http.Server{Handler: httputil.NewSingleHostReverseProxy(target)}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return "http://" + listener.Addr().String()
}

// startLambda starts the local Lambda service of SAM CLI and returns where it
// is.
func startLambda(t *testing.T, template string) string {
	t.Helper()
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	cmd := exec.Command("env", "sam", "local", "start-lambda", "--template", template, "--host", "127.0.0.1", "--port", port,
		"--parameter-overrides", "Architecture=x86_64", "--warm-containers", "EAGER", "--skip-pull-image")
	cmd.Env = environ()
	log := &logged{}
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		// It removes its containers.
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		_ = cmd.Wait() // by a signal
	})
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "Running on") }, 2*time.Minute, 100*time.Millisecond,
		"sam local start-lambda does not listen")
	return "http://" + address
}
