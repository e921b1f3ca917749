package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// transforms are AWS's own, in one process for all tests.
var transforms awsTransforms

type awsTransforms struct {
	mu      sync.Mutex
	in      io.Writer
	answers *bufio.Reader
}

// ask asks transforms.py, which says what it takes.
func (a *awsTransforms) ask(request object) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.in == nil {
		if err := a.start(); err != nil {
			return nil, err
		}
	}
	line, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if _, err := a.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	if line, err = a.answers.ReadBytes('\n'); err != nil {
		return nil, err
	}
	var answer struct {
		Template object
		Error    string
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	return answer.Template, nil
}

// start starts the process. It ends with the tests, when its input does.
func (a *awsTransforms) start() error {
	cmd := exec.Command(filepath.Join(tools, "python3"), "transforms.py")
	cmd.Env = environ()
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	a.in, a.answers = in, bufio.NewReader(out)
	return cmd.Start()
}
