package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// peer is a process that does the job apart from Lambda, as often as a line on
// its stdin says, and answers with the CPU time that it took.
type peer struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

func startPeer(command ...string) (*peer, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &peer{cmd, stdin, bufio.NewReader(stdout)}, cmd.Start()
}

func (p *peer) run(n int) (time.Duration, error) {
	if _, err := fmt.Fprintln(p.stdin, n); err != nil {
		return 0, err
	}
	var microseconds, length int64
	if _, err := fmt.Fscanln(p.stdout, &microseconds, &length); err != nil {
		return 0, fmt.Errorf("read what a peer took: %w", err)
	}
	return time.Duration(microseconds) * time.Microsecond, nil
}

func (p *peer) stop() error {
	if err := p.stdin.Close(); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// peersOn starts the peers that are there on an event, and warms them up.
func peersOn(event []byte, dir string, warmUp int) ([]contestant, func() error, error) {
	path := filepath.Join(dir, "event.json")
	if err := os.WriteFile(path, event, 0o600); err != nil {
		return nil, nil, err
	}
	var commands [][]string
	var names []string
	if hasNode() {
		names = append(names, "Node: JSON.parse, loop, JSON.stringify")
		commands = append(commands, []string{"node", filepath.Join(nodeDir, "transform.mjs"), path})
	}
	if hasPython() {
		names = append(names, "Python: json.loads, loop, json.dumps")
		commands = append(commands, []string{filepath.Join(venv, "bin/python"), filepath.Join(pythonDir, "transform.py"), path})
	}
	var all []contestant
	var started []*peer
	for i, command := range commands {
		p, err := startPeer(command...)
		if err != nil {
			return nil, nil, err
		}
		if _, err := p.run(warmUp); err != nil {
			return nil, nil, err
		}
		all = append(all, contestant{names[i], p.run})
		started = append(started, p)
	}
	stop := func() error {
		for _, p := range started {
			if err := p.stop(); err != nil {
				return err
			}
		}
		return nil
	}
	return all, stop, nil
}
