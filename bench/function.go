package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"permissions-boundary-macro/cmd/macro/lambdatest"
)

// program is a Lambda function that can be started.
type program struct {
	name    string
	command []string
	size    int64 // of what is deployed, in bytes
}

// process is a program that runs against a runtime API of its own.
type process struct {
	api *lambdatest.Server
	cmd *exec.Cmd
	log bytes.Buffer
}

// patience is how long a function may take to answer on a busy machine.
const patience = time.Minute

func (p program) launch(ssm string) (*process, error) {
	f := &process{api: lambdatest.New(), cmd: exec.Command(p.command[0], p.command[1:]...)}
	f.api.Timeout = patience
	f.cmd.Env = append(f.api.Environment(ssm), "PATH="+os.Getenv("PATH"))
	f.cmd.Stdout, f.cmd.Stderr = &f.log, &f.log
	if err := f.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return f, nil
}

// invoke is one invocation, which must succeed.
func (f *process) invoke(event []byte) error {
	answer, err := f.api.Invoke(event, patience)
	if err != nil {
		return fmt.Errorf("%w: %s", err, f.log.Bytes())
	}
	if answer.Path != lambdatest.ResponsePath || !bytes.Contains(answer.Body, []byte(`"success"`)) {
		return fmt.Errorf("the function answered %s", answer.Body[:min(len(answer.Body), 1000)])
	}
	return nil
}

func (f *process) stop() {
	_ = f.cmd.Process.Kill() // it may be gone
	_ = f.cmd.Wait()         // "signal: killed"
	f.api.Close()
}

func (f *process) memory(field string) (int64, error) { return memory(f.cmd.Process.Pid, field) }

// memory is what Linux says of a process: VmRSS, the memory that it has, or
// VmHWM, the most that it had. In bytes. What it says when the process is gone
// counts the process that started it, too.
func memory(pid int, field string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(status), field+":")
	if !found {
		return 0, errors.New("no " + field + " of the process")
	}
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kilobytes << 10, err
}

// started is one start: from exec to the first answer.
type started struct {
	took, cpu time.Duration
	peak      int64
}

func (p program) start(ssm string, event []byte) (started, error) {
	before := time.Now()
	f, err := p.launch(ssm)
	if err != nil {
		return started{}, err
	}
	defer f.stop()
	if err := f.invoke(event); err != nil {
		return started{}, fmt.Errorf("%s: %w", p.name, err)
	}
	s := started{took: time.Since(before)}
	if s.peak, err = f.memory("VmHWM"); err != nil {
		return started{}, err
	}
	_ = f.cmd.Process.Kill()
	_ = f.cmd.Wait()
	s.cpu = f.cmd.ProcessState.UserTime() + f.cmd.ProcessState.SystemTime()
	return s, nil
}
