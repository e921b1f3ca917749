package deploy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const unboundRole = "Resources:\n  Role: {Type: AWS::IAM::Role}\n"

// Whoever presses Ctrl-C does not want the rest of the files to be written.
func TestInterruptedBetweenFiles(t *testing.T) {
	t.Parallel()
	const files = 500
	for _, args := range [][]string{
		{"transform", ".", "--permissions-boundary", "dev", "--account", "111122223333", "--in-place"},
		{"adopt", "."},
	} {
		dir := t.TempDir()
		path := func(i int) string {
			// Long names fill the pipe that stderr is, so that pbm waits for its reader.
			return filepath.Join(dir, fmt.Sprintf("%0200d.yaml", i))
		}
		for i := range files {
			require.NoError(t, os.WriteFile(path(i), []byte(unboundRole), 0o600))
		}
		pbm := exec.Command("pbm", args...)
		pbm.Dir = dir
		stderr, err := pbm.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, pbm.Start())
		lines := bufio.NewReader(stderr)
		_, err = lines.ReadString('\n')
		require.NoError(t, err)
		require.NoError(t, pbm.Process.Signal(os.Interrupt))
		rest, err := io.ReadAll(lines)
		require.NoError(t, err)
		_ = pbm.Wait() // the code tells
		assert.Equal(t, 130, pbm.ProcessState.ExitCode(), args[0])
		assert.True(t, strings.HasSuffix(string(rest), "pbm: error: interrupted\n"+
			"pbm: hint: files that were written are named above; run the command again for the others\n"), args[0])
		last, err := os.ReadFile(path(files - 1))
		require.NoError(t, err)
		assert.Equal(t, unboundRole, string(last), args[0])
	}
}

// A read that waits ends with the first signal where it is of stdin, and with
// the second one wherever else.
func TestInterruptedRead(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		pbm := exec.Command("pbm", "check", "-")
		stdin, err := pbm.StdinPipe()
		require.NoError(t, err)
		var stderr bytes.Buffer
		pbm.Stderr = &stderr
		require.NoError(t, pbm.Start())
		_, err = io.WriteString(stdin, strings.Repeat("#", 1<<20)) // which pbm has begun to read then
		require.NoError(t, err)
		require.NoError(t, pbm.Process.Signal(signal))
		_ = pbm.Wait() // the code tells
		assert.Equal(t, 130, pbm.ProcessState.ExitCode(), signal)
		assert.Equal(t, "pbm: error: interrupted\n", stderr.String(), signal)
	}
}

func TestSecondSignalKills(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	defer write.Close()
	pbm := exec.Command("pbm", "check", "/dev/fd/3")
	pbm.ExtraFiles = []*os.File{read}
	require.NoError(t, pbm.Start())
	_, err = io.WriteString(write, strings.Repeat("#", 1<<20))
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- pbm.Wait() }()
	require.Eventually(t, func() bool {
		select {
		case <-ended:
			return true
		default:
			_ = pbm.Process.Signal(os.Interrupt) // it may have ended
			return false
		}
	}, 20*time.Second, 20*time.Millisecond)
	assert.True(t, pbm.ProcessState.Sys().(syscall.WaitStatus).Signaled())
}
