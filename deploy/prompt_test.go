package deploy_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
)

// terminal is pbm on a pseudo-terminal, as somebody sees it.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	tty  *os.File
	mu   sync.Mutex
	seen bytes.Buffer
	done chan struct{}
}

// onTerminal starts pbm in a directory. Results go where stdout says, or to
// the terminal.
func onTerminal(t *testing.T, dir string, env []string, args ...string) *terminal {
	return onTerminalWith(t, dir, append([]string{"PBM_STORE=file:environments.json"}, env...), args...)
}

// onTerminalWith does so with no store but the one that the project names.
func onTerminalWith(t *testing.T, dir string, env []string, args ...string) *terminal {
	return startTerminal(t, nil, dir, env, args...)
}

// onTerminalOf does so on a terminal of a width.
func onTerminalOf(t *testing.T, width uint16, dir string, env []string, args ...string) *terminal {
	return startTerminal(t, &pty.Winsize{Rows: 24, Cols: width}, dir, env, args...)
}

func startTerminal(t *testing.T, size *pty.Winsize, dir string, env []string, args ...string) *terminal {
	x := &terminal{t: t, cmd: exec.Command("pbm", args...), done: make(chan struct{})}
	x.cmd.Dir = dir
	x.cmd.Env = append(append(os.Environ(), "CI=", "HOME="+filepath.Join(dir, "home"), "XDG_CONFIG_HOME="), env...)
	x.start(size)
	return x
}

// start starts the command on a terminal of its own.
func (x *terminal) start(size *pty.Winsize) {
	var err error
	x.tty, err = pty.StartWithSize(x.cmd, size)
	require.NoError(x.t, err)
	x.t.Cleanup(func() { x.tty.Close() })
	go func() {
		defer close(x.done)
		buffer := make([]byte, 4096)
		for {
			n, err := x.tty.Read(buffer)
			x.mu.Lock()
			x.seen.Write(buffer[:n])
			x.mu.Unlock()
			if err != nil { // EIO: pbm has ended
				return
			}
		}
	}()
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.ReplaceAll(x.seen.String(), "\r\n", "\n")
}

// expect waits until a text is there.
func (x *terminal) expect(text string) {
	x.t.Helper()
	require.Eventually(x.t, func() bool { return strings.Contains(x.text(), text) }, 20*time.Second, 5*time.Millisecond, "%q is not in:\n%s", text, x.text)
}

func (x *terminal) press(keys string) {
	_, err := x.tty.WriteString(keys)
	require.NoError(x.t, err)
}

// end waits for pbm and returns its exit code.
func (x *terminal) end() int {
	<-x.done
	_ = x.cmd.Wait() // the code tells
	return x.cmd.ProcessState.ExitCode()
}

const question = "permissions boundary of environment dev (ARN, policy name, or none"

