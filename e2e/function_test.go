package e2e_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// function is the macro's function as sam build makes it, in the runtime
// emulator that SAM CLI brings along.
type function struct {
	url string
	log *logged
}

// logged is what the function and the emulator print.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startFunction starts the function with settings, as environment variables.
func startFunction(t *testing.T, settings ...string) *function {
	t.Helper()
	emulators, err := filepath.Glob(filepath.Join(tools, "../lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"))
	require.NoError(t, err)
	require.Len(t, emulators, 1)
	address := freeAddress(t)
	f := &function{url: "http://" + address + "/2015-03-31/functions/function/invocations", log: &logged{}}
	cmd := exec.Command(emulators[0], "--log-level", "error", "--runtime-interface-emulator-address", address,
		"--runtime-api-address", freeAddress(t), filepath.Join(builtFunction(t), "bootstrap"))
	cmd.Env = environ(settings...)
	cmd.Stdout, cmd.Stderr = f.log, f.log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // "signal: killed"
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "the runtime emulator does not listen")
	return f
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// invoke sends an event and returns the response as the function gave it.
func (f *function) invoke(event []byte) ([]byte, error) {
	response, err := http.Post(f.url, "application/json", bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

// builtFunction is the folder of the function that sam build makes for x86_64.
func builtFunction(t *testing.T) string {
	t.Helper()
	dir, err := samBuild("amd64", "x86_64")
	require.NoError(t, err)
	return filepath.Join(dir, "MacroFunction")
}

var builds = map[string]func() (string, error){}

// samBuild runs sam build once for an architecture, as Go and as Lambda call
// it, and returns the folder of the result.
func samBuild(goarch, architecture string) (string, error) {
	if builds[architecture] == nil {
		builds[architecture] = sync.OnceValues(func() (string, error) {
			dir, err := checkout()
			if err != nil {
				return "", err
			}
			out := filepath.Join(dir, ".aws-sam", architecture)
			_, err = try(dir, environ("ARCH="+goarch), "sam", "build", "--build-dir", out, "--parameter-overrides", "Architecture="+architecture)
			return out, err
		})
	}
	return builds[architecture]()
}

// lines are the lines of the function's log that hold a text.
func (f *function) lines(text string) []string {
	var found []string
	for line := range strings.Lines(f.log.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}
