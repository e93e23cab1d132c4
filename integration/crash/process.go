package crash

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
)

// A Process is a receiver of [Main], which is killed and started again.
type Process struct {
	env      []string
	url      atomic.Pointer[string] // of the one that runs
	cmd      *exec.Cmd
	lifeline io.Closer
}

// NewProcess returns the receiver of that name, which does not run yet. Effects is a file, which exists.
func NewProcess(receiver, target, effects string) *Process {
	return &Process{env: []string{workerEnv + "=" + receiver, targetEnv + "=" + target, effectsEnv + "=" + effects}}
}

// URL is where the receiver listens that was started last, with a slash at its end.
func (p *Process) URL() string { return *p.url.Load() }

// Start starts the receiver, and returns when it listens.
func (p *Process) Start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if p.lifeline, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd = cmd
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return errors.Join(fmt.Errorf("crash: the receiver does not start: %w", err), p.Kill())
	}
	url := "http://" + line[:len(line)-1] + "/"
	p.url.Store(&url)
	return nil
}

// Kill ends the receiver by SIGKILL.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.lifeline.Close()
	return err
}