// projectWith is a directory with a project whose current environment has a
// boundary.
func projectWith(t *testing.T, text string) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".pbm.json"), []byte(`{"current": "dev"}`), 0o644))
	store := `{"environments": {"dev": [{"version": 1, "value": "` + text + `"}]}}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "environments.json"), []byte(store), 0o644))
	return dir
}

// stored is what a directory's store has for an environment, over time.
func stored(t *testing.T, dir, environment string) (texts []string) {
	records, err := paramstore.NewFile(filepath.Join(dir, "environments.json")).History(context.Background(), boundary.Key{Environment: environment})
	require.NoError(t, err)
	for _, r := range records {
		texts = append(texts, r.Text)
	}
	return texts
}

const one, two = "arn:aws:iam::111122223333:policy/one", "arn:aws:iam::111122223333:policy/two"

// Amplify 14 and 15: the question names the environment and the present value;
// Enter keeps it, none removes it, and what cannot be used is asked again.
func TestPromptUpdate(t *testing.T) {
	for _, tc := range []struct {
		name, keys string
		want       []string
		says       []string
	}{
		{"enter keeps", "\r", []string{one}, []string{"unchanged"}},
		{"white space is nothing", "  \r", []string{one}, []string{"unchanged"}},
		{"edited to nothing keeps, too", "x\x7f\r", []string{one}, []string{"unchanged"}},
		{"none removes", "none\r", []string{one, "none"}, []string{"updated"}},
		{"another", two + "\r", []string{one, two}, []string{"updated"}},
		{"the same", one + "\r", []string{one}, []string{"unchanged"}},
		{
			"invalid, then another", "bo gus\r" + two + "\r",
			[]string{one, two},
			[]string{`pbm: error: boundary "bo gus" is neither "none" nor the ARN of an IAM managed policy`, "updated"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := projectWith(t, one)
			x := onTerminal(t, dir, nil, "env", "update")
			x.expect(question + "; Enter keeps " + one + "): ")
			x.press(tc.keys)
			assert.Zero(t, x.end(), x.text())
			for _, text := range tc.says {
				assert.Contains(t, x.text(), text)
			}
			assert.Equal(t, tc.want, stored(t, dir, "dev"))
		})
	}
}

// A malformed value is no default, and is not shown.
func TestPromptMalformed(t *testing.T) {
	dir := projectWith(t, "canary")
	x := onTerminal(t, dir, nil, "env", "update")
	x.expect(question + "): ")
	x.press("\r")
	x.expect("no value was typed; type none for no boundary")
	x.press(two + "\r")
	assert.Zero(t, x.end(), x.text())
	assert.NotContains(t, x.text(), "canary")
	assert.Equal(t, []string{"canary", two}, stored(t, dir, "dev"))
}

// Amplify 21d and 22: a new environment that inherits nothing is asked for,
// and an empty answer does not mean that it has no boundary.
func TestPromptAdd(t *testing.T) {
	dir := t.TempDir()
	x := onTerminal(t, dir, nil, "env", "add", "dev")
	x.expect(question + "): ")
	x.press("\r")
	x.expect("no value was typed; type none for no boundary")
	x.press("team/dev\r")
	assert.Zero(t, x.end(), x.text())
	assert.Equal(t, []string{"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/team/dev"}, stored(t, dir, "dev"))
}

// An answer that AWS does not know is asked again, too.
func TestPromptVerifies(t *testing.T) {
	fake, home := startAWS(t)
	cfg, err := client(context.Background(), home, fake.URL, "dev")
	require.NoError(t, err)
	require.NoError(t, createPolicy(context.Background(), cfg, "two"))
	env := []string{
		"PBM_STORE=ssm", "AWS_ENDPOINT_URL=" + fake.URL, "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(home, "credentials"),
		"AWS_PROFILE=dev", "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true",
	}
	x := onTerminal(t, t.TempDir(), env, "env", "add", "dev")
	x.expect(question)
	x.press("one\r")
	x.expect("pbm: error: policy arn:aws:iam::111122223333:policy/one does not exist")
	x.press("two\r")
	assert.Zero(t, x.end(), x.text())
	assert.Contains(t, x.text(), "created")
}

// Whoever gives no answer has changed nothing.
func TestPromptNoAnswer(t *testing.T) {
	for keys, want := range map[string]struct {
		text string
		code int
	}{
		"\x03": {"pbm: error: interrupted\npbm: hint: check the store: pbm env list\n", 130}, // Ctrl-C
		"\x04": {"pbm: error: no answer; nothing was written\n", 1},                          // Ctrl-D
	} {
		dir := projectWith(t, one)
		before, err := os.ReadFile(filepath.Join(dir, "environments.json"))
		require.NoError(t, err)
		x := onTerminal(t, dir, nil, "env", "update")
		x.expect("): ")
		x.press(keys)
		assert.Equal(t, want.code, x.end())
		assert.Contains(t, x.text(), want.text)
		after, err := os.ReadFile(filepath.Join(dir, "environments.json"))
		require.NoError(t, err)
		assert.Equal(t, string(before), string(after))
	}
}

// Removal has the name typed.
func TestPromptRemove(t *testing.T) {
	dir := projectWith(t, one)
	require.NoError(t, os.Remove(filepath.Join(dir, ".pbm.json")))
	x := onTerminal(t, dir, nil, "env", "remove", "dev")
	x.expect("type the name of the environment to remove it: ")
	x.press("prod\r")
	assert.Equal(t, 1, x.end())
	assert.Contains(t, x.text(), `pbm: error: "prod" is not "dev"; nothing was written`)
	assert.Equal(t, []string{one}, stored(t, dir, "dev"))

	x = onTerminal(t, dir, nil, "env", "remove", "dev")
	x.expect("type the name of the environment to remove it: ")
	x.press("dev\r")
	assert.Zero(t, x.end(), x.text())
	assert.Contains(t, x.text(), "removed")
}

// So has taking a boundary away, also from an environment that is named. To type
// none into a question that names it is an answer.
func TestPromptNone(t *testing.T) {
	dir := projectWith(t, one)
	x := onTerminal(t, dir, nil, "env", "update", "--permissions-boundary", "")
	x.expect("pbm transform sets no boundary on the roles of environment dev")
	x.expect("type the name of the environment to remove its boundary: ")
	x.press("\r")
	assert.Equal(t, 1, x.end())
	assert.Equal(t, []string{one}, stored(t, dir, "dev"))

	x = onTerminal(t, dir, nil, "env", "update", "dev", "--permissions-boundary", "")
	x.expect("to remove its boundary: ")
	x.press("dev\r")
	assert.Zero(t, x.end(), x.text())
	assert.Equal(t, []string{one, "none"}, stored(t, dir, "dev"))
}

// On a terminal, too, nobody is asked with --yes or in a CI job.
func TestNoPrompt(t *testing.T) {
	for _, tc := range []struct {
		env  []string
		args []string
	}{
		{nil, []string{"env", "update", "--yes"}},
		{[]string{"CI=true"}, []string{"env", "update"}},
		{nil, []string{"env", "add", "prod", "--yes", "--store", "file:other.json"}},
		{[]string{"CI=1"}, []string{"env", "remove", "prod"}},
	} {
		dir := projectWith(t, one)
		x := onTerminal(t, dir, tc.env, tc.args...)
		assert.NotZero(t, x.end())
		assert.NotContains(t, x.text(), "Enter keeps")
		assert.Contains(t, x.text(), "pbm: hint: ")
		assert.Equal(t, []string{one}, stored(t, dir, "dev"))
	}
}

// Before pbm writes where only the project says, it asks, and takes the answer
// as given until the project says something else.
func TestPromptProject(t *testing.T) {
	dir := projectWith(t, one)
	project := filepath.Join(dir, ".pbm.json")
	write := func(text string) { require.NoError(t, os.WriteFile(project, []byte(text), 0o644)) }
	write(`{"current": "dev", "environments": {"dev": {"store": "file:environments.json"}, "prod": {"profile": "admin"}}}`)
	update := []string{"env", "update", "--permissions-boundary", two}

	x := onTerminalWith(t, dir, nil, update...)
	x.expect("type yes to use that place, now and until that entry changes: ")
	x.press("y\r")
	assert.Equal(t, 1, x.end())
	assert.Contains(t, x.text(), `pbm: error: "y" is not "yes"; nothing was written`)
	assert.Equal(t, []string{one}, stored(t, dir, "dev"))

	x = onTerminalWith(t, dir, nil, update...)
	x.expect("pbm: warning: " + realPath(t, project) + " says where environment dev is (store file:environments.json), and you have not confirmed that on this machine\n")
	x.expect("entry changes: ")
	x.press("yes\r")
	assert.Zero(t, x.end(), x.text())
	assert.Equal(t, []string{one, two}, stored(t, dir, "dev"))

	// It is not asked again while the environment is there.
	write(`{"environments": {"prod": {"profile": "other"}, "dev": {"store": "file:environments.json"}}, "current": "dev"}`)
	update[len(update)-1] = one
	x = onTerminalWith(t, dir, nil, update...)
	assert.Zero(t, x.end(), x.text())
	assert.NotContains(t, x.text(), "type yes")
	assert.Equal(t, []string{one, two, one}, stored(t, dir, "dev"))

	write(`{"current": "dev", "environments": {"dev": {"store": "file:other.json"}}}`)
	x = onTerminalWith(t, dir, nil, update...)
	x.expect("entry changes: ")
	x.press("\x04")
	assert.Equal(t, 1, x.end())
}

func realPath(t *testing.T, path string) string {
	real, err := filepath.EvalSymlinks(path)
	require.NoError(t, err)
	return real
}
